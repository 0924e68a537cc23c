"""Checks of the ledger's and the accounts' invariants, for `manage.py audit`."""
