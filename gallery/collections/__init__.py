"""Collections of pictures."""
