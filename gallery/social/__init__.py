"""Likes, follows, comments and reports."""
