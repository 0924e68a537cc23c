"""Periodic jobs and wake-ups between processes and machines."""
