"""Units of money: amounts are integer micro-credits. Balances are written by `accounts.credits` alone."""

from __future__ import annotations

MICRO = 1_000_000
"""Micro-credits in one credit."""
