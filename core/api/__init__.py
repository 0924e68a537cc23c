"""Errors, fields, lists and examples of the project's own API."""
