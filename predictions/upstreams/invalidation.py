"""Says that an upstream has changed: every process that remembers its rows reads them again within a second."""

from __future__ import annotations

import secrets
from typing import Any

from django.db.models.signals import post_delete, post_save

from predictions.models import Upstream, UpstreamKey, UpstreamRoute
from predictions.upstreams import configuration


def touch(upstream_pk: int) -> None:
    """Say that an upstream, its keys or its routes have changed. Saving one of these rows says so by itself."""
    # A random step: of two who save the same row at once, neither may leave the number that others have seen before.
    Upstream.objects.filter(pk=upstream_pk).update(changed=secrets.randbelow(2**31 - 1) + 1)
    configuration.forget()


def connect_signals() -> None:
    """From now on each save and removal of a row is such a change."""
    for model in (Upstream, UpstreamKey, UpstreamRoute):
        post_save.connect(_changed, sender=model, dispatch_uid=f"touching-{model.__name__}")
        post_delete.connect(_changed, sender=model, dispatch_uid=f"touching-gone-{model.__name__}")


def _changed(instance: Upstream | UpstreamKey | UpstreamRoute, **_more: Any) -> None:
    touch(instance.pk if isinstance(instance, Upstream) else instance.upstream_id)
