"""The studio's panel and button: what each model shows, what the button says, and what an imported model gets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from engine.animation import timeline
from engine.inpainting import object_removal
from predictions.catalogue import loader, lookup
from predictions.models import HostedModel, Price, Status, Version
from studio.form import controls, model_choices, model_hints, requirements
from tests import factories
from tests.studio.test_input_pictures import (  # fmt: skip
    CLIP,
    DEV,
    FILM,
    IMG2IMG,
    INPAINTING,
    REMBG,
    REMOVAL,
    SDXL,
    find,
    png,
    send,
)


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    loader.load()


@pytest.fixture
def sent(as_alice: Client) -> dict[str, Any]:
    """A picture that Alice's browser has sent."""
    answer: dict[str, Any] = send(as_alice, png()).json()
    return answer


def test_the_names_are_those_of_the_published_model() -> None:
    assert {*model_hints.NAMES, "Background"} == object_removal.NUMBERS.keys()


def quote(client: Client, ref: str, **fields: Any) -> str:
    answer = client.post("/studio/quote/", {"model": ref, "switches": "1", **fields})
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(
    ("ref", "fields", "deed"),
    [
        (DEV, {}, "Make 1"),
        (DEV, {"num_outputs": "4"}, "Make 4"),
        (DEV, {"image": "https://example.com/a.png"}, "Remake 1"),
        (SDXL, {"image": "https://example.com/a.png", "mask": "https://example.com/m.png"}, "Repaint 1"),
        (IMG2IMG, {"num_outputs": "8"}, "Remake 8"),
        (INPAINTING, {"num_outputs": "2"}, "Repaint 2"),
        (REMBG, {}, "Cut out"),
        (REMOVAL, {}, "Remove"),
        (FILM, {}, "Make 1"),
    ],
)
def test_the_button_names_the_deed(as_alice: Client, ref: str, fields: dict[str, str], deed: str) -> None:
    assert f"<span>{deed} <span" in quote(as_alice, ref, **fields).replace(' class="no-js"', "")


def test_the_button_says_what_is_missing(as_alice: Client, sent: dict[str, Any]) -> None:
    assert 'data-needs="image"' in quote(as_alice, INPAINTING)
    assert "Paint what should change" in quote(as_alice, INPAINTING, image=sent["url"])
    assert "data-needs" not in quote(as_alice, INPAINTING, image=sent["url"], mask=sent["url"])


def test_a_stretched_picture_is_said_with_the_size_that_fits(as_alice: Client, sent: dict[str, Any]) -> None:
    said = quote(as_alice, INPAINTING, image=sent["url"])
    assert "Your picture is stretched to 512 × 512" in said
    assert 'data-fit-width="576" data-fit-height="384"' in said
    assert "stretched" not in quote(as_alice, INPAINTING, image=sent["url"], width="576", height="384")


@pytest.mark.parametrize(
    ("ends", "drawn", "steps", "back", "flowing"),
    [
        ("b", 10, 5, False, True),
        ("b|c", 25, 5, True, True),
        ("b", 10, 5, False, False),
        ("b", 2, 1, True, True),
    ],
)
def test_the_film_is_as_long_as_the_engine_makes_it(
    ends: str, drawn: int, steps: int, back: bool, flowing: bool
) -> None:
    given = {
        "prompt_end": ends, "num_animation_frames": drawn, "num_interpolation_steps": steps,
        "gif_ping_pong": back, "film_interpolation": flowing, "gif_frames_per_second": 10,
    }  # fmt: skip
    film = model_hints.film(find(FILM), given)
    plan = timeline.plan(1 + len(ends.split("|")), drawn, steps, there_and_back=back, flowing=flowing)
    assert film is not None
    assert film.frames == len(plan.frames)
    assert film.seconds == pytest.approx(film.frames / 10)


@pytest.mark.parametrize("value", ["0", "-1", "99999999999", "nan", "many"])
def test_a_film_of_nonsense_is_not_counted(as_alice: Client, value: str) -> None:
    said = quote(as_alice, FILM, num_animation_frames=value, num_interpolation_steps=value)
    assert "of film" not in said


# -- The panel ------------------------------------------------------------


def kinds(panel: controls.Panel) -> dict[str, str]:
    return {control.name: control.kind for control in [*panel.open, *panel.more]}


