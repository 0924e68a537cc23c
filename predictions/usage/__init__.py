"""Usage: what was made and spent, by day, for members and for operators."""
