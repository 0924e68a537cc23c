"""Prompt interpretation: from English or Chinese text to what is painted."""