def test_every_model_of_the_catalogue_can_be_chosen(as_alice: Client) -> None:
    page = as_alice.get("/studio/").content.decode()
    for model in HostedModel.objects.all():
        assert f'data-model="{model.ref}"' in page
    assert "Through the API only" not in page


def test_controls_that_mean_nothing_are_marked() -> None:
    version = find(SDXL)
    plain = {c.name: c for c in _all(controls.panel(version, {}))}
    assert plain["high_noise_frac"].idle
    assert plain["prompt_strength"].idle
    assert not plain["width"].idle
    full = {c.name: c for c in _all(controls.panel(version, {"image": "x", "refine": "base_image_refiner"}))}
    assert not full["refine_steps"].idle
    assert full["high_noise_frac"].idle
    assert not full["prompt_strength"].idle
    assert full["width"].idle


def _all(panel: controls.Panel) -> list[controls.Control]:
    return [*panel.open, *panel.more]


def test_styles_are_cards_and_many_pictures_a_stepper() -> None:
    assert kinds(controls.panel(find(CLIP), {}))["path"] == "cards"
    assert kinds(controls.panel(find(IMG2IMG), {}))["num_outputs"] == "stepper"
    strength = next(one for one in controls.panel(find(IMG2IMG), {}).open if one.name == "prompt_strength")
    assert (strength.kind, strength.idle) == ("slider", False)


def test_another_model_keeps_the_picture_under_its_own_name(as_alice: Client, sent: dict[str, Any]) -> None:
    answer = as_alice.post(
        "/studio/form/", {"model": REMBG, "to": REMOVAL, "switches": "1", "image": sent["url"]}
    )
    page = answer.content.decode()
    assert f'name="image_path" value="{sent["url"]}"' in page
    assert "hut.png" in page


def imported(properties: dict[str, Any], required: list[str] | None = None) -> Version:
    model = HostedModel.objects.create(owner="acme", name="upscale", description="Makes it larger.")
    Price.objects.create(model=model, number=1, amount=1000, unit=Price.Unit.RUN)
    return Version.objects.create(
        id="e" * 64,
        model=model,
        input_schema={"type": "object", "properties": properties, "required": required or []},
        output_schema={"type": "string", "format": "uri"},
    )


def test_an_imported_model_shows_its_own_names_and_descriptions(as_alice: Client) -> None:
    version = imported(
        {
            "source_image": {"type": "string", "format": "uri", "description": "The photo <b>to enlarge</b>"},
            "voice_track": {"type": "string", "format": "uri"},
            "upscale_factor": {
                "type": "number",
                "default": 2,
                "minimum": 1,
                "maximum": 4,
                "description": "How much",
            },
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        ["source_image"],
    )
    panel = controls.panel(version, {})
    assert [slot.name for slot in panel.slots] == ["source_image"]
    assert kinds(panel) == {"voice_track": "text", "upscale_factor": "slider"}
    page = as_alice.get("/studio/?model=acme/upscale").content.decode()
    assert "Upscale factor" in page
    assert "How much" in page
    assert "The photo &lt;b&gt;to enlarge&lt;/b&gt;" in page
    assert requirements.required_pictures(version) == ["source_image"]


def test_the_seed_that_was_drawn_is_told(as_alice: Client, alice: User, charlie: User) -> None:
    ask = "/studio/seed/?model=" + DEV
    assert as_alice.get(ask).json() == {"seed": None}
    for user, number in ((alice, 48213), (charlie, 7)):
        factories.make_prediction(
            user, find(DEV), status=Status.SUCCEEDED, logs=f"Using seed: {number}\n", input={"prompt": "x"}
        )
    assert as_alice.get(ask).json() == {"seed": 48213}
    assert as_alice.get("/studio/seed/?model=nobody/nothing").json() == {"seed": None}


def test_the_picker_says_how_long_a_model_takes_from_its_own_runs_alone(
    as_alice: Client, alice: User
) -> None:
    version = lookup.find_version("stability-ai/sdxl")
    assert version is not None
    for seconds in (3, 5):
        end = timezone.now()
        factories.make_prediction(
            alice,
            version,
            status=Status.SUCCEEDED,
            started_at=end - timedelta(seconds=seconds),
            completed_at=end,
        )
    usual = {choice.model.name: choice.usual_s for choice in model_choices.choices()}
    assert usual.pop("sdxl") == 4
    assert set(usual.values()) == {None}
    page = as_alice.get("/studio/?model=stability-ai/sdxl").content.decode()
    assert page.count("about 4 s") == 2
