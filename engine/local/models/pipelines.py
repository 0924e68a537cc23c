"""The pipelines loaded in one worker: pipelines, LoRAs, safety checkers, previews. Imports torch and diffusers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import diffusers
import torch
import transformers

from engine.local.config import loras
from engine.local.config.settings_file import LocalSettings, ModelSettings
from engine.local.models import devices, pipeline_loader, safety_checker
from engine.local.models.latent_previews import LatentPreview
from engine.local.models.pipeline_cache import PipelineCache, bytes_on_disk
from engine.local.models.pipeline_loader import Loaded, Unloadable
from engine.local.models.safety_checker import Checker
from engine.protocol.job_output import JobOutput, Refusal

REQUEST_ADAPTER = "member"
"""Adapter name of a request's LoRA, beside the operator's own."""


@dataclass
class PipelineStore:
    """Everything that one worker has loaded on its device. One run at a time."""

    settings: LocalSettings
    device: str
    """The configured device; a model may override it."""
    workers: int = 1
    _cache: PipelineCache = field(init=False)
    _checkers: dict[tuple[str, str], Checker] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Limit torch's threads, silence its libraries, create the cache."""
        devices.share_cores(self.workers)
        for library in (transformers.utils.logging, diffusers.utils.logging):
            library.set_verbosity_error()
            library.disable_progress_bar()
        self._cache = PipelineCache(
            self.settings.keep,
            self.settings.memory_bytes,
            lambda: devices.release_memory(devices.torch_device(self.device)),
        )

    @property
    def version(self) -> str:
        """Versions of diffusers and torch, as named in logs and files."""
        return f"diffusers {diffusers.__version__}, torch {torch.__version__.partition('+')[0]}"

    def device_of(self, model: ModelSettings) -> Any:
        """The device on which a model runs."""
        return devices.torch_device(model.device or self.device)

    def loaded(self, model: ModelSettings, output: JobOutput, weights: str = "") -> Loaded:
        """The warm pipeline of a model, or of other weights that belong to it. Raises `Refusal`."""
        device = self.device_of(model)
        source = pipeline_loader.source_of(model, weights or model.weights, device)
        began, cold = time.monotonic(), source not in self._cache

        def load() -> Loaded:
            return pipeline_loader.load(source, self.settings, device, devices.torch_dtype(model, device))

        try:
            found: Loaded = self._cache.get(source, load, needs=bytes_on_disk(source.weights))
        except Unloadable as error:
            raise pipeline_loader.refusal(model, error) from None
        if cold:
            output.log(f"Loading the weights took {time.monotonic() - began:.2f} seconds")
        return found

    def checker(self, model: ModelSettings, loaded: Loaded) -> Checker | None:
        """The model's safety checker: the configured one, else the one that came with the weights."""
        weights = model.safety_checker
        if weights == "off":
            return None
        if weights == "auto":
            return loaded.checker
        key = (weights, str(loaded.device))
        if key not in self._checkers:
            try:
                self._checkers[key] = safety_checker.load(
                    weights, loaded.device, loaded.dtype, local_files_only=not self.settings.downloads
                )
            except (OSError, ValueError) as error:
                raise pipeline_loader.refusal(
                    model, Unloadable(f"the safety checker {weights}: {error}")
                ) from None
        return self._checkers[key]

    def latent_preview(self, loaded: Loaded) -> LatentPreview | None:
        """The latent preview of this pipeline; None where previews are disabled."""
        if not self.settings.previews or loaded.source.offload != "none":
            return None
        if loaded.latent_preview is None:
            loaded.latent_preview = LatentPreview(loaded.root.vae)
        preview: LatentPreview = loaded.latent_preview
        return preview

    @contextlib.contextmanager
    def lora(self, loaded: Loaded, name: str | None, scale: float, output: JobOutput) -> Iterator[None]:
        """Load the request's LoRA inside the block, and guarantee its removal after it. Raises `Refusal`."""
        if name is None:
            yield
            return
        weights, arguments = loras.as_arguments(loras.find(self.settings.loras, name))
        output.log(f"Loading LoRA weights: {loras.display(name)}")
        began = time.monotonic()
        try:
            self._load_lora(loaded, weights, arguments, name, scale)
            output.log(f"Loading LoRA took: {time.monotonic() - began:.2f} seconds")
            yield
        finally:
            self._unload_lora(loaded)

    def evict_all(self) -> None:
        """Evict every pipeline: the device is out of memory."""
        self._checkers.clear()
        self._cache.clear()

    def _load_lora(
        self, loaded: Loaded, weights: str, arguments: dict[str, str], name: str, scale: float
    ) -> None:
        bases = loaded.source.base_loras
        refused = f"LoRA {loras.display(name)} cannot be used with the weights of this model."
        try:
            loaded.root.load_lora_weights(
                weights,
                adapter_name=REQUEST_ADAPTER,
                use_safetensors=True,
                local_files_only=not self.settings.downloads,
                **arguments,
            )
            adapters = {one for names in loaded.root.get_list_adapters().values() for one in names}
            if REQUEST_ADAPTER not in adapters:
                raise Refusal(refused)
            names = [*(f"base{index}" for index in range(len(bases))), REQUEST_ADAPTER]
            loaded.root.set_adapters(names, [*(one.scale for one in bases), scale])
        except (OSError, ValueError, KeyError, RuntimeError, IndexError) as error:
            raise Refusal(refused) from error

    def _unload_lora(self, loaded: Loaded) -> None:
        """Restore the operator's own LoRAs; a pipeline where that fails is evicted."""
        try:
            if loaded.source.base_loras:
                loaded.root.delete_adapters([REQUEST_ADAPTER])
                pipeline_loader.use_base_loras(loaded)
            else:
                loaded.root.unload_lora_weights()
        except Exception:
            self._cache.drop(loaded.source)
            raise


def generator(seed: int) -> Any:
    """A CPU random generator, so that a seed gives the same image on every device."""
    return torch.Generator("cpu").manual_seed(seed % 2**64)
