"""What holds for each of the ten models: no network, and no word that makes more of it than it is."""

from __future__ import annotations

import io
import socket
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from predictions.engine import data_uri
from predictions.engine.models import served
from predictions.engine.tasks import performer
from tests.engine.desks import KeptDesk

WORDS = {"prompt": "a red cat by a lake", "seed": 3}
TINY = {"width": 64, "height": 64, "num_inference_steps": 5}


def uri(picture: Image.Image) -> str:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return data_uri.build("image/png", out.getvalue())


def scene() -> Image.Image:
    picture = Image.linear_gradient("L").resize((96, 96)).convert("RGB")
    picture.paste("#c03020", (30, 30, 62, 66))
    return picture


def mask() -> Image.Image:
    hole = Image.new("L", (96, 96))
    hole.paste(255, (24, 24, 70, 70))
    return hole


GIVEN: dict[str, dict[str, Any]] = {
    "stability-ai/stable-diffusion": {**WORDS, **TINY},
    "stability-ai/sdxl": {**WORDS, **TINY},
    "stability-ai/stable-diffusion-img2img": {**WORDS, "image": uri(scene())},
    "stability-ai/stable-diffusion-inpainting": {**WORDS, **TINY, "image": uri(scene()), "mask": uri(mask())},
    "lucataco/flux-schnell-lora": {**WORDS, "image": uri(scene()), "num_inference_steps": 1},
    "lucataco/flux-dev-lora": {**WORDS, "image": uri(scene()), "hf_lora": "owner/some_lora"},
    "sujaykhandekar/object-removal": {"image_path": uri(scene()), "objects_to_remove": "person"},
    "cjwbw/rembg": {"image": uri(scene())},
    "andreasjansson/stable-diffusion-animation": {
        "prompt_start": "a lake", "prompt_end": "a lake at night", "width": 128, "height": 128, "seed": 3,
        "num_animation_frames": 2, "num_interpolation_steps": 2,
    },
    "lucataco/animate-diff": {**WORDS, "steps": 2},
}  # fmt: skip


@pytest.fixture(params=sorted(served(conformance=False)))
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeptDesk:
    """A desk after the model has worked, on a machine whose network is not there."""

    def no_network(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the engine asked for the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, no_network)
    desk = KeptDesk(tmp_path)
    performer(request.param)(GIVEN[request.param], desk, 77)
    return desk


def test_it_works_without_a_network_and_says_truly_what_it_is(run: KeptDesk) -> None:
    assert run.outputs
    text = "\n".join(run.logs)
    assert "No neural network, no weights" in "\n".join(run.logs[:2])
    assert "diffusion" not in text.lower().replace("stable-diffusion", "")
    metrics = dict(event["metric"] for event in run.told if "metric" in event)
    assert metrics["engine"] == "procedural" and metrics["painter"]
    for name in run.outputs:
        content = (run.folder / name).read_bytes()
        assert b"procedural" in content and b"no neural network" in content.lower()
        assert b"algorithmicMedia" in content or b"algorithmicallyEnhanced" in content
    shares = [event["progress"] for event in run.told if "progress" in event]
    assert shares == sorted(shares) and shares[-1] == 1.0
