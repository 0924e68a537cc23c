"""The accounts app: users, accounts, credits, tokens, organisations, staff and the site's settings."""
