"""Refused image edits: the field, OpenAI's error format, and no trace."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts import credits
from accounts.models import MICRO, Plan, User
from accounts.site.feature_flags import FeatureOff
from predictions import image_safety
from predictions.files import phash, uploads
from predictions.models import Prediction, StoredFile, Upload, Version
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.openai.conftest import OpenAI, waited
from tests.predictions.api_dialects.openai.image_requests import (
    EDITS,
    VARIATIONS,
    file,
    half_clear,
    png,
    post,
    post_json,
    refused,
)
from tests.predictions.image_safety.classifier_service import as_bytes, scene
from tests.runner.sampling import one_in

pytestmark = pytest.mark.django_db(transaction=True)


def _form(case: tuple[dict[str, Any], str]) -> str:
    """What a form is told by: an uploaded file has no name of its own that is the same in each run."""
    fields, param = case
    return f"{param} {[(key, value if isinstance(value, str) else '') for key, value in fields.items()]}"


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


NO_PICTURES = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "truncated": cut(png(640, 480)),
    "jpeg cut short": cut(factories.picture(640, 480, form="JPEG")),
    "nothing known": b"\x00" * 1000,
    "a bomb": b"\x89PNG\r\n\x1a\n"
    + b"\x00\x00\x00\rIHDR"
    + b"\x00\x00\xff\xff" * 2
    + b"\x08\x02\x00\x00\x00",
}


@pytest.mark.parametrize("name", one_in(3, NO_PICTURES))
def test_what_is_no_picture_is_refused(
    openai: OpenAI, editor: Version, provider: FakeProvider, name: str
) -> None:
    refused(post(openai, model="acme/editor", image=file(NO_PICTURES[name])), 400, "image")


def test_what_is_no_mask_is_refused(openai: OpenAI, inpainter: Version, provider: FakeProvider) -> None:
    def message(mask: bytes) -> str:
        return refused(post(openai, model="acme/inpainter", image=file(png()), mask=file(mask)), 400, "mask")

    assert "transparent" in message(png())
    assert "same width and height" in message(half_clear(32, 32))
    assert "PNG" in message(b"<svg>")
    assert "mask is missing" in refused(post(openai, model="acme/inpainter", image=file(png())), 400, "mask")


def test_a_picture_that_was_removed_here_is_refused_by_the_name_of_its_field(
    openai: OpenAI, editor: Version, provider: FakeProvider
) -> None:
    image_safety.block(phash.compute(scene(1)))
    told = refused(post(openai, model="acme/editor", image=file(as_bytes(scene(1)))), 400, "image")
    assert "removed from this server" in told and not Upload.objects.exists()


def test_a_picture_above_the_limit_is_too_large(
    openai: OpenAI, editor: Version, provider: FakeProvider
) -> None:
    large = png() + b"\x00" * (25 * 1024 * 1024)
    assert "25 MB" in refused(post(openai, model="acme/editor", image=file(large)), 413, "image")


@pytest.mark.parametrize("count", [17, 150])
def test_too_many_pictures_are_refused(
    openai: OpenAI, editor: Version, provider: FakeProvider, count: int
) -> None:
    many = [file(png(2, 2)) for _ in range(count)]
    refused(post(openai, model="acme/editor", **{"image[]": many}), 400, "image")


def test_several_pictures_for_a_model_that_takes_one_are_refused(
    openai: OpenAI, editor: Version, provider: FakeProvider
) -> None:
    answer = post(openai, model="acme/editor", **{"image[]": [file(png()), file(png())]})
    assert "takes one picture, not 2" in refused(answer, 400, "image")


@pytest.mark.parametrize(
    ("form", "param"),
    one_in(
        3,
        [
            ({"prompt": "a hat"}, "image"),
            ({"image": "x.png"}, "image"),
            ({"image": file(b"")}, "image"),
            ({"image": file(png()), "prompt": ""}, "prompt"),
            ({"image": file(png()), "prompt": file(b"a hat")}, "prompt"),
            ({"image": file(png()), "prompt": "a\x00hat"}, "prompt"),
            ({"image": file(png()), "prompt": ["a hat", "a coat"]}, "prompt"),
            ({"image": file(png()), "n": "many"}, "n"),
            ({"image": file(png()), "n": "11"}, "n"),
            ({"image": file(png()), "n": file(b"1")}, "n"),
            ({"image": file(png()), "stream": "maybe"}, "stream"),
            ({"image": file(png()), "partial_images": "2"}, "partial_images"),
            ({"image": file(png()), "size": "huge"}, "size"),
            ({"image": file(png()), "mask": "m.png"}, "mask"),
            ({"image": file(png()), "mask": [file(half_clear()), file(half_clear())]}, "mask"),
            ({"image": file(png()), "unheard": "1"}, "unheard"),
            ({"image": file(png()), "picture": file(png())}, "picture"),
            ({"image": file(png()), "svg[model]": "x"}, "svg[model]"),
            ({"image": file(png()), "markup": file(png())}, "markup"),
            ({"image": file(png()), "output_format": "gif"}, "output_format"),
        ],
        _form,
    ),
)
def test_a_form_that_cannot_be_used_is_refused_by_name(
    openai: OpenAI, editor: Version, provider: FakeProvider, form: dict[str, Any], param: str
) -> None:
    for value in form.values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
    refused(post(openai, model="acme/editor", **form), 400, param)


@pytest.mark.parametrize(
    ("content_type", "body"),
    one_in(
        3,
        [
            ("application/x-www-form-urlencoded", b"prompt=a+hat"),
            ("text/plain", b"a hat"),
            ("multipart/form-data", b"--x--"),
            ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="image"; fi'),
            ("multipart/form-data; boundary=\xe9", b"--x--"),
            ("application/json", b"{"),
            ("application/json", b"[]"),
            ("application/json", b"\xff"),
            ("image/png", png()),
        ],
    ),
)
def test_a_body_of_another_kind_is_refused(
    openai: OpenAI, editor: Version, provider: FakeProvider, content_type: str, body: bytes
) -> None:
    headers = {"Authorization": f"Bearer {openai.token}"}
    answer = openai.client.post(EDITS, body, content_type=content_type, headers=headers)
    assert answer.status_code == 400 and "message" in json.loads(answer.content)["error"]
    assert not Prediction.objects.exists() and not StoredFile.objects.exists()


def test_a_variation_has_no_words_and_no_mask(
    openai: OpenAI, editor: Version, provider: FakeProvider
) -> None:
    refused(post(openai, VARIATIONS, image=file(png()), prompt="a hat"), 400, "prompt")
    refused(post(openai, VARIATIONS, image=file(png()), mask=file(half_clear())), 400, "mask")
    refused(post(openai, VARIATIONS), 400, "image")
    refused(openai.post("/images/variations", {"image": "https://example.org/a.png"}), 400, None)


def test_where_nothing_works_from_pictures_it_says_so(
    openai: OpenAI, painter: Version, editor: Version, provider: FakeProvider
) -> None:
    provider.only_words = True
    missing = post(openai, model="gpt-image-1", image=file(png()))
    assert "from a picture at present" in refused(missing, 404, "model", "model_not_found")
    named = post(openai, model="acme/editor", image=file(png()))
    assert "from words only" in refused(named, 400, "model")
    refused(post(openai, model="acme/painter", image=file(png())), 400, "model")
    refused(post(openai, model="no/body", image=file(png())), 404, "model", "model_not_found")
    provider.only_words = False
    masked = post(openai, model="acme/editor", image=file(png()), mask=file(half_clear()))
    assert "takes no mask" in refused(masked, 400, "mask")


def test_without_credit_nothing_is_kept(
    charlie: User, editor: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor = OpenAI(factories.make_token(charlie))
    refused(post(poor, model="acme/editor", image=file(png())), 429, None, "insufficient_quota")
    # Spent by another request between the check and the hold.
    monkeypatch.setattr("predictions.api_dialects.openai.views._refuse_unaffordable", lambda requests: None)
    refused(post(poor, model="acme/editor", image=file(png())), 429, None, "insufficient_quota")


def test_an_allowance_that_is_owed_pays_for_an_edit_as_for_a_generation(
    charlie: User, editor: Version, provider: FakeProvider
) -> None:
    plan = Plan.objects.create(name="monthly", allowance=5 * MICRO)
    credits.set_plan(factories.account_of(charlie), plan)
    owed = OpenAI(factories.make_token(charlie))
    assert waited(post(owed, model="acme/editor", image=file(png()))).status_code == 200
    assert factories.account_of(charlie).balance == 4 * MICRO


def test_the_same_form_with_the_same_key_is_the_same_job(
    openai: OpenAI, editor: Version, provider: FakeProvider
) -> None:
    key = {"Idempotency-Key": "once"}
    first = waited(post(openai, model="acme/editor", image=file(png()), headers=key))
    again = waited(post(openai, model="acme/editor", image=file(png()), headers=key), lambda: None)
    assert again.content == first.content and again["Idempotent-Replayed"] == "true"
    assert (Prediction.objects.count(), Upload.objects.count()) == (1, 1)
    other = post(openai, model="acme/editor", image=file(png(colour="#0000ff")), headers=key)
    assert (other.status_code, json.loads(other.content)["error"]["code"]) == (400, "idempotency_key_reused")


def test_what_was_sent_is_not_in_the_answer_to_a_refusal(
    openai: OpenAI, editor: Version, provider: FakeProvider
) -> None:
    secret = base64.b64encode(b"secret words of the caller").decode()
    answer = post_json(
        openai, {"model": "acme/editor", "prompt": "a hat", "image": f"data:text/plain;base64,{secret}"}
    )
    assert secret not in answer.content.decode() and answer.status_code == 400


def test_an_edit_needs_a_token(openai: OpenAI, editor: Version, provider: FakeProvider) -> None:
    answer = openai.client.post(EDITS, {"prompt": "a hat", "image": file(png())})
    assert answer.status_code == 401
    fakes.work_off()
    assert not provider.orders


@pytest.mark.parametrize(
    ("body", "param"),
    one_in(
        3,
        [
            ({"image": "http://127.0.0.1/a.png"}, "image"),
            ({"image": "file:///etc/passwd"}, "image"),
            ({"image": "data:image/png;base64,%%%"}, "image"),
            ({"image": "data:image/png;base64,aGVsbG8="}, "image"),
            ({"image": "\x00"}, "image"),
            ({"image": 7}, "image"),
            ({"images": [{"image_url": "x", "file_id": "y"}]}, "images"),
            ({"images": [{"file_id": "a" * 26}]}, "images"),
            ({"images": [{}]}, "images"),
            ({"images": []}, "image"),
            ({"image": "x", "images": ["x"]}, "images"),
            ({"images": ["http://example.org/a.png"] * 17}, "image"),
            ({"image": "https://example.org/a.png", "mask": "https://example.org/m.png"}, "mask"),
            ({"image": "https://example.org/a.png", "markup": "x"}, "markup"),
            ({"image": "https://example.org/a.png", "svg": {}}, "svg"),
            ({"image": "https://example.org/a.png", "unheard": 1}, "unheard"),
        ],
    ),
)
def test_json_that_cannot_be_used_is_refused_by_name(
    openai: OpenAI,
    editor: Version,
    inpainter: Version,
    provider: FakeProvider,
    body: dict[str, Any],
    param: str,
) -> None:
    model = "acme/inpainter" if "mask" in body else "acme/editor"
    refused(post_json(openai, {"model": model, "prompt": "a hat", **body}), 400, param)


@pytest.mark.parametrize("error", [FeatureOff("uploads"), OSError(5, "Input/output error")])
def test_a_picture_is_forgotten_where_the_next_one_cannot_be_kept(
    openai: OpenAI,
    inpainter: Version,
    provider: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    keep, kept = uploads.keep, list[Upload]()

    def once(*args: Any) -> Upload:
        if kept:
            raise error
        kept.append(keep(*args))
        return kept[0]

    monkeypatch.setattr(uploads, "keep", once)
    openai.client.raise_request_exception = False
    answer = post(openai, model="acme/inpainter", image=file(png()), mask=file(half_clear()))
    assert answer.status_code in (500, 503) and len(kept) == 1
    assert not Upload.objects.filter(deleted_at=None).exists()
    assert not StoredFile.objects.exclude(state="doomed").exists()
