"""Allowances of plans: credits posted once per day or month of the billing time zone, expiring with the next period.

A period is a text: a day (`2026-11-20`) or a month (`2026-11`) in the billing zone. Ledger references:
`allowance-ACCOUNT-PERIOD` for the allowance, the same with `-to-AMOUNT` for the difference where a plan improved within
a period, and with `-end` for what expired unspent. Periods only advance: setting the clock back, changing the zone or
switching plans to and fro posts nothing twice. Missed periods are not made up.

Only work uses an allowance, before any other credits, and debts paid as it arrives (`credits.paid_by`). Credits on hold
count as used; what is released after the period's end is taken at once (`credits.allowance_ends`), in rows with
`-end-` and the hold's id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from accounts import credits
from accounts.models import Account, LedgerEntry, Plan
from accounts.site import site_rules
from core.clock import Now
from core.db.due_rows import DueRows

ROUND_S = 0.8
_ROWS = 80
"""Allowance rows to read, newest first: a month of daily allowances with the rows that ended them."""
_DAY = len("2026-11-20")


def period(every: str, at: datetime, zone: tzinfo) -> str:
    """The period (day or month of the zone's calendar) that contains a time."""
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d}" if every == Plan.Every.DAY else f"{local:%Y-%m}"


def ends_at(every: str, at: datetime, zone: tzinfo) -> datetime:
    """The first moment of the next period, in UTC.

    Where daylight saving skips that midnight, it is the moment of the change.
    """
    today = at.astimezone(zone).date()
    following = today + timedelta(days=1) if every == Plan.Every.DAY else _next_month(today)
    # In a gap, fold 0 takes the offset from before the change, which yields the moment of the change itself.
    return datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)


def _next_month(today: date) -> date:
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


def renew(account_id: int, *, at: datetime | None = None) -> bool:
    """Post the allowance that is due and expire the former one; returns whether the balance changed.

    `at` stands for the present time; without it the database's clock counts.
    """
    zone = site_rules.billing_zone()
    with transaction.atomic():
        account = Account.objects.select_for_update(of=("self",)).select_related("plan").get(pk=account_id)
        plan = account.plan
        if plan is None or account.status != Account.Status.ACTIVE:
            return False
        now = at or _database_now()
        if account.allowance_until is not None and now < account.allowance_until:
            return False
        changed = (
            _post_allowance(account, plan, now, zone)
            if _amount(account) or account.allowance_period
            else False
        )
        _schedule_next_check(account, plan, now, zone)
        return changed


def _amount(account: Account) -> int:
    """The allowance of the account's plan, in micro-credits per period.

    0 for an organisation unless the plan pays organisations too: otherwise founding more of them would yield more.
    """
    plan = account.plan
    if plan is None or (account.kind == Account.Kind.ORGANIZATION and not plan.pays_organizations):
        return 0
    return plan.allowance


def _post_allowance(account: Account, plan: Plan, now: datetime, zone: tzinfo) -> bool:
    current, former = period(plan.allowance_every, now, zone), account.allowance_period
    if not _overlap(current, former) and current < former:
        # The clock was set back or the zone moved west: this period has had its allowance.
        return False
    rows = _rows(account)
    had = sum(row.amount for row in rows if row.amount > 0 and _overlap(row.period, current))
    changed = bool(plan.allowance_ends and former) and _end(account, rows, former, current)
    amount = _amount(account)
    due = amount - had
    if due > 0:
        reference = f"allowance-{account.pk}-{current}"
        if any(row.reference == reference for row in rows):
            reference += f"-to-{amount}"
        credits.allow(account, due, reference=reference, reason=plan.name)
        changed = True
    if (amount or plan.allowance_ends) and former != current:
        Account.objects.filter(pk=account.pk, allowance_period=former).update(allowance_period=current)
    return changed


@dataclass(frozen=True)
class _Row:
    id: int
    reference: str
    period: str
    amount: int
    ends: bool


def _rows(account: Account) -> list[_Row]:
    """The newest rows of the account's allowances, newest first."""
    entries = LedgerEntry.objects.of_kinds(LedgerEntry.Kind.ALLOWANCE).filter(account=account).order_by("-id")
    # Rows that take late releases can be as many as there were holds, and matter to no period.
    entries = entries.exclude(reference__contains="-end-")
    rows = []
    for entry in entries.only("id", "reference", "balance_delta")[:_ROWS]:
        rest = entry.reference.removeprefix(f"allowance-{account.pk}-")
        name, _, _target = rest.removesuffix("-end").partition("-to-")
        rows.append(_Row(entry.pk, entry.reference, name, entry.balance_delta, rest.endswith("-end")))
    return rows


