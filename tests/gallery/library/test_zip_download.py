"""The zip of chosen pictures: whole originals, names of their own, what made them, and nobody else's."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from typing import Any

import pytest
from django.core.files.storage import storages
from django.test import Client

from accounts.models import User
from gallery.library import zip_download
from gallery.models import Item
from tests import factories
from tests.gallery.library.test_item_lists import some_items
from tests.support.picture_items import picture_item


def opened(answer: Any) -> zipfile.ZipFile:
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def asked(client: Client, items: list[Item], **form: str) -> Any:
    return client.post("/library/zip/", {"ids": " ".join(item.public_id for item in items), **form})


def bytes_of(item: Item) -> bytes:
    with storages["outputs"].open(item.output.file.key) as file:
        return bytes(file.read())


def told(zipped: zipfile.ZipFile) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(zipped.read("prompts.json"))
    return found


def test_it_holds_the_originals_and_what_made_them(alice: User, as_alice: Client) -> None:
    item = picture_item(alice, "a red lighthouse, 灯塔")
    answer = asked(as_alice, [item])
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"].startswith('attachment; filename="darkroom-')
    zipped = opened(answer)
    assert zipped.testzip() is None
    assert zipped.namelist() == ["a-red-lighthouse-灯塔.webp", "prompts.json"]
    assert zipped.read("a-red-lighthouse-灯塔.webp") == bytes_of(item)
    assert zipped.infolist()[0].compress_type == zipfile.ZIP_STORED
    one = told(zipped)[0]
    assert (one["file"], one["prompt"], one["seed"]) == (zipped.namelist()[0], item.prompt, 1)
    assert one["model"] == item.model.ref
    assert one["settings"]["guidance_scale"] == 3.5


def test_equal_names_become_different_ones(alice: User, as_alice: Client) -> None:
    items = (
        some_items(alice, 3, title="Dawn")
        + some_items(alice, 1, title="DAWN")
        + some_items(alice, 1, title="Dawn 2")
    )
    names = opened(asked(as_alice, items)).namelist()[:-1]
    assert len({name.lower() for name in names}) == 5
    assert all(name.lower().startswith("dawn") and name.endswith(".png") for name in names)


@pytest.mark.parametrize(
    "title",
    [
        "../../etc/passwd",
        "/root",
        "C:\\x",
        "a\0b",
        "\u202etxt.exe",
        "prompts.json",
        "missing",
        "…",
        "x" * 120,
        "𝔘😀",
    ],
)
def test_names_are_harmless_whatever_a_title_says(alice: User, as_alice: Client, title: str) -> None:
    item = some_items(alice, 1, title=title.replace("\0", ""))[0]
    names = opened(asked(as_alice, [item])).namelist()
    assert len(set(names)) == 2
    assert not any(sign in name for name in names for sign in ("/", "\\", "..", "\u202e", ":"))


def test_nobody_elses_and_nothing_of_the_trash_is_in_it(alice: User, charlie: User, as_alice: Client) -> None:
    mine, gone = some_items(alice, 2)
    other = some_items(charlie, 1, visibility="public", published_at="2026-01-01T00:00:00Z")[0]
    Item.objects.filter(pk=gone.pk).update(trashed_at="2026-01-01T00:00:00Z")
    assert [one["id"] for one in told(opened(asked(as_alice, [mine, gone, other])))] == [mine.public_id]
    assert asked(as_alice, [other])["Location"] == "/library/"


def test_a_file_that_vanished_is_named(alice: User, as_alice: Client) -> None:
    there, lost = picture_item(alice, "there"), picture_item(alice, "lost")
    storages["outputs"].delete(lost.output.file.key)
    zipped = opened(asked(as_alice, [there, lost]))
    assert zipped.namelist() == ["there.webp", "prompts.json", "missing.txt"]
    assert "lost.webp" in zipped.read("missing.txt").decode()
    assert len(told(zipped)) == 2


def test_what_is_deleted_while_the_zip_is_on_its_way_is_left_out(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_download, "_ROWS", 1)
    monkeypatch.setattr(zip_download, "BLOCK", 1)
    items = some_items(alice, 3)
    parts = zip_download.stream(factories.account_of(alice), [item.pk for item in items])
    begun = [next(parts)]
    Item.objects.filter(pk=items[2].pk).update(trashed_at="2026-01-01T00:00:00Z")
    zipped = zipfile.ZipFile(io.BytesIO(b"".join([*begun, *parts])))
    assert [one["id"] for one in told(zipped)] == [item.public_id for item in items[:2]]


def test_all_that_matches_comes_in_one_zip(alice: User, as_alice: Client) -> None:
    some_items(alice, 2)
    some_items(alice, 3, visibility="public", published_at="2026-01-01T00:00:00Z")
    answer = as_alice.post("/library/zip/", {"all": "1", "filter": "show=public"})
    assert len(told(opened(answer))) == 3


def test_long_and_odd_prompts_are_told_whole(alice: User, as_alice: Client) -> None:
    items = some_items(alice, 1, prompt="x" * 100_000) + some_items(
        alice, 1, prompt="right \u202e left \u200b"
    )
    assert sorted(len(one["prompt"]) for one in told(opened(asked(as_alice, items)))) == [14, 100_000]


def test_it_is_never_whole_in_memory(alice: User) -> None:
    prediction = factories.make_prediction(alice, status="succeeded")
    big = bytes(8 * 1024 * 1024)
    items = [
        factories.make_item(
            alice, factories.make_output(prediction, file=factories.make_stored_file(big), index=index)
        )
        for index in range(4)
    ]
    parts = zip_download.stream(factories.account_of(alice), [item.pk for item in items])
    tracemalloc.start()
    try:
        size = sum(len(part) for part in parts)
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 4 * len(big)
    assert most < len(big)
