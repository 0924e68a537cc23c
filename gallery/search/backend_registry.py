"""Chooses the search backend for the kind of database in use."""

from __future__ import annotations

from django.db import connection

from gallery.search.backend import SearchBackend
from gallery.search.postgres_backend import PostgresBackend
from gallery.search.sqlite_backend import SqliteBackend


def get_backend() -> SearchBackend:
    """The backend of the default database. Both modules run raw SQL alone, and import no driver."""
    return PostgresBackend() if connection.vendor == "postgresql" else SqliteBackend()
