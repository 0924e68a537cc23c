"""Checks of the predictions' invariants, for `manage.py audit`."""
