"""Spending limits of tokens, accounts and members per day, month or in total: set, reserve, release, recount.

Limits and their counters change only under the lock of the account's row, which every movement takes first. So a hold
either sees a new limit or is part of the sum with which the new limit's counter starts. A plan's limits are read under
that lock too; their counters start from the ledger at the first hold that needs them.

`Account.limits_tokens` says whether a hold must check limits at all. Once true it stays true, and every counter is kept
up to date from then on, even while no limit uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Length
from django.utils import timezone

from accounts.credits import spending_periods
from accounts.credits.balance_updates import table
from accounts.credits.exceptions import AccountLimitReached, TokenLimitReached
from accounts.models import Account, AccountSpending, ApiToken, Membership, Plan, TokenSpending, User
from core.db.prepared import Prepared

BATCH = 2000
_DAY, _MONTH = "day", "month"


@dataclass(frozen=True)
class Spender:
    """Whom a hold is charged to: the account, and the token and member where known."""

    account_id: int
    token_id: int | None = None
    member_id: int | None = None


def limit(token: ApiToken, *, day: int | None, month: int | None, total: int | None) -> None:
    """Set a token's daily, monthly and total limits in micro-credits; None: unlimited.

    Starts its counters from the ledger and refreshes `token`.
    """
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=token.account_id)
        token.day_limit, token.month_limit, token.total_limit = day, month, total
        token.save(update_fields=["day_limit", "month_limit", "total_limit"])
        _sum_up(token)


def recount(token: ApiToken) -> None:
    """Recompute a token's spending counters from the ledger."""
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=token.account_id)
        token.refresh_from_db(fields=["day_limit", "month_limit", "total_limit"])
        _sum_up(token)


def limit_account(account: Account, *, day: int | None, month: int | None) -> None:
    """Set an account's daily and monthly limits in micro-credits; None: what its plan allows. Refreshes `account`."""
    _not_negative(day, month)
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        account.day_limit, account.month_limit = day, month
        account.save(update_fields=["day_limit", "month_limit"])
        _sum_up_account(account.pk)
        account.refresh_from_db(fields=["limits_tokens"])


def limit_member(membership: Membership, *, month: int | None) -> None:
    """Set a member's monthly limit on the account in micro-credits; None: what the account allows."""
    _not_negative(month)
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=membership.account_id)
        membership.month_limit = month
        membership.save(update_fields=["month_limit"])
        _sum_up_account(membership.account_id)


def recount_account(account_id: int) -> None:
    """Recompute the spending counters of an account and its members from the ledger, where there are limits."""
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account_id)
        _sum_up_account(account_id)


def set_plan(account: Account, plan: Plan | None) -> None:
    """Change an account's plan, or remove it: its limits apply at once, its allowance is checked soon."""
    with transaction.atomic():
        locked = Account.objects.select_for_update().get(pk=account.pk)
        account.plan = plan
        if locked.plan_id == (plan.pk if plan is not None else None):
            return
        Account.objects.filter(pk=account.pk).update(plan=plan, allowance_until=None)
        account.allowance_until = None
        if plan is not None and _is_limited(plan):
            _sum_up_account(account.pk)


def plan_changed(plan: Plan) -> None:
    """Have all accounts of a plan check its limits and its allowance. Call it after saving the plan."""
    if _is_limited(plan):
        _in_batches(Account.objects.filter(plan=plan, limits_tokens=False), limits_tokens=True)
    _in_batches(Account.objects.filter(plan=plan, allowance_until__isnull=False), allowance_until=None)


def _in_batches(rows: QuerySet[Account], **values: object) -> None:
    # One transaction per step, unless the caller has one: a plan may have a million accounts, whose holds would wait.
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        Account.objects.filter(pk__in=keys).update(**values)


def _not_negative(*limits: int | None) -> None:
    if any(most is not None and (isinstance(most, bool) or most < 0) for most in limits):
        raise ValueError("A limit is not negative.")


def _is_limited(plan: Plan) -> bool:
    return plan.day_limit is not None or plan.month_limit is not None


_LIMITS = Prepared[ApiToken](
    lambda token: ApiToken.objects.filter(pk=token).only("day_limit", "month_limit", "total_limit")[:1]
)


def reserve(spender: Spender, amount: int, at: datetime) -> None:
    """Count a hold written at `at` towards every limit. Raises TokenLimitReached or AccountLimitReached.

    Limits are read here, under the lock of the account's row, because they may have changed since the request came.
    """
    if spender.token_id is not None:
        _reserve_of_token(spender.token_id, amount, at)
    counted = _count(spender, amount, at)
    for of_member, name, most in limits_of(spender.account_id, spender.member_id):
        member_id, period = (spender.member_id if of_member else None), spending_periods.period(name, at)
        spent = counted.get((member_id, period))
        if spent is None:
            # The first hold of a period. The ledger has this hold's row already.
            spent = _begin_account(spender.account_id, member_id, period)
        if spent > most:
            left = max(0, most - spent + amount)
            raise AccountLimitReached(name, most, left, amount, at, of_member=of_member)


def give_back(spender: Spender, released: int, held_at: datetime) -> None:
    """Subtract what a settlement released from the periods in which it was held."""
    # A condition instead of the CHECK constraint: a wrong counter must not keep a prediction from ending.
    if spender.token_id is not None:
        rows = TokenSpending.objects.filter(
            token_id=spender.token_id, period__in=spending_periods.periods(held_at), spent__gte=released
        )
        rows.update(spent=F("spent") - released)
    _count(spender, -released, held_at)


