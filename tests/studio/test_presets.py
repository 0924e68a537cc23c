"""Presets: settings kept under a name, used again, renamed, deleted; and only by who kept them."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from gallery.models import Preset
from predictions.catalogue import loader, lookup
from predictions.models import Version
from studio.views import presets

SCHNELL = "lucataco/flux-schnell-lora"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    loader.load()


def schnell() -> Version:
    version = lookup.find_version(SCHNELL)
    assert version is not None
    return version


def form(**fields: str) -> dict[str, str]:
    """The studio's form with a name for a preset."""
    base = {"model": SCHNELL, "switches": "1", "prompt": "a hill", "aspect_ratio": "16:9"}
    return {**base, "preset_name": "Wide", **fields}


def kept(user: User, name: str = "Wide", **values: str) -> Preset:
    """A preset of that user."""
    return Preset.objects.create(
        user=user, model=schnell().model, name=name, values={"aspect_ratio": "16:9", **values}
    )


def test_the_settings_are_kept_without_the_words_unless_asked_for(as_alice: Client, alice: User) -> None:
    page = as_alice.post("/studio/presets/", form(), headers=HTMX).content.decode()
    assert "Kept as “Wide”." in page
    preset = Preset.objects.get(user=alice)
    assert preset.values["aspect_ratio"] == "16:9" and "prompt" not in preset.values
    as_alice.post("/studio/presets/", form(preset_words="on", aspect_ratio="4:5"))
    preset = Preset.objects.get(user=alice)
    assert (preset.values["aspect_ratio"], preset.values["prompt"]) == ("4:5", "a hill")


def test_a_preset_comes_back_with_the_words_that_stand_in_the_dock(as_alice: Client, alice: User) -> None:
    preset = kept(alice)
    page = as_alice.post(f"/studio/presets/{preset.pk}/apply/", form(aspect_ratio="1:1"), headers=HTMX)
    text = page.content.decode()
    assert text.lstrip().startswith('<form id="form"')
    assert "a hill</textarea>" in text and 'value="16:9" checked' in text


def test_without_scripts_a_preset_is_an_address(as_alice: Client, alice: User) -> None:
    preset = kept(alice)
    assert f"/studio/?preset={preset.pk}" in as_alice.get("/studio/").content.decode()
    page = as_alice.get(f"/studio/?preset={preset.pk}").content.decode()
    assert 'value="16:9" checked' in page


def test_what_no_longer_fits_is_left_behind_and_named(as_alice: Client, alice: User) -> None:
    preset = kept(alice, num_inference_steps="5000", bogus="1", aspect_ratio="4:5")
    page = as_alice.get(f"/studio/?preset={preset.pk}").content.decode()
    assert "Left behind" in page and "Steps" in page and "5000" not in page
    assert 'value="4:5" checked' in page
    Preset.objects.filter(pk=preset.pk).update(values=["no", "form"])
    assert as_alice.get(f"/studio/?preset={preset.pk}").status_code == 200


def test_presets_are_renamed_and_deleted(as_alice: Client, alice: User) -> None:
    preset = kept(alice)
    kept(alice, "Tall")
    assert (
        "Renamed."
        in as_alice.post(f"/studio/presets/{preset.pk}/name/", {"name": " Very   wide "}).content.decode()
    )
    assert Preset.objects.get(pk=preset.pk).name == "Very wide"
    answer = as_alice.post(f"/studio/presets/{preset.pk}/name/", {"name": "Tall"})
    assert answer.status_code == 422 and "Another preset is called “Tall”." in answer.content.decode()
    as_alice.post(f"/studio/presets/{preset.pk}/delete/")
    assert [one.name for one in presets.for_user(alice)] == ["Tall"]


@pytest.mark.parametrize("deed", ["apply", "name", "delete"])
def test_other_peoples_presets_do_not_exist(as_charlie: Client, alice: User, deed: str) -> None:
    preset = kept(alice)
    assert as_charlie.post(f"/studio/presets/{preset.pk}/{deed}/", form(name="x")).status_code == 404
    assert as_charlie.post(f"/studio/presets/{2**70}/{deed}/").status_code == 404
    assert 'value="16:9" checked' not in as_charlie.get(f"/studio/?preset={preset.pk}").content.decode()
    assert Preset.objects.get().name == "Wide"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"preset_name": ""}, "Give the preset a name."),
        ({"preset_name": "\u202e\u200b \x00"}, "Give the preset a name."),
        ({"preset_name": "x" * 61}, "at most 60 characters"),
        ({"hf_lora": "x" * 1_000_000}, "too long to be kept"),
        ({"hf_lora": "a\x00b"}, "too long to be kept"),
        ({"model": "nobody/nothing"}, "Choose a model first."),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_sentence(
    as_alice: Client, fields: dict[str, str], sentence: str
) -> None:
    answer = as_alice.post("/studio/presets/", form(**fields))
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Preset.objects.exists()


def test_a_name_is_one_line_without_signs_that_turn_it_around_and_shown_as_text(
    as_alice: Client, alice: User
) -> None:
    as_alice.post("/studio/presets/", form(preset_name="<b>\u202eevil</b>\r\n🎈 宽"))
    assert Preset.objects.get(user=alice).name == "<b>evil</b> 🎈 宽"
    assert "&lt;b&gt;evil&lt;/b&gt; 🎈 宽" in as_alice.get("/studio/").content.decode()


def test_a_member_keeps_at_most_so_many(
    as_alice: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "MOST", 2)
    kept(alice, "one"), kept(alice, "two")
    answer = as_alice.post("/studio/presets/", form())
    assert "You have 2 presets already." in answer.content.decode()
    # One that is there already may still be kept anew.
    as_alice.post("/studio/presets/", form(preset_name="two", aspect_ratio="4:5"))
    assert Preset.objects.get(name="two").values["aspect_ratio"] == "4:5"
