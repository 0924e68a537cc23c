"""Log of webhook deliveries: an account's entries, one entry with its attempts, pruning by age."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Func, IntegerField, QuerySet
from django.http import Http404
from django.utils import timezone

from accounts.models import Account
from predictions.models import Delivery
from predictions.webhooks import delivery_claims

PRUNED_AT_ONCE = 1000
"""Rows that one call of `prune` deletes at most."""


class _Bytes(Func):
    """Size of a text in bytes of UTF-8."""

    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="LENGTH(CAST(%(expressions)s AS BLOB))", **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="OCTET_LENGTH(%(expressions)s)", **extra)


def entries(
    account: Account | int, *, state: str = "", event: str = "", prediction: str = ""
) -> QuerySet[Delivery]:
    """Deliveries of an account (or of its id), filtered, without their bodies.

    `target` is the URL, `size` that of the body in bytes.
    """
    rows = (
        Delivery.objects.filter(account=account)
        .annotate(target=delivery_claims.target_url(), size=_Bytes("body"))
        .select_related("prediction")
        .only(*_COLUMNS, "prediction__public_id")
    )
    filters = {"state": state, "event": event, "prediction__public_id": prediction}
    return rows.filter(**{name: value for name, value in filters.items() if value})


_COLUMNS = (
    "event", "message_id", "state", "attempts", "resent", "due_at", "claim", "answer_code", "answer_note", "created_at",
    "delivered_at", "account", "url", "prediction",
)  # fmt: skip


def get_own(account: Account, message_id: str) -> Delivery:
    """One of the account's deliveries, with body and attempts. Http404 for an unknown one and another account's."""
    rows = Delivery.objects.filter(account=account, message_id=message_id)
    delivery = (
        rows.annotate(target=delivery_claims.target_url(), size=_Bytes("body"))
        .select_related("prediction")
        .prefetch_related("tries")
        .first()
    )
    if delivery is None:
        raise Http404
    return delivery


def prune() -> int:
    """Delete entries older than `DELIVERIES_KEPT` days, the oldest first, in bounded batches. Returns how many."""
    before = timezone.now() - timedelta(days=settings.DELIVERIES_KEPT)
    settled = Delivery.objects.exclude(state=Delivery.State.OWED)
    oldest = settled.order_by("pk").values_list("pk", "created_at")[:PRUNED_AT_ONCE]
    expired = [pk for pk, created_at in oldest if created_at < before]
    # The state is asked again in the DELETE: a delivery that was resent meanwhile stays.
    Delivery.objects.filter(pk__in=expired).exclude(state=Delivery.State.OWED).delete()
    return len(expired)
