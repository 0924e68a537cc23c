"""Shared library without any app: clock, database helpers, HTTP, admin, API and process tools."""
