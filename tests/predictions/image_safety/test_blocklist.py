"""A blocked image is refused wherever it is uploaded and whenever it is generated."""

from __future__ import annotations

import base64
import dataclasses
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image, ImageOps

from accounts.models import LedgerEntry, User
from predictions import image_safety, tasks
from predictions.files import image_probe, phash, uploads
from predictions.image_safety import blocklist, upload_checks
from predictions.inputs import fetch
from predictions.models import BlockedPicture, Output, Prediction, RuleHit, Upload, Version
from predictions.submit import acceptance, refusals, work_request
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.predictions.image_safety.classifier_service import as_bytes, scene
from tests.servers.file_server import FileServer

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
BAD = as_bytes(ImageOps.mirror(scene(1)).resize((200, 180)), "JPEG", quality=60)
"""The blocked picture as somebody would send it again: mirrored, smaller, recompressed."""
GOOD = as_bytes(scene(2))


@pytest.fixture(autouse=True)
def _blocked(db: None) -> None:
    image_safety.block(phash.compute(scene(1)), reason="Not ours to show", case=7)


@pytest.fixture
def version(db: None) -> Version:
    schema = {
        "type": "object",
        "title": "Input",
        "properties": {
            "prompt": {"type": "string", "x-order": 0},
            "image": {"type": "string", "format": "uri", "x-order": 1},
        },
    }
    return factories.make_version(input_schema=schema)


def data_uri(data: bytes, kind: str = "image/jpeg") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def ask(user: User, version: Version, image: str, origin: str = "http://testserver") -> Prediction:
    request = work_request.Request(
        factories.account_of(user), user, version, {"prompt": "x", "image": image}, origin=origin
    )
    return acceptance.accept(request)


def send(user: User, data: bytes) -> str:
    """Send a file by the API; why it was not taken, empty where it was."""
    headers = {"Authorization": f"Bearer {factories.make_token(user)}"}
    answer = Client().post("/v1/files", {"content": SimpleUploadedFile("in", data)}, headers=headers)
    return str(answer.json()["detail"]) if answer.status_code == 422 else ""


def test_an_upload_of_it_is_refused_with_a_sentence(alice: User) -> None:
    headers = {"Authorization": f"Bearer {factories.make_token(alice)}"}
    for content, status in ((BAD, 422), (GOOD, 201), (b"no picture at all", 201)):
        file = SimpleUploadedFile("in.jpg", content, "image/jpeg")
        answer = Client().post("/v1/files", {"content": file}, headers=headers)
        assert answer.status_code == status, answer.content
        if status == 422:
            assert answer.json()["detail"] == f"- content: {upload_checks.REFUSED}\n"
    assert Upload.objects.count() == 2
    hit = RuleHit.objects.get()
    assert (hit.what, hit.source, hit.action, hit.excerpt) == (
        "upload",
        "blocked picture",
        "refuse",
        "in.jpg",
    )


