"""Signs of life: one row for each kind and instance, written over and over."""

from __future__ import annotations

import os
from typing import Any

from django.db import transaction

from accounts.clock import Now
from predictions.models import Beat


def beat(kind: str, detail: dict[str, Any] | None = None, *, instance: str = "") -> None:
    """Note that a part of that kind lives now. `detail` is kept where none is given.

    Without `instance` the one that the supervisor named in the environment counts.
    """
    values: dict[str, Any] = {"at": Now()} if detail is None else {"at": Now(), "detail": detail}
    instance = instance or os.environ.get("DARKROOM_INSTANCE", "local")
    with transaction.atomic():
        Beat.objects.update_or_create(kind=kind, instance=instance, defaults=values)
