"""A member's own pictures."""
