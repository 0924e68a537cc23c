"""Loading of weights: sources, refused formats, safety checkers, warm pipelines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from engine.local.config.settings_file import parse
from engine.protocol.job_output import Refusal
from tests.engine.local.conftest import SD, Make

if TYPE_CHECKING:
    from engine.local.models.pipelines import PipelineStore

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]

SMALL: dict[str, Any] = {"prompt": "a cat", "width": 64, "height": 64, "num_inference_steps": 2, "seed": 5}
FLAGGED = "NSFW content detected. Try running it again, or try a different prompt."


def store_of(folder: Path, keep: int = 2, **model: Any) -> PipelineStore:
    from engine.local.models.pipelines import PipelineStore

    return PipelineStore(parse({"keep": keep, "models": {SD: model}}, folder), "cpu", 64)


@pytest.mark.parametrize(
    ("place", "reason"), [("./nowhere", "does not exist"), ("org/no-such-weights", "cannot be loaded")]
)
def test_weights_that_are_not_there_fail_in_a_sentence_without_their_place(
    place: str, reason: str, weights: Path, make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Refusal) as caught:
        make(SD, at=store_of(weights, weights=place), **SMALL)
    assert str(caught.value) == f"The weights of {SD} are not on this server, or cannot be read."
    assert reason in capfd.readouterr().err


def test_pickled_weights_are_not_read(
    weights: Path, tmp_path: Path, make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    import torch

    folder = tmp_path / "pickled"
    shutil.copytree(weights / "sd", folder)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save({}, folder / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(Refusal, match="cannot be read"):
        make(SD, at=store_of(weights, weights=str(folder)), **SMALL)
    assert "safetensors" in capfd.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        {"_class_name": ["own_pipeline", "Own"]},
        {"_class_name": "FluxPipeline"},
        {"unet": ["own_code", "Unet"]},
    ],
)
def test_code_that_comes_with_weights_is_never_run(
    change: dict[str, Any], weights: Path, tmp_path: Path, make: Make
) -> None:
    folder = tmp_path / "trap"
    shutil.copytree(weights / "sd", folder)
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')"
    (folder / "own_pipeline.py").write_text(trap)
    (folder / "unet" / "own_code.py").write_text(trap)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, **change}))
    with pytest.raises(Refusal, match="cannot be read"):
        make(SD, at=store_of(weights, weights=str(folder)), **SMALL)
    assert not (tmp_path / "sprung").exists()


def test_a_flagged_picture_is_left_out_and_all_flagged_fail(weights: Path, make: Make) -> None:
    with pytest.raises(Refusal) as caught:
        make(SD, at=store_of(weights, weights="./strict"), **SMALL)
    assert str(caught.value) == FLAGGED
    assert make(SD, at=store_of(weights, weights="./lenient"), **SMALL).all("output")


def test_the_operator_may_name_a_checker_or_none(weights: Path, make: Make) -> None:
    with pytest.raises(Refusal, match="NSFW content detected"):
        make(SD, at=store_of(weights, weights="./sd", safety_checker="./strict"), **SMALL)
    run = make(SD, at=store_of(weights, weights="./strict", safety_checker="off"), **SMALL)
    assert run.all("output") and "not judged" not in run.log


def test_a_checker_sees_the_picture_and_does_not_change_it(weights: Path, make: Make) -> None:
    plain = make(SD, at=store_of(weights, weights="./sd"), **SMALL).pixels()
    judged = make(SD, at=store_of(weights, weights="./sd", safety_checker="./lenient"), **SMALL).pixels()
    assert np.array_equal(plain, judged)


def test_a_base_lora_always_counts(weights: Path, make: Make) -> None:
    plain = make(SD, at=store_of(weights, weights="./sd"), **SMALL).pixels()
    room = store_of(weights, weights="./sd", base_loras=[{"weights": "./sd_lora", "scale": 1.0}])
    with_it = make(SD, at=room, **SMALL).pixels()
    assert np.abs(with_it.astype(int) - plain).mean() > 1
    assert np.array_equal(make(SD, at=room, **SMALL).pixels(), with_it)


def test_a_pipeline_is_loaded_once_and_let_go_for_another(weights: Path, make: Make) -> None:
    from engine.local.models.pipelines import PipelineStore

    img2img = f"{SD}-inpainting"
    models = {SD: {"weights": "./sd"}, img2img: {"weights": "./inpainting"}}
    room = PipelineStore(parse({"keep": 1, "models": models}, weights), "cpu", 64)
    picture = _blank()
    order = [(SD, {}), (SD, {}), (img2img, {"image": picture, "mask": picture}), (SD, {})]
    cold = ["Loading the weights took" in make(model, at=room, **SMALL, **more).log for model, more in order]
    assert cold == [True, False, True, True]


def test_models_with_the_same_weights_share_them(store: PipelineStore, make: Make) -> None:
    make(SD, **SMALL)
    run = make(f"{SD}-img2img", prompt="a", image=_blank(), num_inference_steps=4)
    assert "Loading the weights took" not in run.log


def test_the_operators_numbers_are_used(weights: Path, make: Make) -> None:
    import torch

    room = store_of(weights, weights="./sd", dtype="bfloat16")
    assert make(SD, at=room, **SMALL).all("output")
    loaded = room.loaded(room.settings.models[SD], None)  # type: ignore[arg-type]
    assert loaded.root.unet.dtype == torch.bfloat16 == loaded.mode("image").unet.dtype


def test_half_precision_has_previews_too_and_keeps_its_weights(weights: Path) -> None:
    import torch
    from diffusers import AutoencoderKL

    from engine.local.models.latent_previews import LatentPreview

    vae = AutoencoderKL.from_pretrained(weights / "sdxl", subfolder="vae", local_files_only=True).half()
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    look = LatentPreview(vae)
    assert vae.dtype == torch.float16
    assert all(torch.equal(value, before[name]) for name, value in vae.state_dict().items())
    jpeg = look(torch.zeros(1, 4, 8, 8, dtype=torch.float16))
    assert jpeg is not None and jpeg[:3] == b"\xff\xd8\xff"
    assert look(torch.full((1, 4, 8, 8), float("nan"))) is None


def _blank() -> str:
    from tests.engine.local.output_events import data_uri

    return data_uri(np.full((64, 64, 3), 200, np.uint8))
