"""Pipeline loader: from a path or hub id to a pipeline on its device. safetensors only, never code from weights."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers

from engine.local.config import loras
from engine.local.config.parameters import Mode
from engine.local.config.settings_file import LocalSettings, ModelSettings, is_path
from engine.local.models import devices
from engine.local.models.safety_checker import Checker
from engine.protocol.job_output import Refusal

PIPELINES: dict[tuple[str, Mode], str] = {
    ("sd", "text"): "StableDiffusionPipeline",
    ("sd", "image"): "StableDiffusionImg2ImgPipeline",
    ("sd", "inpaint"): "StableDiffusionInpaintPipeline",
    ("sdxl", "text"): "StableDiffusionXLPipeline",
    ("sdxl", "image"): "StableDiffusionXLImg2ImgPipeline",
    ("sdxl", "inpaint"): "StableDiffusionXLInpaintPipeline",
    ("flux", "text"): "FluxPipeline",
    ("flux", "image"): "FluxImg2ImgPipeline",
}
"""The diffusers pipeline class of a family and mode; also the allowlist of classes that are loaded."""
_LIBRARIES = ("diffusers", "transformers")


class Unloadable(Exception):
    """Weights are missing or of the wrong kind; the text is for the operator."""


@dataclass(frozen=True)
class Source:
    """What to load, and how: the cache key. Equal sources share one warm pipeline."""

    family: str
    weights: str
    revision: str
    variant: str
    config: str
    device: str
    dtype: str
    offload: str
    tiling: bool
    base_loras: tuple[Any, ...]


def source_of(model: ModelSettings, weights: str, device: Any) -> Source:
    """The source of this model's pipeline with these weights (its own, a refiner's, a checkpoint's)."""
    is_own_weights = weights == model.weights
    return Source(
        family=model.family,
        weights=weights,
        revision=model.revision if is_own_weights else "",
        variant=model.variant,
        config=model.config,
        device=str(device),
        dtype=str(devices.torch_dtype(model, device)),
        offload=model.offload,
        tiling=model.tiling,
        base_loras=model.base_loras if is_own_weights or model.checkpoints else (),
    )


class Loaded:
    """One warm pipeline in all its modes, which share the networks."""

    def __init__(self, source: Source, root: Any, device: Any, dtype: Any) -> None:
        self.source = source
        self.root = root
        self.device = device
        self.dtype = dtype
        self.own_scheduler = root.scheduler
        self.checker: Checker | None = None
        """The safety checker that came with the weights."""
        self.latent_preview: Any = None
        """The latent preview of its decoder, once made."""
        self.more: dict[str, Any] = {}
        """Pipelines derived from this one with other weights, such as motion modules."""
        self._modes: dict[str, Any] = {}

    def mode(self, mode: Mode) -> Any:
        """The pipeline for this mode. Raises `Unloadable` where the weights do not support it."""
        kind = getattr(diffusers, PIPELINES[self.source.family, mode])
        if isinstance(self.root, kind) and type(self.root) is kind:
            return self.prepared(self.root)
        if mode not in self._modes:
            try:
                # Without the dtype it would convert all networks to float32.
                self._modes[mode] = kind.from_pipe(self.root, dtype=self.dtype)
            except (ValueError, TypeError) as error:
                raise Unloadable(f"{self.source.weights} is nothing for {kind.__name__}: {error}") from error
        return self.prepared(self._modes[mode])

    def prepared(self, pipe: Any) -> Any:
        """The pipeline without progress bars, its parts on their device."""
        pipe.set_progress_bar_config(disable=True)
        if self.source.offload == "model":
            pipe.enable_model_cpu_offload(device=self.device)
        elif self.source.offload == "sequential":
            pipe.enable_sequential_cpu_offload(device=self.device)
        return pipe

    def bytes(self) -> int:
        """Bytes of all its weights."""
        parts = {id(part): part for part in self._parts()}
        return sum(p.numel() * p.element_size() for part in parts.values() for p in part.parameters())

    def _parts(self) -> list[Any]:
        pipes = [self.root, *self._modes.values(), *self.more.values()]
        return [part for pipe in pipes for part in pipe.components.values() if hasattr(part, "parameters")]


