"""Routing of models with local weights: preferred over the painter, never both."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from engine.protocol.service_address import ServiceAddress
from predictions.dispatch import provider_lookup
from predictions.dispatch.routing import Slots, Wanted
from predictions.processes import parts, queue_workers
from predictions.providers.local import LocalWeights
from tests.fakes import FakeProvider

SD, SDXL = "stability-ai/stable-diffusion", "stability-ai/sdxl"


def slots(*, keeps: bool, busy: int = 0) -> Slots:
    weights = LocalWeights(
        socket_path="/nowhere", secret="", limit=1, models=frozenset({SD}), keeps_its_models=keeps
    )
    return Slots([weights, FakeProvider("embedded", models={SD, SDXL})], {"local": busy})


def found(of: Slots, model: str, pinned: str = "") -> str | None:
    provider = of.find(Wanted(model), pinned)
    return provider.name if provider is not None else None


def test_weights_come_before_the_painter() -> None:
    assert found(slots(keeps=True), SD) == "local"
    assert found(slots(keeps=False), SD) == "local"


def test_the_painter_has_the_models_without_weights() -> None:
    assert found(slots(keeps=True, busy=1), SDXL) == "embedded"


def test_while_every_device_is_busy_a_prediction_waits() -> None:
    assert found(slots(keeps=True, busy=1), SD) is None


def test_the_operator_may_let_the_painter_help_out() -> None:
    assert found(slots(keeps=False, busy=1), SD) == "embedded"


def test_what_was_begun_by_the_painter_stays_with_it() -> None:
    assert found(slots(keeps=True), SD, pinned="embedded") == "embedded"


def test_the_file_decides_what_is_served(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(
        f'embedded = "when-full"\ndevices = ["cuda:0", "cuda:1"]\n[models."{SD}"]\nweights = "org/name"\n'
    )
    with override_settings(LOCAL={"models": path, "folder": tmp_path}):
        provider_lookup.registry.cache_clear()
        try:
            registry = provider_lookup.registry()
        finally:
            provider_lookup.registry.cache_clear()
    assert [one.name for one in registry] == ["local", "embedded"]
    local = registry.get("local")
    assert (local.limit, local.serves(SD), local.serves(SDXL), local.takes_pictures(SD)) == (
        2, True, False, True,
    )  # fmt: skip
    assert [one.name for one in registry.serving(SD)] == ["local", "embedded"]


def test_a_broken_file_is_no_quiet_loss_of_weights(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text("keep = 0")
    with override_settings(LOCAL={"models": path, "folder": tmp_path}):
        provider_lookup.registry.cache_clear()
        try:
            with pytest.raises(ImproperlyConfigured, match=r"DARKROOM_LOCAL_MODELS: .*keep must be"):
                provider_lookup.registry()
        finally:
            provider_lookup.registry.cache_clear()


def test_the_service_is_kept_running_beside_the_engine(tmp_path: Path) -> None:
    place = ServiceAddress("local", tmp_path / "local.sock", "s3cret", tmp_path)
    with queue_workers.descriptors() as wake_ups:
        found = {part.name: part for part in parts.all_parts(wake_ups, None, place)}
    assert "engine" not in found
    assert found["local"].argv[-1] == "engine.local"
    for caller in ("local", "worker-1", "watcher"):
        assert found[caller].env["DARKROOM_LOCAL_SOCKET"] == str(tmp_path / "local.sock")
        assert found[caller].env["DARKROOM_LOCAL_SECRET"] == "s3cret"
