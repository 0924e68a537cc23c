"""Stored files, uploads, and opening untrusted files in limited child processes."""
