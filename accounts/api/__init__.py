"""`/api/` endpoints of accounts: the caller, ledger, tokens, sessions, organisations, notices, announcements."""
