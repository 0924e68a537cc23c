"""Our backend for SQLite sends what Django's own would send."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.backends.sqlite3.base import SQLiteCursorWrapper

from accounts.models import User
from config.sqlite.base import LONG, Cursor, _with_question_marks

pytestmark = pytest.mark.skipif(settings.ON_POSTGRES, reason="SQLite alone")

QUERIES = [
    "SELECT %s",
    "SELECT %s, '%%s', %s",
    "SELECT x FROM y WHERE x LIKE '100%%' AND z = %s",
    "SELECT 1",
    "",
    "SELECT %s -- " + "long " * LONG,
]


@pytest.fixture
def cursors(db: None) -> tuple[Any, Any]:
    """One of ours and one of Django's on the same connection."""
    connection.ensure_connection()
    return connection.connection.cursor(factory=Cursor), connection.connection.cursor(
        factory=SQLiteCursorWrapper
    )


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:40])
def test_it_sends_the_same_query(cursors: tuple[Any, Any], query: str) -> None:
    ours, theirs = (cursor.convert_query(query) for cursor in cursors)

    assert ours == theirs


def test_it_sends_the_same_query_with_named_values(cursors: tuple[Any, Any]) -> None:
    ours, theirs = (cursor.convert_query("SELECT %(a)s", param_names=["a"]) for cursor in cursors)

    assert ours == theirs == "SELECT :a"


def test_it_is_what_runs_queries_and_remembers_them(alice: User) -> None:
    list(User.objects.filter(pk=alice.pk))
    before = _with_question_marks.cache_info()

    assert list(User.objects.filter(pk=alice.pk)) == [alice]

    after = _with_question_marks.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


def test_a_long_query_is_not_kept(cursors: tuple[Any, Any]) -> None:
    before = _with_question_marks.cache_info().currsize

    cursors[0].convert_query("SELECT %s -- " + "other " * LONG)

    assert _with_question_marks.cache_info().currsize == before
