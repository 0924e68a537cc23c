"""Cache invalidation of upstream rows: a change number makes every process read them again within a second."""

from __future__ import annotations

import secrets
from typing import Any

from django.db.models.signals import post_delete, post_save

from predictions.models import Upstream, UpstreamKey, UpstreamRoute
from predictions.upstreams import configuration


def touch(upstream_pk: int) -> None:
    """Mark an upstream, its keys or its routes as changed. Saving one of these rows does so automatically."""
    # Random, not incremented: two concurrent saves of a row must not leave a number that others have seen before.
    Upstream.objects.filter(pk=upstream_pk).update(changed=secrets.randbelow(2**31 - 1) + 1)
    configuration.forget()


def connect_signals() -> None:
    """From now on each save and removal of a row is such a change."""
    for model in (Upstream, UpstreamKey, UpstreamRoute):
        post_save.connect(_changed, sender=model, dispatch_uid=f"touching-{model.__name__}")
        post_delete.connect(_changed, sender=model, dispatch_uid=f"touching-gone-{model.__name__}")


def _changed(instance: Upstream | UpstreamKey | UpstreamRoute, **_more: Any) -> None:
    touch(instance.pk if isinstance(instance, Upstream) else instance.upstream_id)
