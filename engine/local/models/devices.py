"""Device and dtype of a pipeline."""

from __future__ import annotations

import os
from typing import Any

import torch

from engine.local.config.settings_file import Family, ModelSettings

MAX_CPU_THREADS = 16


def torch_device(name: str) -> Any:
    """The `torch.device` for `auto`, `cpu`, `mps`, `cuda` or `cuda:1`; `auto` takes the best available.

    A missing device raises torch's own `RuntimeError`, but only when it is used.
    """
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def torch_dtype(model: ModelSettings, device: Any) -> Any:
    """The `torch.dtype` for a model on a device: the operator's, else the default of family and device."""
    if model.dtype != "auto":
        return getattr(torch, model.dtype)
    return _usual(model.family, device.type)


def _usual(family: Family, device: str) -> Any:
    # bfloat16 where float16 overflows: Flux's activations do. Half precision on MPS is left to the operator.
    if device == "cuda":
        return torch.bfloat16 if family == "flux" else torch.float16
    return torch.float32


def share_cores(workers: int) -> None:
    """Limit this process's threads to its share of the machine's cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(max(1, min(MAX_CPU_THREADS, cores // max(1, workers))))


def release_memory(device: Any) -> None:
    """Release unused cached memory of the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
