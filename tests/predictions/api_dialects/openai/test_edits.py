"""Image edits: accepted requests, the model's inputs, and refusals without a trace."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.test import override_settings
from PIL import Image

from accounts.models import User
from core import data_uri
from predictions.models import Prediction, Upload, Version
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.openai import image_requests
from tests.predictions.api_dialects.openai.conftest import OpenAI, waited
from tests.predictions.api_dialects.openai.image_requests import (
    URI,
    VARIATIONS,
    WORDS,
    file,
    half_clear,
    png,
    post,
    post_json,
)
from tests.runner.sampling import one_of

pytestmark = pytest.mark.django_db(transaction=True)


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
    other = image_requests.model("other", "image-to-image", ["image"], image=URI, prompt=WORDS)
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
    image_requests.model("cutter", "background-removal", [], image=URI)
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


@pytest.mark.parametrize(
    ("form", "key"),
    [(form, key) for form in ("text", "object", "listed") for key in one_of(("image", "images"), of=form)],
)
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
