"""Middleware: response headers, restrictions of access, the access log, and what pages alone need."""
