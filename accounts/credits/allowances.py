"""What a plan gives its accounts each day or month, in the one billing zone: given once, and ended when the next comes.

A period is a text, a day (`2026-11-20`) or a month (`2026-11`) of the billing zone's calendar. What was given stands in
the ledger under `allowance-ACCOUNT-PERIOD`; where a plan became better within a period, the difference stands under the
same with `-to-` and the amount reached; what was not spent is taken under `-end`. Periods only go forward: neither a
clock that is set back, nor another zone, nor changing plans to and fro gives anything twice. Periods that were missed
are not paid later.

Only work uses an allowance up, and what is owed when it comes (`credits.paid_by`), and it is used before anything else;
what is on hold counts as used until it comes back, and is then taken at once where its period is over
(`credits.endings`), in rows under `-end-` and the hold's number.
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
"""The newest rows of allowances that can matter: those of a month of days, with what ended them."""
_DAY = len("2026-11-20")


def period(every: str, at: datetime, zone: tzinfo) -> str:
    """The day or month of the zone's calendar that a moment falls into."""
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d}" if every == Plan.Every.DAY else f"{local:%Y-%m}"


def ends_at(every: str, at: datetime, zone: tzinfo) -> datetime:
    """The first moment of the next period, in UTC.

    Where that day has no midnight, because clocks skip it, it is the moment at which they do.
    """
    today = at.astimezone(zone).date()
    following = today + timedelta(days=1) if every == Plan.Every.DAY else _next_month(today)
    # In a gap, fold 0 reads the time by the clock of before, which makes it the very moment of the change.
    return datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)


def _next_month(today: date) -> date:
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


