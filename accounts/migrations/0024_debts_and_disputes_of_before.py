from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.models import F, Q, Sum


def fill(apps: Any, schema_editor: Any) -> None:
    """Disputes that were told before there were rows for them; what was to be taken back and was not is owed now."""
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
    states = _states(apps.get_model("accounts", "PaymentEvent").objects.filter(purchase=purchase))
    lost = [number for number, state in states.items() if state == "lost"]
    opened = [number for number, state in states.items() if state == "open"]
    refunded = returned = purchase.refunded
    if lost:
        # Each counted as the whole price paid back, whatever it was of; the provider knows how much of it really was.
        refunded = 0
        # The part that what was taken explains, as nothing else tells of how much it was; rounded up, since no more
        # may have been taken than follows. That owes less than the smallest coin is worth.
        explained = -(-purchase.taken_back * purchase.price // purchase.credits)
        for number, amount in zip(lost, [explained, *[0] * len(lost)], strict=False):
            Dispute.objects.create(purchase=purchase, number=number, amount=amount, state="lost")
        returned = explained
    status = purchase.status
    if status == "disputed":
        # Each stood behind all that was bought.
        for number in opened or [""]:
            Dispute.objects.create(purchase=purchase, number=number, amount=purchase.price, state="open")
        returned = purchase.price
    elif lost:
        status = "refunded" if returned >= purchase.price else "paid"
    gave = LedgerEntry.objects.filter(kind="purchase", reference=f"purchase-{purchase.reference}").exists()
    wanted = purchase.credits * min(returned, purchase.price) // purchase.price if gave else 0
    apps.get_model("accounts", "Purchase").objects.filter(pk=purchase.pk).update(
        status=status, to_take_back=max(wanted, purchase.taken_back), refunded=refunded
    )


def _states(events: Any) -> dict[str, str]:
    """How each dispute of a purchase stands, by its number, from what its events did."""
    states: dict[str, str] = {}
    for outcome in events.order_by("pk").values_list("outcome", flat=True):
        for word, state in (("disputed:", "open"), ("dispute won:", "won"), ("dispute lost:", "lost")):
            if outcome.startswith(word):
                # The number stands behind what was done for it.
                number = outcome.rsplit(" ", 1)[-1]
                states["" if number in _LAST_WORDS else number] = state
    return states


_LAST_WORDS = {"back", "again", "closed"}


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0023_debts_and_disputes"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
