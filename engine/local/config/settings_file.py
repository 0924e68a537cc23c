"""Parser of the local models file, DARKROOM_LOCAL_MODELS: TOML or JSON in, validated frozen objects out.

No torch here: web and workers read it too, to know which models are served. docs/local-models.md describes it.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from engine.local.config.settings_table import LocalSettingsError, Table

Family = Literal["sd", "sdxl", "flux"]

FAMILIES: dict[str, Family] = {
    "stability-ai/stable-diffusion": "sd",
    "stability-ai/stable-diffusion-img2img": "sd",
    "stability-ai/stable-diffusion-inpainting": "sd",
    "stability-ai/sdxl": "sdxl",
    "lucataco/flux-schnell-lora": "flux",
    "lucataco/flux-dev-lora": "flux",
    "andreasjansson/stable-diffusion-animation": "sd",
    "lucataco/animate-diff": "sd",
}
"""Every model that can have real weights, and the family of its pipeline."""
ANIMATE_DIFF = "lucataco/animate-diff"
MAX_FILE = 1024 * 1024
"""Bytes of the file."""
SCHEDULERS = (
    "DDIM",
    "K_EULER",
    "DPMSolverMultistep",
    "K_EULER_ANCESTRAL",
    "PNDM",
    "KLMS",
    "HeunDiscrete",
    "KarrasDPM",
)
"""The published names of schedulers, of all models together."""
_DTYPES = ("auto", "float32", "float16", "bfloat16")
_OFFLOADS = ("none", "model", "sequential")
_EMBEDDED = ("never", "when-full")


@dataclass(frozen=True)
class Lora:
    """LoRA weights that the operator adds to a model: always loaded, at this scale."""

    weights: str
    scale: float = 1.0


@dataclass(frozen=True)
class LoraRules:
    """Allowlist of LoRA weights that requests may name. Everything else is refused."""

    folder: Path | None = None
    """`owner/name` is looked up here as `owner/name.safetensors`, `owner/name/*.safetensors`, `name.safetensors`."""
    hub: tuple[str, ...] = ()
    """Patterns of hub ids, such as `owner/*`."""
    names: dict[str, str] = field(default_factory=dict)
    """Exact names in requests, each with its path or hub id."""


@dataclass(frozen=True)
class ModelSettings:
    """One model's weights and how they run."""

    name: str
    family: Family
    weights: str
    """Absolute path of a diffusers folder or of one .safetensors file, or a hub id."""
    title: str
    """Name of the weights in logs and file metadata."""
    revision: str = ""
    variant: str = ""
    config: str = ""
    """For a single .safetensors file: the diffusers folder, or hub id, with its configuration."""
    device: str = ""
    """Overrides the worker's device."""
    dtype: str = "auto"
    offload: str = "none"
    scheduler: str = ""
    """Overrides the scheduler of requests."""
    safety_checker: str = "auto"
    """`auto`, `off`, or the path or hub id of a checker."""
    may_disable_safety: bool = True
    """Whether a request's `disable_safety_checker` is honoured."""
    tiling: bool = False
    """Whether the VAE works in tiles: slower, for large images on small devices."""
    refiner: str = ""
    base_loras: tuple[Lora, ...] = ()
    motion_modules: dict[str, str] = field(default_factory=dict)
    checkpoints: dict[str, str] = field(default_factory=dict)
    """For animate-diff: weights by the published file name of `path`."""


@dataclass(frozen=True)
class LocalSettings:
    """The complete local models file."""

    models: dict[str, ModelSettings]
    loras: LoraRules = LoraRules()
    devices: tuple[str, ...] = ("auto",)
    """One worker process each: `auto`, `cpu`, `mps`, `cuda`, `cuda:1`."""
    keep: int = 2
    """Pipelines kept warm by each worker, at least 1."""
    memory_bytes: int | None = None
    """Bytes of weights kept warm by each worker; beyond it the least recently used are evicted."""
    downloads: bool = False
    previews: bool = True
    embedded: str = "never"
    """When the embedded engine serves these models: `never`, or `when-full`."""
    cancel_grace_s: float = 30.0
    """Seconds after which a canceled worker that has not stopped at a step is killed."""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)
    """The unparsed content, passed on to worker processes."""
    folder: Path = Path("/")
    """Base of relative paths."""

    @property
    def names(self) -> frozenset[str]:
        """`owner/name` of every model that has weights here."""
        return frozenset(self.models)


