"""Lists, searches and counts over a filled gallery: `python -m benchmarks.parts.lists --rounds N` prints their times.

What is measured of a case are its statements, recorded while the application runs them, and sent again by the
driver alone; beside them the whole call, with objects made of the rows. The controls are one row by its primary key:
bare, and with what a tile needs beside it (output, files, model, author), as every list reads it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.parts.settings")

BARE, FULL = "a row", "a row with its files"
BUDGET_S = 0.05
"""For one measurement; at least three times all the same."""
PAGE, LIBRARY_PAGE = 48, 60
Call = Callable[[], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    import django

    from benchmarks import harness

    with redirect_stdout(sys.stderr):
        django.setup()
        calls = cases()
        recorded = {name: Recorded(call) for name, call in calls.items()}
        sent = harness.rounds({name: one.again for name, one in recorded.items()}, given.rounds)
        whole = harness.rounds({name: timed(call) for name, call in calls.items()}, 3)
    found = {
        name: {
            "sent": sent[name].values,
            "whole": whole[name].values,
            "statements": len(recorded[name].statements),
            "rows": recorded[name].rows,
        }
        for name in calls
    }
    json.dump(found, sys.stdout)


class Recorded:
    """The statements of a call, and what they take without it."""

    def __init__(self, call: Call) -> None:
        from django.db import connection

        self.statements: list[tuple[str, Any]] = []
        call()
        with connection.execute_wrapper(self._note):
            answer = call()
        self.rows = len(getattr(answer, "rows", ()))

    def _note(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.statements.append((sql, params))
        return execute(sql, params, many, context)

    def again(self) -> float:
        """Milliseconds of all of them, sent by the driver: the median of several times."""
        from django.db import connection

        connection.ensure_connection()
        cursor = connection.connection.cursor()
        statements = [_of_driver(sql, params, connection.vendor) for sql, params in self.statements]

        def send() -> None:
            for sql, params in statements:
                cursor.execute(sql, params)
                cursor.fetchall()

        try:
            return timed(send)()
        finally:
            cursor.close()


def _of_driver(sql: str, params: Any, vendor: str) -> tuple[str, Any]:
    if vendor == "postgresql":
        return sql, params
    from config.sqlite.base import _with_question_marks

    return _with_question_marks(sql), tuple(params or ())


def timed(call: Call) -> Callable[[], float]:
    """A function that answers the milliseconds of a call: the median of several."""

    def measure() -> float:
        times: list[float] = []
        end = time.perf_counter() + BUDGET_S
        while len(times) < 3 or time.perf_counter() < end:
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1000

    return measure


def cases() -> dict[str, Call]:
    """What is asked for, by name."""
    return {**controls(), **gallery(), **searches(), **library()}


def controls() -> dict[str, Call]:
    """One row by its key, another each time."""
    from gallery.items import access
    from gallery.models import Item

    keys = itertools.cycle(Item.objects.public().order_by("?").values_list("pk", flat=True)[:1])
    return {
        BARE: lambda: Item.objects.get(pk=next(keys)),
        FULL: lambda: access.with_files(Item.objects.all()).get(pk=next(keys)),
    }


def gallery() -> dict[str, Call]:
    """The public lists: first pages, and pages half way down."""
    from accounts.models import User
    from core.pagination import Place
    from gallery.models import Item, ReaderChoice, Tag
    from gallery.public import public_lists
    from gallery.public.reader_preferences import Reader
    from predictions.models import HostedModel

    bench = User.objects.get(username="bench")
    visitor = Reader(None, ReaderChoice.Sensitive.BLUR, tiles_alone=True)
    careful = Reader(None, ReaderChoice.Sensitive.HIDE, tiles_alone=True)
    member = Reader(bench, ReaderChoice.Sensitive.BLUR, tiles_alone=True)
    half = _half(Item.objects.public())
    assert half.published_at
    middle = str(Place(half.published_at, half.pk))
    author = User.objects.get(username="member300")
    model = HostedModel.objects.get(pk=half.model_id)
    tag, seldom = Tag.objects.get(name="tag1"), Tag.objects.get(name="tag900")
    return {
        "first page": lambda: public_lists.newest(visitor, PAGE),
        "middle page": lambda: public_lists.newest(visitor, PAGE, middle),
        "without sensitive": lambda: public_lists.newest(careful, PAGE, middle),
        "as a member": lambda: public_lists.newest(member, PAGE, middle),
        "tag": lambda: public_lists.tagged(visitor, tag, PAGE),
        "tag, middle": lambda: public_lists.tagged(visitor, tag, PAGE, middle),
        "rare tag": lambda: public_lists.tagged(visitor, seldom, PAGE),
        "author": lambda: public_lists.of_author(visitor, author, PAGE),
        "author, middle": lambda: public_lists.of_author(visitor, author, PAGE, middle),
        "model": lambda: public_lists.of_model(visitor, model, PAGE),
        "model, middle": lambda: public_lists.of_model(visitor, model, PAGE, middle),
        "liked this week": lambda: public_lists.week(visitor, PAGE),
        "following": lambda: public_lists.followed(member, PAGE),
        "following, middle": lambda: public_lists.followed(member, PAGE, middle),
        "count of an author": lambda: (
            Item.objects.public().filter(user=bench).order_by().values("pk")[:1001].count()
        ),
    }


def searches() -> dict[str, Call]:
    """Words that many items have and that hardly any has, in public and among one's own."""
    from accounts.models import User
    from benchmarks.parts.prompts import RARE
    from gallery.models import Item, ReaderChoice, SearchRow
    from gallery.public import public_lists
    from gallery.public.reader_preferences import Reader
    from gallery.search import results

    bench = User.objects.get(username="bench")
    account = bench.account
    assert account
    visitor = Reader(None, ReaderChoice.Sensitive.BLUR, tiles_alone=True)
    row = SearchRow.objects.filter(pk__gte=_half(Item.objects.public()).pk, place__isnull=False).first()
    middle = str(row.place) if row else ""

    def public(text: str, after: str = "") -> Call:
        return lambda: results.public_page(text, PAGE, after, within=public_lists.base_queryset(visitor))

    def own(text: str) -> Call:
        from gallery.items import access

        mine = access.for_tiles(Item.objects.owned_by(account))
        return lambda: results.own_page(account, text, LIBRARY_PAGE, "", within=mine)

    return {
        "search, rare": public(RARE["en"]),
        "search, rare, two Chinese characters": public(RARE["zh"]),
        "search, common": public("lighthouse"),
        "search, common, middle": public("lighthouse", middle),
        "search, common, two Chinese characters": public("月亮"),
        "search, common, one Chinese character": public("月"),
        "search, common, two words": public("cinematic 屋顶"),
        "search, common, a beginning": public("cinematic ligh"),
        "search, common, of one's own": own("lighthouse"),
        "search, rare, of one's own": own(RARE["zh"]),
    }


