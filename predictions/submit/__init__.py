"""Submission: checks in a fixed order, price, hold and insert of a new prediction."""
