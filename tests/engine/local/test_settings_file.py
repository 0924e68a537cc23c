"""The operator's file of local models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.local.config.settings_file import MAX_FILE, load, parse
from engine.local.config.settings_table import LocalSettingsError

SD = "stability-ai/stable-diffusion"
ANIMATE = "lucataco/animate-diff"
HERE = Path("/srv/models")


def of(**more: Any) -> dict[str, Any]:
    return {"models": {SD: {"weights": "./sd15", **more}}}


def test_a_file_of_one_line_for_a_model_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(f'[models."{SD}"]\nweights = "./sd15"\n')
    settings = load(path)
    model = settings.models[SD]
    assert settings.names == {SD}
    assert model.weights == str(tmp_path / "sd15")
    assert (model.title, model.family, settings.devices, settings.keep) == ("sd15", "sd", ("auto",), 2)
    assert (settings.downloads, settings.embedded, settings.memory_bytes) == (False, "never", None)


def test_the_same_file_may_be_json(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    path.write_text(json.dumps(of(dtype="float16")))
    assert load(path).models[SD].dtype == "float16"


def test_a_hub_id_stays_what_it_is_and_paths_start_from_the_file() -> None:
    raw = {
        "loras": {"folder": "loras", "names": {"mine": "~/mine.safetensors"}, "hub": ["me/*"]},
        "models": {
            SD: {"weights": "org/name", "base_loras": [{"weights": "../a.safetensors", "scale": 0.5}]}
        },
    }
    settings = parse(raw, HERE)
    assert settings.models[SD].weights == "org/name"
    assert settings.models[SD].title == "name"
    assert settings.models[SD].base_loras[0].weights == "/srv/a.safetensors"
    assert settings.loras.folder == HERE / "loras"
    assert settings.loras.names["mine"] == str(Path("~/mine.safetensors").expanduser())


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "the file must be a table"),
        ({"modles": {}}, "modles: there is no such setting"),
        ({"keep": 0}, "keep must be a whole number between 1 and 64"),
        ({"keep": True}, "keep must be a whole number"),
        ({"memory_gb": float("nan")}, "memory_gb must be a number"),
        ({"devices": []}, "devices must name at least one device"),
        ({"devices": ["gpu"]}, "gpu is no device"),
        ({"devices": ["cuda:x"]}, "cuda:x is no device"),
        ({"embedded": "always"}, "embedded must be one of never, when-full"),
        ({"downloads": "yes"}, "downloads must be true or false"),
        ({"models": {"cjwbw/rembg": {"weights": "x/y"}}}, "cjwbw/rembg cannot have weights here"),
        ({"models": {SD: {}}}, f"models.{SD}.weights is missing"),
        ({"models": {SD: {"weights": 5}}}, f"models.{SD}.weights must be a text"),
        (of(wieghts="x"), f"models.{SD}.wieghts: there is no such setting"),
        (of(scheduler="Euler"), f"models.{SD}.scheduler must be one of DDIM"),
        (of(dtype="int8"), "dtype must be one of auto, float32"),
        (of(base_loras=["x"]), f"models.{SD}.base_loras[0] must be a table"),
        (of(base_loras=[{"scale": 1}]), "weights is missing"),
        ({"models": {ANIMATE: {"weights": "a/b"}}}, f"models.{ANIMATE}.motion_modules is missing"),
        ({"loras": {"hub": "me/*"}}, "loras.hub must be a list of texts"),
    ],
)
def test_each_fault_is_a_sentence_that_names_the_field(raw: Any, words: str) -> None:
    with pytest.raises(LocalSettingsError) as caught:
        parse(raw, HERE)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.toml", b"models = [", "is not TOML"),
        ("a.json", b"{", "is not JSON"),
        ("a.json", b"[" * 100_000, "is not JSON"),
        ("a.toml", b"\xff\xfe", "is not TOML"),
        ("a.toml", b"#" * (MAX_FILE + 1), "is larger than"),
    ],
)
def test_a_file_that_cannot_be_read_says_which_and_why(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LocalSettingsError) as caught:
        load(tmp_path / name)
    assert words in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalSettingsError, match=r"no\.toml cannot be read"):
        load(tmp_path / "no.toml")
