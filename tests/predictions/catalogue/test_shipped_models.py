"""Shipped models: each JSON is complete, and every table of models lists exactly these."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management.commands.makemessages import TranslatableFile
from django.utils import translation
from django.utils.translation import gettext

from accounts.models import MICRO
from config.management.commands import makemessages
from engine import models as engine_models
from engine import published_models
from engine.local.config.settings_file import FAMILIES
from engine.performers import PERFORMERS
from predictions.api_dialects.openai.model_choice import ALIASES
from predictions.catalogue import loader, samples, shipped_models
from predictions.catalogue.shipped_models import ShippedModel
from predictions.models import HostedModel, Price
from tests.support.source_rules import ROOT, sources

MODELS = shipped_models.all_models()
REFS = set(shipped_models.refs())
each_model = pytest.mark.parametrize("model", MODELS, ids=shipped_models.refs())

CONSUMERS: dict[str, Callable[[], Iterable[str]]] = {
    "published inputs": published_models.refs,
    "performer": lambda: PERFORMERS,
    "studio texts": lambda: [model.ref for model in MODELS if model.studio is not None],
    "demo use": lambda: [model.ref for model in MODELS if model.demo is not None],
    "sample": lambda: [ref for ref in REFS if samples.for_model(ref) is not None],
}
"""Who has to know every model, by what it has of each. A new such table belongs here."""
CHOSEN: dict[str, Callable[[], Iterable[str]]] = {
    "painted from words": lambda: engine_models.MODELS,
    "local weights": lambda: FAMILIES,
    "OpenAI's names": ALIASES.values,
}
"""Who names some of them."""


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_it_knows_every_shipped_model_and_no_other(consumer: str) -> None:
    known = list(CONSUMERS[consumer]())
    assert {"missing": REFS - set(known), "left over": set(known) - REFS} == {
        "missing": set(),
        "left over": set(),
    }


@pytest.mark.parametrize("consumer", CHOSEN)
def test_it_names_shipped_models_alone(consumer: str) -> None:
    assert set(CHOSEN[consumer]()) - REFS == set()


def test_no_module_names_a_model_that_does_not_ship() -> None:
    owners = "|".join(re.escape(owner) for owner in sorted({model.owner for model in MODELS}))
    name = re.compile(rf"(?:{owners})/[A-Za-z0-9._-]+")
    found = {
        f"{one.path}:{node.lineno} {node.value}"
        for one in sources()
        for node in one.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if name.fullmatch(node.value) and node.value not in REFS
    }
    assert found == set()


def test_each_lies_in_the_file_of_its_name() -> None:
    files = {path.name for path in shipped_models.DATA.glob("*.json")}
    assert files == {published_models.file_of(ref).name for ref in REFS}


def test_order_and_versions_are_their_own() -> None:
    assert max(Counter(model.position for model in MODELS).values()) == 1
    assert max(Counter(model.version for model in MODELS).values()) == 1
    assert shipped_models.refs()[:2] == ("stability-ai/stable-diffusion", "stability-ai/sdxl")


@each_model
def test_its_fields_are_what_the_catalogue_takes(model: ShippedModel) -> None:
    assert re.fullmatch("[0-9a-f]{64}", model.version)
    assert model.kind in HostedModel.Kind.values and model.price.unit in Price.Unit.values
    assert (model.price.usd is None) != (model.price.credits is None)
    assert model.price.amount > 0 and 0 < len(model.price.source) <= 300


@each_model
def test_what_the_studio_says_of_it_fits_its_schema(model: ShippedModel) -> None:
    assert model.studio is not None
    properties = model.input_schema["properties"]
    assert model.studio.limits.keys() <= properties.keys()
    assert all(len(limits) == 2 and limits[0] < limits[1] for limits in model.studio.limits.values())
    if model.studio.ratio_sizes:
        assert set(properties["aspect_ratio"]["enum"]) <= published_models.RATIOS.keys()


@each_model
@pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES if code != "en"])
def test_its_texts_are_translated(model: ShippedModel, language: str) -> None:
    assert model.studio is not None
    with translation.override(language):
        texts = [text for text in (model.studio.sentence, model.studio.note) if text]
        assert [text for text in texts if gettext(text) == text] == []


@each_model
def test_makemessages_extracts_its_texts(model: ShippedModel) -> None:
    assert model.studio is not None
    path = published_models.file_of(model.ref)
    assert makemessages.is_model(TranslatableFile(str(path.parent), path.name, None))
    calls = [node for node in ast.walk(ast.parse(makemessages.as_python(path))) if isinstance(node, ast.Call)]
    extracted = [ast.literal_eval(call.args[0]) for call in calls]
    assert extracted == [text for text in (model.studio.sentence, model.studio.note) if text]


def test_makemessages_reads_no_other_json() -> None:
    assert not makemessages.is_model(TranslatableFile(str(shipped_models.DATA.parent), "a.json", None))
    assert not makemessages.is_model(TranslatableFile(str(shipped_models.DATA), "README.md", None))


def test_every_file_of_the_samples_belongs_to_one() -> None:
    made = [sample for ref in REFS if (sample := samples.for_model(ref)) is not None]
    used = {path for one in made for path in (one.output, one.poster, *dict(one.input_files).values())}
    there = {
        str(path.relative_to(ROOT / "static")) for path in Path(ROOT, "static", samples.FOLDER).iterdir()
    }
    assert there == used


@pytest.mark.django_db
def test_the_catalogue_is_filled_in_their_order_with_their_prices() -> None:
    assert loader.load() == len(MODELS)
    rows = list(HostedModel.objects.all())
    assert [row.ref for row in rows] == list(shipped_models.refs())
    assert rows == list(HostedModel.objects.order_by("-created_at"))
    prices = {price.model.ref: price for price in Price.objects.select_related("model")}
    assert {ref: price.amount for ref, price in prices.items()} == {
        model.ref: model.price.amount for model in MODELS
    }
    own, published = prices["cjwbw/rembg"], prices["stability-ai/sdxl"]
    assert (own.unit, own.amount, own.source) == ("run", 220_000, "Darkroom's own: none was published")
    assert (published.unit, published.amount) == ("output", 630_000) and MICRO == 1_000_000
