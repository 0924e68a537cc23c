"""LoRA names in requests, resolved by the operator's list."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.local.config import loras
from engine.local.config.settings_file import LoraRules
from engine.protocol.job_output import Refusal


def weights(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize(
    "place", ["me/style.safetensors", "me/style/pytorch_lora_weights.safetensors", "style.safetensors"]
)
def test_a_name_is_found_in_the_folder(place: str, tmp_path: Path) -> None:
    path = weights(tmp_path / place)
    assert loras.find(LoraRules(folder=tmp_path), "me/style") == str(path)
    assert loras.find(LoraRules(folder=tmp_path), "https://huggingface.co/me/style") == str(path)


def test_a_hub_id_needs_a_pattern_that_allows_it() -> None:
    rules = LoraRules(hub=("me/*",))
    assert loras.find(rules, "me/style") == "me/style"
    assert loras.find(rules, "https://huggingface.co/me/style.v2") == "me/style.v2"
    with pytest.raises(Refusal, match="LoRA you/style is not among those that this server has"):
        loras.find(rules, "you/style")


def test_an_address_counts_only_where_the_operator_wrote_it_down() -> None:
    rules = LoraRules(names={"https://x.example/a.safetensors": "/srv/a.safetensors"}, hub=("*",))
    assert loras.find(rules, "https://x.example/a.safetensors") == "/srv/a.safetensors"
    with pytest.raises(Refusal, match="not among those"):
        loras.find(rules, "https://x.example/b.safetensors")


def test_no_name_leaves_the_folder(tmp_path: Path) -> None:
    weights(tmp_path / "secret.safetensors")
    inside = tmp_path / "loras"
    inside.mkdir()
    for name in ("../secret", "..", "/etc/passwd", "https://huggingface.co/../secret", "a/../../secret"):
        with pytest.raises(Refusal):
            loras.find(LoraRules(folder=inside), name)


def test_a_token_in_an_address_stays_out_of_the_log() -> None:
    with pytest.raises(Refusal) as caught:
        loras.find(LoraRules(), "https://user:word@x.example/a.safetensors?token=secret")
    assert "secret" not in str(caught.value) and "word" not in str(caught.value)


def test_one_file_is_named_as_diffusers_wants_it() -> None:
    assert loras.as_arguments("/srv/a.safetensors") == ("/srv", {"weight_name": "a.safetensors"})
    assert loras.as_arguments("/srv/folder") == ("/srv/folder", {})
    assert loras.as_arguments("me/style") == ("me/style", {})
