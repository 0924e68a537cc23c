"""Unit tests of `core/db/`'s compiled queries that need Django and its own runner alone, run by `__main__`."""

from __future__ import annotations

import os
import sys
import threading
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings

if not settings.configured:
    _url = urlsplit(os.environ.get("DARKROOM_DATABASE_URL", ""))
    _database: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": "unused.sqlite3"}
    if _url.scheme:
        _database = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _url.path.strip("/"),
            "USER": _url.username or "",
            "HOST": parse_qs(_url.query)["host"][0],
            "OPTIONS": {"prepare_threshold": 0},
        }
    settings.configure(
        INSTALLED_APPS=["tests.newest_django"],
        DATABASES={"default": _database},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, Max
from django.test import TransactionTestCase
from django.test.utils import get_runner

from core.clock import Now, after
from core.db import pipeline
from core.db.pipeline import PreparedInsert
from core.db.prepared import Prepared, PreparedExists, PreparedFirsts, PreparedValues, Rows
from core.db.prepared_writes import PreparedWrite
from tests.newest_django.models import Author, Book

BUILDS: dict[str, Any] = {
    "plain": lambda author: Book.objects.filter(author_id=author).order_by("pk"),
    "joined": lambda author: (
        Book.objects.filter(author=author).select_related("author", "editor").order_by("pk")
    ),
    "deferred": lambda author: Book.objects.filter(author_id=author).defer("facts").order_by("-pk")[:2],
    "only": lambda author: (
        Book.objects.filter(author__pk=author)
        .select_related("author")
        .only("title", "author__name")
        .order_by("pk")
    ),
}


def _state(row: Any) -> dict[str, Any]:
    """All that an instance carries, and its related rows in turn."""
    kept = {name: value for name, value in vars(row).items() if name != "_state"}
    related = {name: other and _state(other) for name, other in row._state.fields_cache.items()}
    return {**kept, "adding": row._state.adding, "db": row._state.db, "related": related}


class CompiledQueries(TransactionTestCase):
    """Each does what the same through Django does."""

    available_apps = ["tests.newest_django"]

    def setUp(self) -> None:
        """Three books of one author, one of another."""
        self.author, self.other = Author.objects.create(name="a"), Author.objects.create(name="猫")
        for number in range(3):
            editor = self.other if number else None
            facts = {"n": [number, None, "日本 %s '"]}
            Book.objects.create(
                author=self.author, editor=editor, title=f"t{number}", facts=facts, pages=number
            )
        Book.objects.create(author=self.other, title="theirs", due_at=after(60))

    def test_rows(self) -> None:
        """As instances, of both kinds, with related and deferred fields."""
        for name, build in BUILDS.items():
            prepared = Prepared(build)
            for pk in (self.author.pk, self.other.pk, 0):
                with self.subTest(name, pk=pk):
                    expected = list(build(pk))
                    quick = build(pk)
                    quick._iterable_class = Rows
                    with self.assertNumQueries(2):
                        found, rows = prepared.all(author=pk), list(quick)
                    states = [_state(row) for row in expected]
                    self.assertEqual([_state(row) for row in found], states)
                    self.assertEqual([_state(row) for row in rows], states)
                    self.assertEqual([row.facts for row in found], [row.facts for row in expected])

    def test_arguments(self) -> None:
        """Exactly those of the function, each of them used, none of them read as SQL."""
        titled = Prepared(lambda title: Book.objects.filter(title=title)[:1])
        self.assertIsNone(titled.first(title="t1' OR '1'='1"))
        self.assertEqual(titled.first(title="t1"), Book.objects.get(title="t1"))
        with self.assertRaises(TypeError):
            titled.all(name="t1")
        with self.assertRaises(ValueError):
            Prepared(lambda title: Book.objects.filter(title="t1")).all(title="t1")
        with self.assertRaises(ValueError):
            Prepared(lambda pk: Author.objects.annotate(n=Count("books")).filter(pk=pk)).all(pk=1)

    def test_other_threads(self) -> None:
        """What one thread has compiled is sent by another over its own connection."""
        titled = Prepared(lambda title: Book.objects.filter(title=title)[:1])
        found = [titled.first(title="t0")]

        def elsewhere() -> None:
            found.append(titled.first(title="t0"))
            connection.close()

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        self.assertEqual(found, [Book.objects.get(title="t0")] * 2)

    def test_values(self) -> None:
        """Grouped, and of a union."""

        def grouped() -> Any:
            rows = Book.objects.filter(pages__gte=0).order_by("author_id").values_list("author_id")
            return rows.annotate(n=Count("pk"), last=Max("added_at"))

        def united() -> Any:
            parts = [
                Book.objects.filter(title=title).order_by().values_list("title", "facts")
                for title in ("t0", "t1")
            ]
            return parts[0].union(parts[1], all=True)

        for build in (grouped, united):
            self.assertEqual(sorted(PreparedValues(build).all(), key=str), sorted(build(), key=str))

    def test_several_in_one_statement(self) -> None:
        """First values, and whether there are rows."""
        firsts = PreparedFirsts(
            {
                "pages": lambda: Book.objects.order_by("-pages").values_list("pages")[:1],
                "due": lambda: Book.objects.filter(due_at__gt=Now()).values_list("due_at")[:1],
                "none": lambda: Book.objects.filter(title="none").values_list("added_at")[:1],
            }
        )
        questions = PreparedExists(
            {
                "due": lambda: Book.objects.filter(due_at__gt=Now()),
                "late": lambda: Book.objects.filter(due_at__lte=Now()),
                "either": lambda: [Book.objects.filter(title="none"), Book.objects.filter(title="t0")],
                "never": lambda: Book.objects.filter(pk__in=[]),
            }
        )
        due = Book.objects.get(title="theirs").due_at
        for _ in range(2):
            with self.assertNumQueries(2):
                self.assertEqual(firsts.all(), {"pages": 2, "due": due, "none": None})
                self.assertEqual(questions.found(), {"due", "either"})

    def test_updates_and_deletes(self) -> None:
        """With JSON, NULL, expressions and a condition; an error ends the transaction around it."""
        write = PreparedWrite(
            lambda pk, title, notes, more: (
                Book.objects.filter(pk=pk, pages__gte=0),
                {"title": title, "notes": notes, "pages": F("pages") + more, "due_at": after(60)},
            )
        )
        book = Book.objects.get(title="t1")
        for title, notes in (("x%s'", {"a": [1, None, "ä"]}), ("y", None)):
            self.assertEqual(write.run(pk=book.pk, title=title, notes=notes, more=2), 1)
            book.refresh_from_db()
            self.assertEqual((book.title, book.notes), (title, notes))
        self.assertEqual(book.pages, 5)
        self.assertTrue(Book.objects.filter(pk=book.pk, notes__isnull=True, due_at__gt=Now()).exists())
        with self.assertRaises(IntegrityError), transaction.atomic():
            write.run(pk=book.pk, title="t0", notes=None, more=0)
        delete = PreparedWrite(lambda title: (Book.objects.filter(title=title), {}))
        self.assertEqual([delete.run(title="y"), delete.run(title="y")], [1, 0])

    def test_inserts(self) -> None:
        """Together, with an expression, and with what the database sets."""
        insert = PreparedInsert(Book, due_at=lambda: after(60))
        books = [Book(author=self.author, title=f"new {n}", facts={"n": n}) for n in range(3)]
        with transaction.atomic(), pipeline.batch() as together:
            for book in books:
                together.send(insert.statement(book))
        for book in books:
            kept = Book.objects.get(pk=book.pk)
            self.assertEqual((kept.title, kept.facts, kept.added_at), (book.title, book.facts, book.added_at))
            self.assertLess(abs(kept.due_at - kept.added_at - timedelta(minutes=1)), timedelta(seconds=10))
        with self.assertRaises(IntegrityError), transaction.atomic(), pipeline.batch() as together:
            together.send(insert.statement(Book(author=self.author, title="another")))
            together.send(insert.statement(Book(author=self.author, title="t0")))
        self.assertFalse(Book.objects.filter(title="another").exists())


if __name__ == "__main__":
    print(f"Django {django.__version__}, {connection.vendor}", flush=True)
    runner = get_runner(settings, "django.test.runner.DiscoverRunner")(verbosity=1, interactive=False)
    sys.exit(bool(runner.run_tests(["tests.newest_django.cases"])))