def test_a_million_frames_behind_it_hide_it_from_nobody(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    data = as_bytes(scene(1).convert("P"), "GIF")
    tiny = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    limits = dataclasses.replace(image_probe.LIMITS, cpu_s=3)
    monkeypatch.setattr(image_probe, "LIMITS", limits)
    assert send(alice, data[:-1] + tiny * 1_000_000 + b";") == f"- content: {upload_checks.REFUSED}\n"


def test_what_cannot_be_looked_at_within_the_limits_is_not_let_through_unseen(alice: User) -> None:
    large = as_bytes(Image.new("L", (8000, 6000)), "PNG")
    assert send(alice, large) == f"- content: {upload_checks.NOT_SEEN}\n"


@pytest.mark.parametrize("side", [256, 1500])
def test_it_is_known_again_under_a_transparency_that_hides_it(alice: User, side: int) -> None:
    veiled = scene(1, side)
    veiled.putalpha(1)
    with pytest.raises(upload_checks.NotTaken, match="was removed"):
        uploads.keep(
            alice,
            factories.account_of(alice),
            uploads.Sent("in.png", "image/png", {}),
            iter([as_bytes(veiled)]),
        )


def test_the_studio_refuses_it_too(alice: User, client_of: ClientOf) -> None:
    file = SimpleUploadedFile("in.jpg", BAD, "image/jpeg")
    answer = client_of(alice).post("/studio/upload/", {"file": file})
    assert answer.status_code == 422 and "was removed from this server" in answer.content.decode()


def test_a_data_uri_of_it_is_refused_before_anything_is_held(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    with pytest.raises(refusals.PromptNotAllowed) as refused:
        ask(alice, version, data_uri(BAD))
    assert refused.value.faults[0].field == "input.image"
    assert refused.value.faults[0].description == upload_checks.REFUSED
    assert ask(alice, version, data_uri(GOOD, "image/png")).status == "starting"


def test_one_of_a_list_of_pictures_is_refused_as_one_alone(alice: User, provider: FakeProvider) -> None:
    rule = {"type": "array", "items": {"type": "string", "format": "uri"}}
    version = factories.make_version(
        input_schema={"type": "object", "title": "Input", "properties": {"images": rule}}
    )
    factories.give(alice, 5)

    def request(*pictures: bytes) -> work_request.Request:
        given = {"images": [data_uri(one) for one in pictures]}
        return work_request.Request(
            factories.account_of(alice), alice, version, given, origin="http://testserver"
        )

    with pytest.raises(refusals.PromptNotAllowed, match="was removed from this server"):
        acceptance.accept(request(GOOD, BAD))
    assert not Prediction.objects.exists()
    assert acceptance.accept(request(GOOD)).status == "starting"


def test_a_file_that_was_sent_before_it_was_blocked_cannot_be_used(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    blocklist.use_snapshot(blocklist.BlocklistSnapshot())
    upload = uploads.keep(
        alice, factories.account_of(alice), uploads.Sent("in.jpg", "image/jpeg", {}), iter([BAD])
    )
    blocklist.drop_cache()
    with pytest.raises(refusals.PromptNotAllowed):
        ask(alice, version, f"http://testserver/v1/files/{upload.public_id}")


def test_an_output_that_was_blocked_cannot_be_used(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    made = factories.make_output(factories.make_prediction(alice), phash=phash.compute(scene(1)))
    with pytest.raises(refusals.PromptNotAllowed):
        ask(alice, version, f"http://testserver/f/{made.token}/{made.name}")


@pytest.mark.django_db(transaction=True)
def test_one_that_is_fetched_from_elsewhere_ends_the_prediction_with_its_hold_returned(
    alice: User, version: Version, provider: FakeProvider, settings: object
) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1/32"]  # type: ignore[attr-defined]
    with FileServer({"/bad.jpg": (200, {"Content-Type": "image/jpeg"}, BAD)}) as server:
        made = ask(alice, version, f"{server.url}/bad.jpg")
        tasks.start()
    made.refresh_from_db()
    assert (made.status, made.error) == ("failed", f"Input image: {upload_checks.REFUSED}")
    assert provider.orders == [] and factories.account_of(alice).held == 0


@pytest.mark.django_db(transaction=True)
def test_an_output_that_looks_like_it_is_dropped_and_not_paid_for(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    provider.files = {"0": BAD}
    made = acceptance.accept(
        work_request.Request(factories.account_of(alice), alice, version, {"prompt": "x"})
    )
    fakes.work_off()
    made.refresh_from_db()
    words = "The output was dropped as sensitive. Try other words. Nothing was charged."
    assert (made.status, made.error, made.filtered, made.charge) == ("failed", words, 1, 0)
    assert not Output.objects.exists() and factories.account_of(alice).held == 0
    assert LedgerEntry.objects.get(kind="settle").captured == 0
    hit = RuleHit.objects.get()
    assert (hit.what, hit.output_index, hit.prediction) == ("output", 0, made.public_id)
    assert hit.marks["blocked"] == BlockedPicture.objects.get().pk


@pytest.mark.django_db(transaction=True)
def test_every_output_keeps_its_hash(alice: User, version: Version, provider: FakeProvider) -> None:
    provider.files = {"0": GOOD}
    acceptance.accept(work_request.Request(factories.account_of(alice), alice, version, {"prompt": "x"}))
    fakes.work_off()
    assert blocklist.distance(Output.objects.get().phash, phash.compute(scene(2))) < 16


def test_a_lifted_block_lets_it_through_again(alice: User, tmp_path: Path) -> None:
    own = phash.compute(scene(1))
    assert image_safety.is_blocked(own) and not image_safety.block(own, reason="once more")
    assert image_safety.unblock(own) and not image_safety.unblock(own)
    assert not image_safety.is_blocked(own)
    assert image_safety.block(own) and image_safety.is_blocked(own)


@pytest.mark.parametrize("nothing", ["", "0f", "z" * 64, "0F" * 32])
def test_what_is_no_hash_blocks_nothing(nothing: str) -> None:
    with pytest.raises(blocklist.NoHash):
        image_safety.block(nothing)


def test_another_process_reads_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(blocklist.current()) == 1
    monkeypatch.setattr(blocklist, "CACHE_S", 0.0)
    BlockedPicture.objects.bulk_create([BlockedPicture(phash=phash.compute(scene(5)))])
    with CaptureQueriesContext(connection) as asked:
        assert len(blocklist.current()) == 2
    assert len(asked) == 2 and '"id" > ' in asked[1]["sql"]
    BlockedPicture.objects.update(lifted_at="2026-01-01T00:00:00Z")
    assert len(blocklist.current()) == 0


def test_the_nearest_of_a_hundred_thousand_is_found() -> None:
    import numpy as np

    packed = np.random.default_rng(4).bytes(32 * 100_000)
    many = blocklist.BlocklistSnapshot(range(100_000), packed).merged(
        blocklist.BlocklistSnapshot([777_777], bytes.fromhex(phash.compute(scene(1))))
    )
    found = many.find([phash.compute(ImageOps.mirror(scene(1)))])
    assert found is not None and found.pk == 777_777
    assert many.find([phash.compute(scene(2))]) is None


def test_one_that_was_blocked_at_once_with_a_newer_one_is_known_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocklist, "CACHE_S", 0.0)
    for number, key in ((3, 10**6), (4, 10**6 - 1)):
        # The larger key is seen first; no signal tells this process, as of one that another wrote.
        BlockedPicture.objects.bulk_create([BlockedPicture(pk=key, phash=phash.compute(scene(number)))])
        assert image_safety.is_blocked(phash.compute(scene(number)))


def test_a_file_that_nobody_could_look_at_ends_its_own_prediction_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look(_path: Path, _folder: Path) -> None:
        raise OSError

    monkeypatch.setattr(upload_checks.image_probe, "probe", look)
    found = fetch.Fetched({"image": ("image/png", GOOD)})
    assert found.refused() == "Input image could not be checked just now. Try again."
