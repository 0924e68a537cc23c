"""Likes, follows, comments and reports of published items."""