def load(source: Source, settings: LocalSettings, device: Any, dtype: Any) -> Loaded:
    """Load the pipeline of this source with its base LoRA weights. Raises `Unloadable`."""
    try:
        root = _pipeline(source, settings, dtype)
        loaded = Loaded(source, root, device, dtype)
        loaded.checker = _take_checker(root, device, dtype)
        if source.offload == "none":
            root.to(device)
        if source.tiling:
            root.vae.enable_tiling()
        for index, lora in enumerate(source.base_loras):
            place, arguments = loras.as_arguments(lora.weights)
            root.load_lora_weights(
                place,
                adapter_name=f"base{index}",
                use_safetensors=True,
                local_files_only=not settings.downloads,
                **arguments,
            )
        use_base_loras(loaded)
    except Unloadable:
        raise
    except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
        raise Unloadable(f"{source.weights} cannot be loaded: {_first_line(error)}") from error
    return loaded


def use_base_loras(loaded: Loaded) -> None:
    """Activate exactly the operator's LoRA weights."""
    scales = [lora.scale for lora in loaded.source.base_loras]
    if scales:
        loaded.root.set_adapters([f"base{index}" for index in range(len(scales))], scales)


def refusal(model: ModelSettings, error: Unloadable) -> Refusal:
    """The error for the member; details go to the service's standard error, for the operator."""
    print(f"local: {model.name}: {error}", file=sys.stderr)  # noqa: T201
    if error.__cause__ is not None:
        traceback.print_exception(error.__cause__)
    return Refusal(f"The weights of {model.name} are not on this server, or cannot be read.")


def _pipeline(source: Source, settings: LocalSettings, dtype: Any) -> Any:
    common: dict[str, Any] = {"dtype": dtype, "local_files_only": not settings.downloads}
    if is_path(source.weights) and not Path(source.weights).exists():
        raise Unloadable(f"{source.weights} does not exist.")
    if is_path(source.weights) and Path(source.weights).is_file():
        return _single_file(source, common)
    if source.revision:
        common["revision"] = source.revision
    index = diffusers.DiffusionPipeline.load_config(
        source.weights, **{name: value for name, value in common.items() if name != "dtype"}
    )
    kind = _kind(source, index)
    if source.variant:
        common["variant"] = source.variant
    return kind.from_pretrained(source.weights, use_safetensors=True, **common)


def _single_file(source: Source, common: dict[str, Any]) -> Any:
    if not source.weights.endswith(".safetensors"):
        raise Unloadable(f"{source.weights} is no .safetensors file; others may hold code and are not read.")
    kind = getattr(diffusers, PIPELINES[source.family, "text"])
    arguments = {**common, "config": source.config} if source.config else common
    return kind.from_single_file(source.weights, **arguments)


def _kind(source: Source, index: dict[str, Any]) -> Any:
    """The pipeline class that `model_index.json` names, if it is allowed and the weights bring no code."""
    name = index.get("_class_name")
    ours = {kind for (family, _), kind in PIPELINES.items() if family == source.family}
    if not isinstance(name, str) or name not in ours:
        raise Unloadable(f"{source.weights} is {str(name)[:100]}, none of {', '.join(sorted(ours))}.")
    for part, entry in index.items():
        if part.startswith("_") or not isinstance(entry, list | tuple) or entry[0] is None:
            continue
        if entry[0] not in _LIBRARIES and not hasattr(diffusers.pipelines, str(entry[0])):
            raise Unloadable(f"{source.weights}: {part} wants code of its own, which is never run.")
    return getattr(diffusers, name)


def _take_checker(root: Any, device: Any, dtype: Any) -> Checker | None:
    """The pipeline's own safety checker, removed from it: all models are checked by the same code."""
    network = getattr(root, "safety_checker", None)
    if network is None:
        return None
    checker = Checker(network, root.feature_extractor, device, dtype)
    root.register_modules(safety_checker=None)
    root.register_to_config(requires_safety_checker=False)
    return checker


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0][:300]
