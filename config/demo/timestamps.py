"""Demo data: when something is said to have happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import models, transaction
from django.utils import timezone

from accounts.models import Notice, Sanction
from accounts.site import site_rules
from accounts.staff import audit_log
from gallery.models import Case, Evidence, Report
from predictions.models import BlockedPicture

_BEGUN: tuple[tuple[type[models.Model], str], ...] = (
    (Sanction, "created_at"), (Notice, "created_at"), (Case, "opened_at"), (Report, "created_at"),
    (Evidence, "created_at"), (BlockedPicture, "created_at"),
)  # fmt: skip
_ENDED: tuple[tuple[type[models.Model], str], ...] = (
    (Case, "decided_at"), (Report, "closed_at"), (Sanction, "lifted_at"), (Notice, "read_at"),
)  # fmt: skip


@contextmanager
def backdated(at: datetime) -> Iterator[None]:
    """What is done within happened then: the rows that it made or ended, and what it put on record, say so."""
    newest = {model: _newest(model) for model, _name in _BEGUN}
    real = timezone.now() - timedelta(seconds=1)
    with transaction.atomic(), audit_log.gathered(at):
        yield
        for model, name in _BEGUN:
            model._default_manager.filter(pk__gt=newest[model]).update(**{name: at})
        kept = timedelta(days=site_rules.current().evidence_days)
        Evidence.objects.filter(pk__gt=newest[Evidence]).update(sealed_until=at + kept)
        for model, name in _ENDED:
            model._default_manager.filter(**{f"{name}__gt": real}).update(**{name: at})


def _newest(model: type[models.Model]) -> int:
    return model._default_manager.order_by("-pk").values_list("pk", flat=True).first() or 0