def renew(account_id: int, *, at: datetime | None = None) -> bool:
    """Give an account what is due to it now, and end what was not spent of before. Whether its balance has changed.

    `at` is taken for now, by the database's clock where it is left out.
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
        changed = _give(account, plan, now, zone) if _amount(account) or account.allowance_period else False
        _look_again(account, plan, now, zone)
        return changed


def _amount(account: Account) -> int:
    """What its plan gives this account each period. Nothing to an organisation, unless the plan pays those too: else
    whoever founds one more would be given one more.
    """
    plan = account.plan
    if plan is None or (account.kind == Account.Kind.ORGANIZATION and not plan.pays_organizations):
        return 0
    return plan.allowance


def _give(account: Account, plan: Plan, now: datetime, zone: tzinfo) -> bool:
    current, known = period(plan.allowance_every, now, zone), account.allowance_period
    if not _overlap(current, known) and current < known:
        # The clock was set back, or the zone lies further west: this period had its allowance.
        return False
    rows = _rows(account)
    had = sum(row.amount for row in rows if row.amount > 0 and _overlap(row.period, current))
    changed = bool(plan.allowance_ends and known) and _end(account, rows, known, current)
    amount = _amount(account)
    due = amount - had
    if due > 0:
        reference = f"allowance-{account.pk}-{current}"
        if any(row.reference == reference for row in rows):
            reference += f"-to-{amount}"
        credits.allow(account, due, reference=reference, reason=plan.name)
        changed = True
    if (amount or plan.allowance_ends) and known != current:
        Account.objects.filter(pk=account.pk, allowance_period=known).update(allowance_period=current)
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
    found = LedgerEntry.objects.of_kinds(LedgerEntry.Kind.ALLOWANCE).filter(account=account).order_by("-id")
    # Those that take what came back are as many as there were holds, and matter to no period.
    found = found.exclude(reference__contains="-end-")
    rows = []
    for entry in found.only("id", "reference", "balance_delta")[:_ROWS]:
        rest = entry.reference.removeprefix(f"allowance-{account.pk}-")
        name, _, _target = rest.removesuffix("-end").partition("-to-")
        rows.append(_Row(entry.pk, entry.reference, name, entry.balance_delta, rest.endswith("-end")))
    return rows


def _overlap(one: str, other: str) -> bool:
    """Whether two periods share time: they are the same, or one is a day of the other."""
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def _end(account: Account, rows: list[_Row], known: str, current: str) -> bool:
    """Take what was not spent of the former allowance, `known`, which is over unless `current` shares time with it."""
    if _overlap(known, current) or not rows:
        return False
    ended = {row.period for row in rows if row.ends}
    ended |= credits.ended_with_holds(account.pk, known, min(row.id for row in rows))
    # A day before one that has ended is over too, though it left nothing to be taken.
    over = max((name for name in ended if len(name) == _DAY), default="")
    former = [
        row for row in rows
        if row.amount > 0 and _overlap(row.period, known) and row.period not in ended
        and not (len(row.period) == _DAY and row.period < over)
        # That of a month goes on where the plan gives by the day since: else each of its days would take it once more.
        and not _overlap(row.period, current)
    ]  # fmt: skip
    if not former or known in ended:
        return False
    first = min(row.id for row in former)
    given = sum(row.amount for row in former) - credits.paid_by(account.pk, {row.id for row in former})
    return credits.end_allowance(account, known, given, first=first) is not None


def beside(account: Account) -> int | None:
    """What the account had beside its newest allowance when that came, with what came and went since that is no work,
    in micro-credits: what it has above that is allowance. None where there is none.

    What was on hold at that moment counts as had: it may come back; but for what was of an allowance that has ended.
    """
    known = account.allowance_period
    given = [row.id for row in _rows(account) if row.amount > 0 and _overlap(row.period, known)]
    if not given:
        return None
    first = LedgerEntry.objects.get(pk=min(given))
    since = LedgerEntry.objects.not_work().filter(account=account, id__gt=first.pk)
    since = since.filter(~Q(kind=LedgerEntry.Kind.ALLOWANCE) | Q(reference__contains="-end-"))
    moved = since.aggregate(s=Coalesce(Sum("balance_delta"), 0))["s"]
    had = first.balance_after + first.held_after - first.balance_delta + moved
    had += credits.paid_by(account.pk, given)
    return int(had) - credits.still_to_end(account.pk)


def _look_again(account: Account, plan: Plan, now: datetime, zone: tzinfo) -> None:
    until = ends_at(plan.allowance_every, now, zone)
    Account.objects.filter(pk=account.pk).update(allowance_until=until)


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp()" if connection.vendor == "postgresql" else "SELECT julianday('now')"
        )
        found = cursor.fetchone()[0]
    if isinstance(found, datetime):
        return found.astimezone(UTC)
    return datetime.fromtimestamp((found - 2440587.5) * 86400, UTC)


def due() -> Any:
    """The accounts whose allowance is to be looked at."""
    looked = Q(allowance_until__isnull=True) | Q(allowance_until__lte=Now())
    return Account.objects.filter(looked, plan__isnull=False, status=Account.Status.ACTIVE)


def due_soonest() -> tuple[Any, Any]:
    """The same in two questions, each of which an index answers."""
    rows = Account.objects.filter(plan__isnull=False, status=Account.Status.ACTIVE)
    return rows.filter(allowance_until__isnull=True), rows.filter(allowance_until__lte=Now())


def covers(account: Account, needed: int) -> bool:
    """Whether an account has so much, with the allowance that it is owed: where less is there and its moment has come,
    that is given first, as a hold does it. Brings `account.balance` up to date.
    """
    if account.balance < needed:
        if due().filter(pk=account.pk).exists():
            renew(account.pk)
        # Also where nothing was due: somebody else may have given it since the account was read.
        account.refresh_from_db(fields=["balance"])
    return account.balance >= needed


def run_once() -> bool:
    """A chore: renew some of the accounts that are due. Whether there may be more."""
    return _DUE.step(ROUND_S)


_DUE = DueRows("allowances", lambda: due().values_list("pk"), lambda row: renew(row[0]))
