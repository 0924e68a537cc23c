"""Library and gallery: order, pages, filters, and a constant number of queries."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from core import pagination
from gallery.library import views as library
from gallery.models import Item
from gallery.public import views as public
from predictions.models import Prediction, Status
from tests import factories
from tests.runner.sampling import one_in
from tests.support.picture_items import picture_item

_TILE = re.compile(r'href="/(?:library|gallery)/([\w-]{22})/(?:\?[^"]*)?"')


def tiles_of(answer: object) -> list[str]:
    return _TILE.findall(answer.content.decode())  # type: ignore[attr-defined]


def some_items(user: User, count: int, **fields: object) -> list[Item]:
    """Items of one prediction, a minute apart, newest first."""
    prediction = factories.make_prediction(user, status=Status.SUCCEEDED)
    file = factories.make_stored_file
    now = timezone.now().replace(microsecond=0)
    return [
        factories.make_item(
            user,
            factories.make_output(prediction, file=file(b"x"), index=index),
            created_at=now - timedelta(minutes=index),
            **fields,
        )
        for index in range(count)
    ]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "PAGE", 3)
    monkeypatch.setattr(public, "PAGE", 3)


def test_the_library_shows_the_newest_first(alice: User, as_alice: Client) -> None:
    items = some_items(alice, 3)
    assert tiles_of(as_alice.get("/library/")) == [item.public_id for item in items]


def walk(client: Client, path: str) -> list[str]:
    """All pictures of a list, page after page by its own links."""
    found: list[str] = []
    while path:
        answer = client.get(path)
        found += tiles_of(answer)
        older = re.search(r'class="older"><a class="button" href="([^"]+)"', answer.content.decode())
        path = older.group(1).replace("&amp;", "&") if older else ""
    return found


@pytest.mark.usefixtures("small_pages")
def test_pages_of_the_library_neither_repeat_nor_skip(alice: User, as_alice: Client) -> None:
    items = some_items(alice, 10)
    assert walk(as_alice, "/library/") == [item.public_id for item in items]


@pytest.mark.usefixtures("small_pages")
def test_equal_times_neither_repeat_nor_skip(alice: User, client: Client) -> None:
    at = timezone.now()
    items = [picture_item(alice, visibility="public", published_at=at) for _ in range(7)]
    assert walk(client, "/gallery/") == [item.public_id for item in reversed(items)]


@pytest.mark.usefixtures("small_pages")
def test_a_filter_is_kept_from_page_to_page(alice: User, as_alice: Client) -> None:
    now = timezone.now()
    public = some_items(alice, 5, visibility="public", published_at=now)
    some_items(alice, 4)
    assert sorted(walk(as_alice, "/library/?show=public")) == sorted(item.public_id for item in public)


def test_the_library_is_filtered_by_model(alice: User, as_alice: Client) -> None:
    first, second = some_items(alice, 1)[0], some_items(alice, 1)[0]
    assert tiles_of(as_alice.get(f"/library/?model={first.model.ref}")) == [first.public_id]
    assert second.model.name in as_alice.get("/library/").content.decode()


@pytest.mark.usefixtures("small_pages")
def test_older_pictures_come_as_a_part_of_a_page(alice: User, as_alice: Client) -> None:
    some_items(alice, 5)
    cursor = re.search(r"after=([\d.]+)", as_alice.get("/library/").content.decode())
    assert cursor
    part = as_alice.get(f"/library/?after={cursor.group(1)}", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert len(_TILE.findall(part)) == 2


@pytest.mark.usefixtures("small_pages")
def test_a_day_that_goes_on_has_no_second_heading(alice: User, as_alice: Client) -> None:
    items = some_items(alice, 5)
    day = items[0].created_at.date()
    Item.objects.update(created_at=timezone.now().replace(hour=12, minute=0, second=0, microsecond=0))
    cursor = re.search(r"after=([\d.]+)", as_alice.get("/library/").content.decode())
    assert cursor
    path = f"/library/?after={cursor.group(1)}&day={day:%Y-%m-%d}"
    assert 'class="day"' not in as_alice.get(path, headers={"HX-Request": "true"}).content.decode()


def test_days_are_those_of_the_readers_own_zone(alice: User, as_alice: Client) -> None:
    item = picture_item(alice)
    Item.objects.filter(pk=item.pk).update(created_at="2026-03-01T20:30:00Z")
    as_alice.cookies["timezone"] = "Asia/Shanghai"
    assert "Monday, 2 March" in as_alice.get("/library/").content.decode()
    as_alice.cookies["timezone"] = "../../etc/passwd"
    assert "Sunday, 1 March" in as_alice.get("/library/").content.decode()


@pytest.mark.parametrize(
    "cursor", one_in(4, ["x", "1", "1.x", ".", "-1.2", "9" * 39, "1.1.1", "٣.٤", "1" * 30 + ".1", ""])
)
def test_a_broken_cursor_starts_at_the_beginning(alice: User, as_alice: Client, cursor: str) -> None:
    some_items(alice, 2)
    assert len(tiles_of(as_alice.get("/library/", {"after": cursor}))) == 2


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = pagination.Place(timezone.now(), 12345)
    assert pagination.Place.parse(str(cursor)) == cursor


@pytest.mark.parametrize("path", ["/library/", "/gallery/"])
def test_a_longer_list_costs_no_more_queries(
    alice: User, as_alice: Client, path: str, django_assert_num_queries: object
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            as_alice.get(path)
        assert not any("COUNT(" in query["sql"].upper() for query in caught.captured_queries)
        return len(caught)

    some_items(alice, 2, visibility="public", published_at=timezone.now())
    as_alice.get(path)  # What is asked once in some minutes is known from here on.
    few = queries()
    some_items(alice, 12, visibility="public", published_at=timezone.now())
    assert queries() == few
    assert few <= 10


def test_a_page_reads_no_logs_and_no_input(alice: User, as_alice: Client) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    some_items(alice, 2)
    with CaptureQueriesContext(connection) as caught:
        as_alice.get("/library/")
    table = Prediction._meta.db_table
    assert not any(f'"{table}"."logs"' in query["sql"] for query in caught.captured_queries)


def test_an_empty_library_says_what_to_do(as_alice: Client) -> None:
    page = as_alice.get("/library/").content.decode()
    assert "Your first picture is one sentence away" in page
    assert 'href="/studio/"' in page


def test_neighbours_lead_to_the_newer_and_the_older_picture(alice: User, as_alice: Client) -> None:
    newest, middle, oldest = some_items(alice, 3)
    page = as_alice.get(f"/library/{middle.public_id}/").content.decode()
    assert re.search(rf'rel="prev" href="/library/{newest.public_id}/"', page)
    assert re.search(rf'rel="next" href="/library/{oldest.public_id}/"', page)
