"""Execution: starting, watching, collecting and cancelling jobs at providers."""
