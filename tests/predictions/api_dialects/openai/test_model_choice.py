"""Choice of the model, and the list of models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings

from config import env
from predictions.api_dialects.openai import model_choice
from predictions.catalogue import loader, lookup, shipped_models
from predictions.models import HostedModel, Prediction
from tests import fakes
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.openai.conftest import OpenAI

pytestmark = pytest.mark.django_db
SDXL, DEV, SD = "stability-ai/sdxl", "lucataco/flux-dev-lora", "stability-ai/stable-diffusion"


@pytest.fixture(autouse=True)
def _shipped(db: None) -> None:
    loader.load()


def meant(name: str) -> tuple[str, str, str | None]:
    chosen = model_choice.choose(name)
    return chosen.version.model.ref, chosen.form, chosen.file_format


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", (SDXL, "url", "png")),
        ("dall-e-2", (SDXL, "url", "png")),
        ("dall-e-3", (SDXL, "url", "png")),
        ("gpt-image-1", (DEV, "b64_json", "png")),
        (DEV, (DEV, "url", None)),
    ],
)
def test_openais_names_stand_for_ours(
    provider: FakeProvider, name: str, expected: tuple[str, str, str | None]
) -> None:
    assert meant(name) == expected


def test_a_version_is_taken_as_the_other_dialect_takes_it(provider: FakeProvider) -> None:
    version = lookup.find_version(SDXL)
    assert version is not None
    assert model_choice.choose(f"{SDXL}:{version.pk}").version == version
    assert model_choice.choose(version.pk).version == version


def test_the_operators_names_come_first(provider: FakeProvider, settings: LazySettings) -> None:
    settings.OPENAI_ALIASES = {"dall-e-3": SD, "house": DEV, "default": "house"}
    assert (meant("dall-e-3")[0], meant("house")[0], meant("dall-e-2")[0]) == (SD, DEV, SDXL)
    settings.OPENAI_ALIASES = {"default": SD}
    assert meant("")[0] == SD


def test_a_name_whose_model_is_not_served_stands_for_the_first_that_is(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    fakes.use(monkeypatch, FakeProvider(models={DEV, "cjwbw/rembg"}))
    assert (meant("dall-e-2")[0], meant("")[0]) == (DEV, DEV)
    settings.OPENAI_ALIASES = {"dall-e-2": SDXL}
    assert meant("dall-e-2")[0] == SDXL


def test_an_alias_answers_as_openais_model_would(openai: OpenAI, provider: FakeProvider) -> None:
    openai.post(
        "/images/generations",
        {"model": "gpt-image-1", "prompt": "a cat", "size": "1536x1024", "output_format": "jpeg",
         "output_compression": 70, "quality": "high", "moderation": "low", "background": "opaque"},
    )  # fmt: skip
    row = Prediction.objects.select_related("model").get()
    assert (row.model.ref, row.input) == (
        DEV,
        {
            "prompt": "a cat",
            "aspect_ratio": "3:2",
            "num_outputs": 1,
            "output_format": "jpg",
            "output_quality": 70,
        },
    )


def test_the_list_is_the_catalogue(openai: OpenAI, provider: FakeProvider) -> None:
    HostedModel.objects.filter(name="rembg").update(enabled=False)
    shown = openai.get("/models").json()
    assert shown["object"] == "list" and len(shown["data"]) == len(shipped_models.refs()) - 1
    assert shown["data"][0]["id"] == SD
    assert set(shown["data"][0]) == {"id", "object", "created", "owned_by"}
    assert all(isinstance(one["created"], int) and one["object"] == "model" for one in shown["data"])


@pytest.mark.parametrize("path", [SDXL, SDXL.replace("/", "%2F"), "dall-e-3"])
def test_one_is_read_by_its_name(openai: OpenAI, provider: FakeProvider, path: str) -> None:
    shown = openai.get(f"/models/{path}").json()
    assert (shown["id"], shown["owned_by"]) == (path.replace("%2F", "/"), "stability-ai")


def test_an_unknown_one_is_not_found(openai: OpenAI, provider: FakeProvider) -> None:
    error = openai.get("/models/no/such").json()["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "model")


def test_the_list_asks_as_little_for_ten_as_for_one(
    openai: OpenAI, provider: FakeProvider, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    openai.get("/models")
    with django_assert_max_num_queries(3):
        openai.get("/models")


def test_the_setting_is_a_list_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAIRS", " a = b/c , d=e:f ")
    assert env.pairs("PAIRS") == {"a": "b/c", "d": "e:f"}
    for wrong in ("a", "=b", "a="):
        monkeypatch.setenv("PAIRS", wrong)
        with pytest.raises(env.SettingError, match="PAIRS"):
            env.pairs("PAIRS")
