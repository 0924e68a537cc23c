"""Exports of a member's data, account deletion, and what is retained for how long."""
