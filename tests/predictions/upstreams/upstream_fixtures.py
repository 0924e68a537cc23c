"""Fixture `fake_upstreams`, and helpers to accept predictions and read what became of them."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from predictions.dispatch import provider_lookup
from predictions.models import Prediction, Version
from predictions.providers import registry
from predictions.providers.base import ProviderError
from predictions.submit import acceptance, work_request
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.upstreams.upstream_rows import make_upstream


class FakeUpstreams:
    """Upstreams stored in the database, with a `FakeProvider` for each key, beside a fake engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine = FakeProvider("embedded", models=set())
        self.ups: dict[str, FakeProvider] = {}
        monkeypatch.setattr(provider_lookup, "registry", lambda: registry.Registry([self.engine]))
        monkeypatch.setattr(provider_lookup.configuration, "all_providers", lambda: list(self.ups.values()))
        monkeypatch.setattr(provider_lookup.configuration, "provider", lambda name: self.ups[name])

    def add(self, name: str, *, limit: int = 4, **fields: Any) -> FakeProvider:
        """Add an upstream with one key; keyword arguments are fields of its row."""
        key = make_upstream(name, **{"in_flight_limit": 1000, **fields}).keys.get()
        fake = FakeProvider(
            key.provider_name, limit=limit, start_is_idempotent=fields.get("idempotent", False)
        )
        fake.group, fake.group_limit = name, key.upstream.in_flight_limit
        fake.priority, fake.weight = key.upstream.priority, key.upstream.weight
        self.ups[fake.name] = fake
        return fake


@pytest.fixture
def fake_upstreams(monkeypatch: pytest.MonkeyPatch) -> FakeUpstreams:
    return FakeUpstreams(monkeypatch)


def accept(user: User, version: Version, **given: object) -> Prediction:
    request = work_request.Request(
        account=factories.account_of(user), user=user, version=version, input={"prompt": "a cat", **given}
    )
    return acceptance.accept(request)


def fresh(prediction: Prediction) -> Prediction:
    return Prediction.objects.select_related("model", "version", "price").get(pk=prediction.pk)


def outcomes(prediction: Prediction) -> list[str]:
    return list(prediction.upstream_runs.order_by("id").values_list("outcome", flat=True))


def refusal(kind: Any, **more: Any) -> ProviderError:
    return ProviderError(f"no: {kind}", permanent=kind == "permanent", refused=True, kind=kind, **more)