def _overlap(first: str, second: str) -> bool:
    """Whether two periods share time: they are the same, or one is a day of the other."""
    return bool(first and second) and (first.startswith(second) or second.startswith(first))


def _end(account: Account, rows: list[_Row], former: str, current: str) -> bool:
    """Expire the unspent rest of the former period's allowance, `former`, unless `current` overlaps it."""
    if _overlap(former, current) or not rows:
        return False
    ended = {row.period for row in rows if row.ends}
    ended |= credits.ended_with_holds(account.pk, former, min(row.id for row in rows))
    # A day before one that has ended is over too, even if nothing was left to take.
    over = max((name for name in ended if len(name) == _DAY), default="")
    former_rows = [
        row for row in rows
        if row.amount > 0 and _overlap(row.period, former) and row.period not in ended
        and not (len(row.period) == _DAY and row.period < over)
        # A month's allowance goes on where the plan has since become daily: else each day would take it once more.
        and not _overlap(row.period, current)
    ]  # fmt: skip
    if not former_rows or former in ended:
        return False
    first = min(row.id for row in former_rows)
    total = sum(row.amount for row in former_rows) - credits.paid_by(
        account.pk, {row.id for row in former_rows}
    )
    return credits.end_allowance(account, former, total, first=first) is not None


def balance_without_allowance(account: Account) -> int | None:
    """Micro-credits of the account that are not allowance; None where it has no allowance.

    That is what it had when its newest allowance arrived, plus all later movements other than work; anything above is
    allowance. Credits on hold at that moment count, since they may be released, except those of an ended allowance.
    """
    current = account.allowance_period
    posted = [row.id for row in _rows(account) if row.amount > 0 and _overlap(row.period, current)]
    if not posted:
        return None
    first = LedgerEntry.objects.get(pk=min(posted))
    since = LedgerEntry.objects.not_work().filter(account=account, id__gt=first.pk)
    since = since.filter(~Q(kind=LedgerEntry.Kind.ALLOWANCE) | Q(reference__contains="-end-"))
    moved = since.aggregate(s=Coalesce(Sum("balance_delta"), 0))["s"]
    had = first.balance_after + first.held_after - first.balance_delta + moved
    had += credits.paid_by(account.pk, posted)
    return int(had) - credits.still_to_end(account.pk)


def _schedule_next_check(account: Account, plan: Plan, now: datetime, zone: tzinfo) -> None:
    until = ends_at(plan.allowance_every, now, zone)
    Account.objects.filter(pk=account.pk).update(allowance_until=until)


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp()" if connection.vendor == "postgresql" else "SELECT julianday('now')"
        )
        now = cursor.fetchone()[0]
    if isinstance(now, datetime):
        return now.astimezone(UTC)
    return datetime.fromtimestamp((now - 2440587.5) * 86400, UTC)


def due() -> Any:
    """Accounts whose allowance is due to be checked."""
    is_due = Q(allowance_until__isnull=True) | Q(allowance_until__lte=Now())
    return Account.objects.filter(is_due, plan__isnull=False, status=Account.Status.ACTIVE)


def due_soonest() -> tuple[Any, Any]:
    """The same as two queries, each served by an index."""
    rows = Account.objects.filter(plan__isnull=False, status=Account.Status.ACTIVE)
    return rows.filter(allowance_until__isnull=True), rows.filter(allowance_until__lte=Now())


def covers(account: Account, needed: int) -> bool:
    """Whether an account has `needed` micro-credits, after posting an allowance that is due, as a hold would.

    Refreshes `account.balance`.
    """
    if account.balance < needed:
        if due().filter(pk=account.pk).exists():
            renew(account.pk)
        # Also where nothing was due: another process may have posted it since the account was read.
        account.refresh_from_db(fields=["balance"])
    return account.balance >= needed


def run_once() -> bool:
    """Periodic job: renew some of the accounts that are due; returns whether there may be more."""
    return _DUE.step(ROUND_S)


_DUE = DueRows("allowances", lambda: due().values_list("pk"), lambda row: renew(row[0]))
