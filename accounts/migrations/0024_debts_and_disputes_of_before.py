from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.models import F, Q, Sum


def fill(apps: Any, schema_editor: Any) -> None:
    """Disputes that were told before there were rows for them; what was to be taken back and was not is owed from now on."""
    Account = apps.get_model("accounts", "Account")
    Purchase = apps.get_model("accounts", "Purchase")
    told = Q(status="disputed") | Q(refunded__gt=0) | Q(taken_back__gt=0)
    for purchase in Purchase.objects.filter(told).order_by("pk").iterator(chunk_size=500):
        _fill_one(purchase, apps)
    in_debt = Purchase.objects.filter(to_take_back__gt=F("taken_back")).exclude(account__status="closed")
    for row in in_debt.order_by().values("account").annotate(owed=Sum(F("to_take_back") - F("taken_back"))):
        Account.objects.filter(pk=row["account"]).update(owed=row["owed"])


def _fill_one(purchase: Any, apps: Any) -> None:
    Dispute, LedgerEntry = apps.get_model("accounts", "Dispute"), apps.get_model("accounts", "LedgerEntry")
    events = apps.get_model("accounts", "PaymentEvent").objects.filter(purchase=purchase)
    lost = events.filter(outcome__startswith="dispute lost").order_by("-pk").first()
    opened = events.filter(outcome__startswith="disputed").order_by("-pk").first()
    if purchase.status == "disputed" or lost is not None:
        state, event = ("lost", lost) if lost is not None else ("open", opened)
        # Until now each was of the whole price, and stood behind what was done for it.
        number = event.outcome.rsplit(" ", 1)[-1] if event is not None else ""
        Dispute.objects.create(
            purchase=purchase, number=number if number != "back" else "", amount=purchase.price, state=state
        )
    gave = LedgerEntry.objects.filter(kind="purchase", reference=f"purchase-{purchase.reference}").exists()
    whole = purchase.status == "disputed" or lost is not None
    wanted = purchase.credits if whole else purchase.credits * purchase.refunded // purchase.price
    wanted = max(wanted if gave else 0, purchase.taken_back)
    # Where a lost dispute counted as paid back, the provider knows how much of it really was.
    refunded = 0 if lost is not None else purchase.refunded
    apps.get_model("accounts", "Purchase").objects.filter(pk=purchase.pk).update(
        to_take_back=wanted, refunded=refunded
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0023_debts_and_disputes"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