def load(path: Path) -> LocalSettings:
    """Load the settings file. Raises `LocalSettingsError` with a sentence for the operator."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise LocalSettingsError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > MAX_FILE:
        raise LocalSettingsError(f"{path} is larger than {MAX_FILE} bytes.")
    try:
        text = data.decode()
        raw = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise LocalSettingsError(f"{path} is not {kind}: {error}.") from None
    try:
        return parse(raw, path.absolute().parent)
    except LocalSettingsError as error:
        raise LocalSettingsError(f"{path}: {error}") from None


def parse(raw: Any, folder: Path) -> LocalSettings:
    """Validate the settings; relative paths start from `folder`. Raises `LocalSettingsError`."""
    table = Table(raw, "")
    memory = table.number("memory_gb", 0, low=0)
    settings = LocalSettings(
        models=_models(table.table("models"), folder),
        loras=_loras(table.table("loras"), folder),
        devices=_devices(table),
        keep=table.integer("keep", 2, low=1, high=64),
        memory_bytes=int(memory * 1024**3) or None,
        downloads=table.flag("downloads", False),
        previews=table.flag("previews", True),
        embedded=table.choice("embedded", "never", _EMBEDDED),
        cancel_grace_s=table.number("cancel_grace_s", 30, low=1, high=600),
        raw=raw,
        folder=folder,
    )
    table.finish()
    return settings


def is_path(weights: str) -> bool:
    """Whether it names a local file or folder rather than a hub id."""
    return weights.startswith("/")


def _devices(table: Table) -> tuple[str, ...]:
    found = table.texts("devices", ("auto",))
    if not found:
        raise LocalSettingsError("devices must name at least one device.")
    for device in found:
        _check_device("devices", device)
    return found


def _check_device(where: str, device: str) -> None:
    name, _, number = device.partition(":")
    if name not in ("auto", "cpu", "mps", "cuda") or (number and not number.isdigit()):
        raise LocalSettingsError(f"{where}: {device} is no device; use auto, cpu, mps, cuda or cuda:1.")


def _models(table: Table, folder: Path) -> dict[str, ModelSettings]:
    models = {name: _model(name, table.table(name), folder) for name in table.names()}
    table.finish()
    return models


def _model(name: str, table: Table, folder: Path) -> ModelSettings:
    if name not in FAMILIES:
        raise LocalSettingsError(
            f"models: {name} cannot have weights here; these can: {', '.join(FAMILIES)}."
        )
    weights = table.text("weights")
    if not weights:
        raise LocalSettingsError(f"{table.where('weights')} is missing: a path or a hub id.")
    checker = table.text("safety_checker", "auto")
    device, scheduler = table.text("device", ""), table.text("scheduler", "")
    if device:
        _check_device(table.where("device"), device)
    if scheduler and scheduler not in SCHEDULERS:
        raise LocalSettingsError(f"{table.where('scheduler')} must be one of {', '.join(SCHEDULERS)}.")
    settings = ModelSettings(
        name=name,
        family=FAMILIES[name],
        weights=_place(weights, folder),
        title=table.text("title", "") or Path(weights).name,
        revision=table.text("revision", ""),
        variant=table.text("variant", ""),
        config=_place(table.text("config", ""), folder),
        device=device,
        dtype=table.choice("dtype", "auto", _DTYPES),
        offload=table.choice("offload", "none", _OFFLOADS),
        scheduler=scheduler,
        safety_checker=checker if checker in ("auto", "off") else _place(checker, folder),
        may_disable_safety=table.flag("may_disable_safety", True),
        tiling=table.flag("tiling", False),
        refiner=_place(table.text("refiner", ""), folder),
        base_loras=tuple(_base_lora(one, folder) for one in table.tables("base_loras")),
        motion_modules=_places(table.strings("motion_modules"), folder),
        checkpoints=_places(table.strings("checkpoints"), folder),
    )
    table.finish()
    if name == ANIMATE_DIFF and not settings.motion_modules:
        raise LocalSettingsError(f"{table.where('motion_modules')} is missing: {name} moves by one of them.")
    return settings


def _base_lora(table: Table, folder: Path) -> Lora:
    weights = table.text("weights")
    if not weights:
        raise LocalSettingsError(f"{table.where('weights')} is missing.")
    lora = Lora(_place(weights, folder), table.number("scale", 1.0, low=-10, high=10))
    table.finish()
    return lora


def _loras(table: Table, folder: Path) -> LoraRules:
    place = _place(table.text("folder", ""), folder, always_path=True)
    rules = LoraRules(
        folder=Path(place) if place else None,
        hub=table.texts("hub", ()),
        names=_places(table.strings("names"), folder),
    )
    table.finish()
    return rules


def _places(named: dict[str, str], folder: Path) -> dict[str, str]:
    return {name: _place(value, folder) for name, value in named.items()}


def _place(text: str, folder: Path, *, always_path: bool = False) -> str:
    """An absolute path for a path (`/…`, `./…`, `../…`, `~/…`), else the hub id unchanged."""
    if not text:
        return ""
    if always_path or text.startswith(("/", "./", "../", "~")):
        return os.path.normpath(folder / Path(text).expanduser())
    return text


NEEDED = ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors")


def missing_packages() -> list[str]:
    """The packages of the extra that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def install_hint(names: list[str]) -> str:
    """How to install missing packages, in one sentence."""
    verb = "is" if len(names) == 1 else "are"
    return (
        f"Real weights need the extra darkroom[local], and {', '.join(names)} {verb} not installed on this server: "
        "pip install --require-hashes -r requirements/local.txt"
    )
