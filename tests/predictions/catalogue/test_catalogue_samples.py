"""Sample results of the catalogue: on the pages, in both APIs, and as files that say how they were made."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from PIL import Image

from accounts.models import User
from predictions import availability
from predictions.catalogue import loader, lookup, samples, shipped_models
from predictions.submit import validation
from tests import factories

STATIC = Path(settings.BASE_DIR) / "static"


@pytest.fixture
def ten_models(db: None) -> None:
    """The catalogue as it ships."""
    loader.load()


@pytest.mark.parametrize("ref", shipped_models.refs())
def test_every_model_has_a_sample_whose_files_are_there(ref: str) -> None:
    sample = samples.for_model(ref)
    assert sample is not None
    for path in (sample.output, sample.poster, *(path for _, path in sample.input_files)):
        assert (STATIC / path).is_file(), path
    with Image.open(STATIC / sample.poster) as still:
        assert still.size == (sample.width, sample.height)
        if not sample.is_video:
            assert b"no neural network" in still.info["xmp"]


def test_the_samples_are_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in (STATIC / samples.FOLDER).iterdir()) < 2_000_000


def test_a_model_s_page_shows_its_sample_and_says_who_made_it(client: Client, ten_models: None) -> None:
    page = client.get("/docs/models/cjwbw/rembg").content.decode()
    assert "samples/cjwbw--rembg" in page and "samples/lucataco--flux-dev-lora" in page
    assert "procedural, no neural network" in page


def test_a_video_s_sample_waits_until_it_is_started(client: Client, ten_models: None) -> None:
    page = client.get("/docs/models/lucataco/animate-diff").content.decode()
    assert 'preload="none"' in page and "autoplay" not in page


def test_the_page_of_all_models_shows_them_with_kind_and_price(client: Client, ten_models: None) -> None:
    page = client.get("/docs/models").content.decode()
    shelf = page.partition('class="wares"')[2].partition("</ul>")[0]
    assert shelf.count("<li>") == len(shipped_models.refs())
    assert "background removal" in shelf and "credits per output file" in shelf


def test_the_picker_shows_the_samples_while_nothing_is_published(
    client: Client, alice: User, ten_models: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "served_refs", lambda: frozenset(shipped_models.refs()))
    client.force_login(alice)
    assert "samples/lucataco--flux-schnell-lora" in client.get("/studio/").content.decode()


def test_our_own_api_gives_the_sample_with_whole_addresses(
    client: Client, alice: User, ten_models: None
) -> None:
    client.force_login(alice)
    shown = client.get("/api/models/cjwbw/rembg").json()["sample"]
    assert shown["url"].startswith("http://testserver/static/samples/cjwbw--rembg")
    assert shown["input"]["image"].startswith("http://testserver/static/samples/lucataco--flux-dev-lora")
    assert (shown["content_type"], shown["licence"]) == ("image/webp", "CC0-1.0")


def test_replicate_s_model_object_carries_the_sample_as_its_example(
    client: Client, alice: User, ten_models: None
) -> None:
    secret = factories.make_token(alice)
    shown = client.get("/v1/models/stability-ai/sdxl", headers={"authorization": f"Bearer {secret}"}).json()
    example = shown["default_example"]
    assert shown["cover_image_url"].startswith("http://testserver/static/samples/stability-ai--sdxl")
    assert (example["status"], example["model"]) == ("succeeded", "stability-ai/sdxl")
    assert example["output"] == [shown["cover_image_url"]]
    assert example["logs"].startswith(f"Using seed: {example['input']['seed']}\n")


@pytest.mark.parametrize("ref", shipped_models.refs())
def test_a_sample_s_input_is_one_that_its_model_takes(ref: str, ten_models: None) -> None:
    version, sample = lookup.find_version(ref), samples.for_model(ref)
    assert version is not None and sample is not None
    files = {name: f"https://files.example.test/{path}" for name, path in sample.input_files}
    assert validation.check(version, {**sample.input, **files}) == []
