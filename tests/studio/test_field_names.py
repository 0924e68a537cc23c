"""The studio of a model that has an input called `model`, as many that are brought in by their Cog schema do."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from gallery.models import Preset
from predictions.models import Prediction, Version
from tests import factories, fakes

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string", "x-order": 0},
        "model": {"type": "string", "enum": ["base", "turbo"], "default": "base", "x-order": 1},
    },
    "required": ["prompt"],
}


@pytest.fixture
def chooser(db: None, monkeypatch: pytest.MonkeyPatch) -> Version:
    fakes.use(monkeypatch, fakes.FakeProvider())
    return factories.make_version(factories.make_model("acme", "ink"), input_schema=SCHEMA)


def form(**fields: Any) -> dict[str, Any]:
    """What the page sends: which model it is for, and behind it what the control says."""
    return {"model": ["acme/ink", "turbo"], "switches": "1", "prompt": "a red balloon", **fields}


def test_it_is_made_with_what_the_control_says(as_alice: Client, chooser: Version) -> None:
    page = as_alice.get("/studio/?model=acme/ink").content.decode()
    assert page.index('name="model" value="acme/ink"') < page.index('name="model" value="base"')
    answer = as_alice.post("/studio/make/", form())
    made = Prediction.objects.get()
    assert (made.version, made.input) == (chooser, {"prompt": "a red balloon", "model": "turbo"})
    again = as_alice.get(answer["Location"]).context["panel"]
    (control,) = [one for one in [*again.open, *again.more] if one.name == "model"]
    assert (again.version, control.value) == (chooser, "turbo")


def test_it_is_priced_kept_and_carried_over(as_alice: Client, chooser: Version) -> None:
    assert "1" in as_alice.post("/studio/quote/", form()).content.decode()
    as_alice.post("/studio/presets/", form(preset_name="fast", preset_words="on"))
    assert Preset.objects.get().values == {"prompt": "a red balloon", "model": "turbo"}
    page = as_alice.post("/studio/form/", form(to="acme/ink"))
    assert page.context["choice"].model == chooser.model
