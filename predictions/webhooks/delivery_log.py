"""The log of deliveries: who looks for what, and until when it is kept."""

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


class _Bytes(Func):
    """The size of a text in UTF-8."""

    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="LENGTH(CAST(%(expressions)s AS BLOB))", **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="OCTET_LENGTH(%(expressions)s)", **extra)


def entries(
    account: Account | int, *, state: str = "", event: str = "", prediction: str = ""
) -> QuerySet[Delivery]:
    """The deliveries of an account (or of its id), without their bodies.

    `target` is the address, `size` that of the body in bytes.
    """
    rows = (
        Delivery.objects.filter(account=account)
        .annotate(target=delivery_claims.target(), size=_Bytes("body"))
        .select_related("prediction")
        .only(*_COLUMNS, "prediction__public_id")
    )
    wanted = {"state": state, "event": event, "prediction__public_id": prediction}
    return rows.filter(**{name: value for name, value in wanted.items() if value})


_COLUMNS = (
    "event", "message_id", "state", "attempts", "resent", "due_at", "claim", "answer_code", "answer_note", "created_at",
    "delivered_at", "account", "url", "prediction",
)  # fmt: skip


def own(account: Account, message_id: str) -> Delivery:
    """One of the account's deliveries, with its body and tries; Http404 for another's and for none."""
    rows = Delivery.objects.filter(account=account, message_id=message_id)
    found = (
        rows.annotate(target=delivery_claims.target(), size=_Bytes("body"))
        .select_related("prediction")
        .prefetch_related("tries")
        .first()
    )
    if found is None:
        raise Http404
    return found


def prune() -> int:
    """Forget what is older than the log goes back, the oldest first and not too many at once. Returns how many."""
    before = timezone.now() - timedelta(days=settings.DELIVERIES_KEPT)
    settled = Delivery.objects.exclude(state=Delivery.State.OWED)
    oldest = settled.order_by("pk").values_list("pk", "created_at")[:PRUNED_AT_ONCE]
    gone = [pk for pk, made in oldest if made < before]
    # The rows are chosen again by what they are now: one that was asked for again meanwhile stays.
    Delivery.objects.filter(pk__in=gone).exclude(state=Delivery.State.OWED).delete()
    return len(gone)
