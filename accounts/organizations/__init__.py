"""Organisations: members share one balance, each with a role, tokens and limits of their own."""