def limits_of(account_id: int, member_id: int | None = None) -> Iterator[tuple[bool, str, int]]:
    """The limits of an account and that member, each as (whether the member's, `day` or `month`, micro-credits).

    Of the account's and its plan's the lower one counts.
    """
    found = Account.objects.filter(pk=account_id).values_list(
        "day_limit", "month_limit", "plan__day_limit", "plan__month_limit"
    )
    for day, month, plan_day, plan_month in found:
        for name, own, of_plan in ((_DAY, day, plan_day), (_MONTH, month, plan_month)):
            limits = [most for most in (own, of_plan) if most is not None]
            if limits:
                yield False, name, min(limits)
    if member_id is not None:
        members = Membership.objects.filter(
            account_id=account_id, user_id=member_id, month_limit__isnull=False
        )
        for most in members.values_list("month_limit", flat=True):
            if most is not None:
                yield True, _MONTH, most


def spent(account_id: int, member_id: int | None, name: str, at: datetime) -> int:
    """What an account, or that member, has spent and on hold in the day or month that contains a time."""
    period = spending_periods.period(name, at)
    rows = AccountSpending.objects.filter(account_id=account_id, member_id=member_id, period=period)
    found = rows.values_list("spent", flat=True).first()
    return spending_periods.counted_of_account(account_id, member_id, period) if found is None else found


def _reserve_of_token(token_id: int, amount: int, at: datetime) -> None:
    token = _LIMITS.first(token=token_id)
    for name, most in _limits_of(token) if token is not None else []:
        rows = TokenSpending.objects.filter(token_id=token_id, period=spending_periods.period(name, at))
        if rows.filter(spent__lte=most - amount).update(spent=F("spent") + amount):
            continue
        spent = rows.values_list("spent", flat=True).first()
        if spent is None:
            # The first hold of a period. The ledger has this hold's row already.
            spent = _begin(token_id, spending_periods.period(name, at)) - amount
        if spent + amount > most:
            raise TokenLimitReached(name, most, max(0, most - spent), amount, at)


@cache
def _counting() -> str:
    return (
        f"UPDATE {table(AccountSpending)} SET spent = spent + %s "  # noqa: S608 (a table's own name)
        "WHERE account_id = %s AND period IN (%s, %s) AND (member_id IS NULL OR member_id = %s) "
        "AND spent + %s >= 0 RETURNING member_id, period, spent"
    )


def _count(spender: Spender, amount: int, at: datetime) -> dict[tuple[int | None, str], int]:
    """Add to all counters of these periods, limited or not; returns their new values."""
    periods = [spending_periods.period(_DAY, at), spending_periods.period(_MONTH, at)]
    nobody = 0
    params: list[int | str] = [amount, spender.account_id, *periods, spender.member_id or nobody, amount]
    with connection.cursor() as cursor:
        cursor.execute(_counting(), params)
        return {(member_id, period): spent for member_id, period, spent in cursor.fetchall()}


def _sum_up(token: ApiToken) -> None:
    TokenSpending.objects.filter(token=token).delete()
    if _limits_of(token):
        # On the account's row, which a hold locks and reads anyway: it reads the token's limits only if this is set.
        Account.objects.filter(pk=token.account_id).update(limits_tokens=True)
    now = timezone.now()
    for name, _most in _limits_of(token):
        _begin(token.pk, spending_periods.period(name, now))


def _begin(token_id: int, period: str) -> int:
    """Begin to count a period with what the ledger says of it; the days or months before it are over."""
    alike = TokenSpending.objects.filter(token_id=token_id).annotate(length=Length("period"))
    alike.filter(length=len(period), period__lt=period).delete()
    spent = spending_periods.counted(token_id, period)
    TokenSpending.objects.create(token_id=token_id, period=period, spent=spent)
    return spent


def _limits_of(token: ApiToken) -> list[tuple[str, int]]:
    limits = zip(
        spending_periods.LIMITS, (token.day_limit, token.month_limit, token.total_limit), strict=True
    )
    return [(name, most) for name, most in limits if most is not None]


def _sum_up_account(account_id: int) -> None:
    AccountSpending.objects.filter(account_id=account_id).delete()
    now = timezone.now()
    limited: list[tuple[int | None, str]] = [(None, name) for _mine, name, _most in limits_of(account_id)]
    members = Membership.objects.filter(account_id=account_id, month_limit__isnull=False)
    limited += [(user_id, _MONTH) for user_id in members.values_list("user_id", flat=True)]
    if limited:
        Account.objects.filter(pk=account_id).update(limits_tokens=True)
    for member_id, name in limited:
        _begin_account(account_id, member_id, spending_periods.period(name, now))


def _begin_account(account_id: int, member_id: int | None, period: str) -> int:
    """Begin to count a period with what the ledger says of it; the days or months before it are over."""
    whose = Q(member_id=member_id) if member_id is not None else Q(member__isnull=True)
    alike = AccountSpending.objects.filter(whose, account_id=account_id).annotate(length=Length("period"))
    alike.filter(length=len(period), period__lt=period).delete()
    spent = spending_periods.counted_of_account(account_id, member_id, period)
    AccountSpending.objects.create(account_id=account_id, member_id=member_id, period=period, spent=spent)
    return spent


def member_left(account_id: int, user: User) -> None:
    """Delete a former member's spending counters; the ledger keeps the facts."""
    with transaction.atomic():
        # FOR NO KEY UPDATE, the lock the caller holds already: a stronger one could deadlock with those waiting.
        Account.objects.select_for_update(no_key=True).get(pk=account_id)
        AccountSpending.objects.filter(account_id=account_id, member=user).delete()
