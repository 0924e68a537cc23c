"""The search backend of the database at hand."""

from __future__ import annotations

from django.db import connection

from gallery.search.backend import SearchBackend


def get_backend() -> SearchBackend:
    """That of the database that is used."""
    # Each imports nothing that the other database needs.
    from gallery.search.postgres_backend import PostgresBackend
    from gallery.search.sqlite_backend import SqliteBackend

    return PostgresBackend() if connection.vendor == "postgresql" else SqliteBackend()
