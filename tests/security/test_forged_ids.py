"""Deeds on many things at once, with ids of others: as if nobody had them, whatever the deed, however many."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from gallery.models import new_item_id
from predictions.api_dialects.common import rate_limits
from tests import factories
from tests.runner.sampling import one_in
from tests.security import private_data
from tests.security.private_data import Secrets
from tests.support.module_data import ModuleData, module_data

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]
MANY = 10_000
MOST_QUERIES = 200
"""Of one deed with so many ids: some hundreds of them are asked for at once."""
# What differs in every response: request ids, times, form tokens.
_FLEETING = re.compile(
    r'[0-9a-f]{16,}|csrfmiddlewaretoken" value="[^"]*|\d{15,17}|\d{4}-\d\d-\d\dT[\d:.]+Z|[A-Za-z0-9_-]{22}'
)


alices = module_data(private_data.make)


@pytest.fixture
def scene(alices: ModuleData[Secrets], db: None) -> Secrets:
    return alices.again()


class Deed:
    """A deed of Bob's on several things: at an address, with ids in some field."""

    def __init__(self, address: str, field: str, *, as_text: bool = False, **more: str) -> None:
        self.address, self.field, self.as_text, self.more = address, field, as_text, more

    def body(self, ids: Sequence[str]) -> str:
        given = [(self.field, " ".join(ids))] if self.as_text else [(self.field, one) for one in ids]
        return urlencode([*given, *self.more.items()])


class Program(Deed):
    """The same in JSON."""

    def body(self, ids: Sequence[str]) -> str:
        return json.dumps({self.field: list(ids), **self.more})


def some(scene: Secrets, what: str) -> list[Deed]:
    """The share of the deeds that this run tries with such ids."""
    return [deed for _, deed in one_in(6, enumerate(deeds(scene)), lambda one: one[0], of=what)]


def deeds(scene: Secrets) -> list[Deed]:
    """Every deed that takes several ids."""
    own = f"/library/collections/{scene.own['collection']}/"
    publish = {"visibility": "public", "title": "Mine"}
    found = [
        Deed("/library/bulk/", "ids", as_text=True, deed=deed, **publish, collection=scene.own["collection"])
        for deed in ("trash", "publish", "unpublish", "collect")
    ]
    found += [Deed("/library/bulk/", "id", deed="trash")]
    found += [
        Deed(address, "ids", as_text=True)
        for address in ("/library/zip/", "/library/restore/", "/library/trash/erase/")
    ]
    found += [
        Deed("/library/collections/add/", "ids", collection=scene.own["collection"]),
        Deed(f"{own}remove/", "ids"),
        Deed("/studio/live/", "known"),
        Deed("/live/strips/", "again"),
    ]
    found += [
        Program("/api/items/bulk", "ids", action=action)
        for action in ("trash", "restore", "delete", "unpublish", "like")
    ]
    return [*found, Program(f"/api/collections/{scene.own['collection']}/items", "ids")]


class Bob:
    """Asks, and what he has done is undone."""

    def __init__(self, scene: Secrets) -> None:
        self.client = Client(raise_request_exception=False)
        self.client.force_login(scene.bob, backend=settings.AUTHENTICATION_BACKENDS[0])
        self.bearer = {"Authorization": f"Bearer {factories.make_token(scene.bob, 'asks')}"}
        self.queries = 0

    def does(self, deed: Deed, ids: Sequence[str]) -> tuple[int, str]:
        """Status and text of the answer, without what is new in each."""
        rate_limits.reset()
        self.queries = 0
        machine = isinstance(deed, Program)
        kind = "application/json" if machine else "application/x-www-form-urlencoded"
        headers = self.bearer if machine else {"Accept": "application/json", "HX-Request": "true"}
        with transaction.atomic(), connection.execute_wrapper(self._count):
            answer: Any = self.client.generic("POST", deed.address, deed.body(ids), kind, headers=headers)
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            transaction.set_rollback(True)
        return answer.status_code, _FLEETING.sub("", content.decode("utf-8", "replace"))

    def _count(self, execute: Any, *args: Any) -> Any:
        self.queries += 1
        return execute(*args)


def test_ids_of_others_are_as_if_nobody_had_them(scene: Secrets) -> None:
    bob, faults = Bob(scene), []
    foreign = [*scene.ids.values(), *scene.open.values()]
    before = private_data.rows_of_others(scene.bob)
    for deed in some(scene, "of others"):
        where = f"{deed.address} {deed.more.get('deed', deed.more.get('action', ''))}"
        nobodys = bob.does(deed, [new_item_id() for _ in foreign])
        theirs = bob.does(deed, foreign)
        if theirs != nobodys:
            faults.append(f"{where}: {theirs[0]} {theirs[1][:80]} and not {nobodys[0]} {nobodys[1][:80]}")
        if any(word in theirs[1] for word in (*scene.words(), *foreign)):
            faults.append(f"{where} tells of them")
        if theirs[0] >= 500:
            faults.append(f"{where} answers {theirs[0]}")
    assert not faults, "\n".join(faults)
    assert private_data.rows_of_others(scene.bob) == before


def test_bobs_own_among_ids_of_others_is_all_that_is_meant(scene: Secrets) -> None:
    bob, faults = Bob(scene), []
    own = scene.own["item"]
    for deed in some(scene, "among others"):
        if deed.address in ("/studio/live/", "/live/strips/", "/library/zip/", "/library/collections/add/"):
            # The first two answer with strips, a zip says the moment it was made; one that is not there adds none.
            continue
        alone = bob.does(deed, [own])
        among = bob.does(deed, [scene.ids["private"], own, scene.open["public"], scene.ids["trashed"]])
        if alone != among:
            faults.append(f"{deed.address} {deed.more}: {among} and not {alone}")
    assert not faults, "\n".join(faults)


def test_ten_thousand_ids_are_refused_or_done_with_in_a_few_queries(scene: Secrets) -> None:
    bob, faults = Bob(scene), []
    ids = [new_item_id() for _ in range(MANY)]
    for deed in some(scene, "many"):
        status, _text = bob.does(deed, ids)
        if status >= 500 or bob.queries > MOST_QUERIES:
            faults.append(f"{deed.address} {deed.more}: {status} after {bob.queries} queries")
        status, text = bob.does(deed, [*ids, new_item_id()])
        if status == 200 and "count" in text and '"count": 0' not in text:
            faults.append(f"{deed.address} {deed.more}: says {text[:80]}")
    assert not faults, "\n".join(faults)
