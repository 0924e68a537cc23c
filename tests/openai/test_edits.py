"""Pictures from pictures: what is sent, what a model is given for it, and what is refused without a trace."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from PIL import Image

from accounts.models import User
from predictions.engine import data_uri
from predictions.models import Prediction, StoredFile, Upload, Version
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.openai import pictures
from tests.openai.conftest import OpenAI, waited
from tests.openai.pictures import FORMAT, URI, WORDS, file, half_clear, png

pytestmark = pytest.mark.django_db(transaction=True)
EDITS, VARIATIONS = "/openai/v1/images/edits", "/openai/v1/images/variations"


@pytest.fixture
def editor(db: None) -> Version:
    """A model that takes a picture and words."""
    return pictures.model(
        "editor", "image-to-image", ["image"], image=URI, prompt=WORDS, output_format=FORMAT
    )


@pytest.fixture
def inpainter(db: None) -> Version:
    """A model that demands a mask as well."""
    return pictures.model("inpainter", "inpainting", ["image", "mask"], image=URI, mask=URI, prompt=WORDS)


def post(openai: OpenAI, path: str = EDITS, headers: dict[str, str] | None = None, **form: Any) -> Any:
    sent = {"Authorization": f"Bearer {openai.token}", **(headers or {})}
    return openai.client.post(path, {"prompt": "a hat", **form} if path == EDITS else form, headers=sent)


def post_json(openai: OpenAI, body: Any) -> Any:
    return openai.post("/images/edits", body)


def given(provider: FakeProvider, name: str, order: int = 0) -> Image.Image:
    """A picture as the provider got it."""
    _kind, data = data_uri.parse(provider.orders[order].input[name])
    return Image.open(io.BytesIO(data))


def test_a_picture_and_words_reach_the_model_and_its_picture_comes_back(
    openai: OpenAI, editor: Version, provider: FakeProvider
) -> None:
    content = png()
    answer = waited(post(openai, model="acme/editor", image=file(content)))
    assert answer.status_code == 200
    (shown,) = json.loads(answer.content)["data"]
    assert shown["url"].startswith("http://testserver/f/")
    order = provider.orders[0]
    assert order.input["prompt"] == "a hat"
    assert order.input["image"] == data_uri.build("image/png", content)
    row = Prediction.objects.get()
    upload = Upload.objects.get()
    assert row.input["image"] == f"http://testserver/v1/files/{upload.public_id}"
    assert (upload.account, upload.content_type, upload.name) == (row.account, "image/png", "image.png")


def test_its_kind_is_what_it_is_and_not_what_it_is_called(
    openai: OpenAI, editor: Version, provider: FakeProvider
) -> None:
    sent = file(factories.picture(form="JPEG"), "../../evil.svg", "text/html")
    waited(post(openai, model="acme/editor", image=sent))
    upload = Upload.objects.get()
    assert (upload.content_type, upload.name) == ("image/jpeg", "image.jpg")


@pytest.mark.parametrize("field", ["image", "image[]", "image[0]"])
def test_one_picture_may_come_under_each_of_the_names_that_clients_use(
    openai: OpenAI, editor: Version, provider: FakeProvider, field: str
) -> None:
    assert waited(post(openai, model="acme/editor", **{field: file(png())})).status_code == 200


def test_openais_names_stand_for_a_model_that_takes_pictures(
    openai: OpenAI, painter: Version, editor: Version, provider: FakeProvider
) -> None:
    for name in ("gpt-image-1", "dall-e-2"):
        answer = waited(post(openai, model=name, image=file(png())))
        (shown,) = json.loads(answer.content)["data"]
        assert set(shown) == {"b64_json" if name == "gpt-image-1" else "url"}
    assert {order.model for order in provider.orders} == {"acme/editor"}
    assert waited(post(openai, image=file(png()))).status_code == 200


def test_with_a_mask_they_stand_for_one_that_takes_a_mask(
    openai: OpenAI, editor: Version, inpainter: Version, provider: FakeProvider
) -> None:
    waited(post(openai, model="gpt-image-1", image=file(png()), mask=file(half_clear())))
    assert provider.orders[0].model == "acme/inpainter"


def test_an_operators_own_name_comes_first(openai: OpenAI, editor: Version, provider: FakeProvider) -> None:
    other = pictures.model("other", "image-to-image", ["image"], image=URI, prompt=WORDS)
    with override_settings(OPENAI_ALIASES={"gpt-image-1": other.model.ref}):
        waited(post(openai, model="gpt-image-1", image=file(png())))
    assert provider.orders[0].model == "acme/other"


def test_what_is_transparent_in_the_mask_is_white_for_the_model(
    openai: OpenAI, inpainter: Version, provider: FakeProvider
) -> None:
    waited(post(openai, model="acme/inpainter", image=file(png()), mask=file(half_clear())))
    mask = given(provider, "mask").convert("L")
    assert mask.size == (64, 48)
    assert (mask.getpixel((2, 24)), mask.getpixel((60, 24))) == (255, 0)


def test_a_picture_with_holes_is_its_own_mask_where_the_model_needs_one(
    openai: OpenAI, inpainter: Version, provider: FakeProvider
) -> None:
    waited(post(openai, model="acme/inpainter", image=file(half_clear())))
    mask = given(provider, "mask").convert("L")
    assert (mask.getpixel((2, 24)), mask.getpixel((60, 24))) == (255, 0)


def test_several_pictures_are_several_jobs_that_share_what_was_sent(
    openai: OpenAI, editor: Version, provider: FakeProvider
) -> None:
    provider.limit = 10
    answer = waited(post(openai, model="acme/editor", image=file(png()), n="3"))
    assert len(json.loads(answer.content)["data"]) == 3
    assert Upload.objects.count() == 1
    assert len({order.input["image"] for order in provider.orders}) == 1


def test_words_for_a_model_that_takes_none_are_left_out(openai: OpenAI, provider: FakeProvider) -> None:
    pictures.model("cutter", "background-removal", [], image=URI)
    assert waited(post(openai, model="acme/cutter", image=file(png()))).status_code == 200
    assert set(provider.orders[0].input) == {"image"}


def test_a_variation_is_made_from_the_picture_alone(
    openai: OpenAI, editor: Version, provider: FakeProvider
) -> None:
    answer = waited(post(openai, VARIATIONS, image=file(png()), n="1"))
    assert answer.status_code == 200
    # Not the words that the model would take where none are given.
    assert provider.orders[0].input["prompt"] == ""
    assert waited(post(openai, VARIATIONS, image=file(png()), model="dall-e-2")).status_code == 200


# -- JSON ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["image", "images"])
@pytest.mark.parametrize("form", ["text", "object", "listed"])
def test_pictures_may_come_in_json(
    openai: OpenAI, editor: Version, provider: FakeProvider, key: str, form: str
) -> None:
    uri = data_uri.build("image/png", png())
    value: Any = {"text": uri, "object": {"image_url": uri}, "listed": [{"image_url": uri}]}[form]
    answer = waited(post_json(openai, {"model": "acme/editor", "prompt": "a hat", key: value}))
    assert answer.status_code == 200
    assert provider.orders[0].input["image"] == uri


def test_a_file_that_was_uploaded_before_is_named_by_its_id(
    openai: OpenAI, editor: Version, provider: FakeProvider, alice: User
) -> None:
    upload = factories.make_upload(alice, png(), "a.png")
    body = {"model": "acme/editor", "prompt": "a hat", "images": [{"file_id": upload.public_id}]}
    assert waited(post_json(openai, body)).status_code == 200
    assert given(provider, "image").size == (64, 48)
    assert Upload.objects.count() == 1


def test_an_address_is_handed_on_to_be_fetched(
    openai: OpenAI, editor: Version, provider: FakeProvider
) -> None:
    url = "https://pictures.example.org/a.png"
    post_json(openai, {"model": "acme/editor", "prompt": "a hat", "images": [{"image_url": url}]})
    assert Prediction.objects.get().input["image"] == url
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    ("body", "param"),
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


# -- Refusals --------------------------------------------------------------------------------------------------


def refused(answer: Any, status: int, param: str | None, code: str | None = None) -> str:
    """The message of a refusal in OpenAI's form, after which nothing is stored, held or left behind."""
    assert answer.status_code == status, answer.content
    error = json.loads(answer.content)["error"]
    assert error["param"] == param, error
    if code is not None:
        assert error["code"] == code
    assert not Prediction.objects.exists()
    assert Upload.objects.filter(deleted_at=None).count() == Upload.objects.count() == 0
    assert StoredFile.objects.exclude(state="doomed").count() == 0
    temporary = Path(settings.TEMPORARY)
    assert not temporary.is_dir() or not list(temporary.iterdir())
    return str(error["message"])


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


@pytest.mark.parametrize("name", NO_PICTURES)
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
    monkeypatch.setattr("predictions.dialects.openai.views._refuse_unaffordable", lambda requests: None)
    refused(post(poor, model="acme/editor", image=file(png())), 429, None, "insufficient_quota")


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