def library() -> dict[str, Call]:
    """The lists of the member `bench`, who owns one item of a hundred."""
    from datetime import timedelta

    from django.utils import timezone

    from accounts.models import User
    from core.pagination import Place
    from gallery.library import item_filters, item_queries
    from gallery.models import Collection, Item

    bench = User.objects.get(username="bench")
    half = _half(Item.objects.filter(user=bench))
    middle = str(Place(half.created_at, half.pk))
    day = timezone.localtime(half.created_at).date()
    shelf = Collection.objects.filter(user=bench).values_list("public_id", flat=True).first()

    def shown(after: str = "", **wanted: Any) -> Call:
        return lambda: item_queries.page(bench, item_filters.Filter(**wanted), LIBRARY_PAGE, after)

    def counted(**wanted: Any) -> Call:
        return lambda: item_queries.capped_count(item_filters.matching(bench, item_filters.Filter(**wanted)))

    return {
        "library, first page": shown(),
        "library, middle page": shown(middle),
        "library, public": shown(middle, show="public"),
        "library, private": shown(middle, show="private"),
        "library, model": shown(middle, model=half.model.ref),
        "library, days": shown(since=day - timedelta(days=30), until=day),
        "library, pictures": shown(kind="picture"),
        "library, films": shown(kind="film"),
        "library, liked": shown(liked=True),
        "library, shared": shown(shared=True),
        "library, collection": shown(collection=shelf or ""),
        "count of the library": counted(),
        "count of public ones": counted(show="public"),
        "count of liked ones": counted(liked=True),
        "count of shared ones": counted(shared=True),
    }


def _half(items: Any) -> Any:
    """The row half way down."""
    first, last = items.order_by("pk").first(), items.order_by("-pk").first()
    return items.filter(pk__gte=(first.pk + last.pk) // 2).order_by("pk").first()


if __name__ == "__main__":
    main()
