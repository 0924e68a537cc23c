"""Demo data: members with plans, packs, codes and purchases.

Passwords are unusable and addresses lie below `.invalid`, which no mail ever reaches.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import transaction

from accounts import credits
from accounts.credits import allowances
from accounts.models import (
    MICRO,
    Account,
    CodeBatch,
    CreditPack,
    Gift,
    LedgerEntry,
    Membership,
    Plan,
    Purchase,
    RedeemCode,
    Redemption,
    User,
)
from config.demo.ledger_entries import Movement

Kind = LedgerEntry.Kind
_FIRST = (
    "Ada Jonas Mira Tomás Yuki Noor Elif Piotr Lea Samuel Ines Kofi Hanna Mateo Aino Ravi Clara Oskar Zoe Idris "
    "Maren Luca Freya Dario Nadia Felix Amara Viktor Selma Theo Greta Omar Julia Emil Priya Anton Leila Bruno "
    "Ida Hugo"
)
_LAST = (
    "Ek Brandt Okafor Silva Tanaka Haddad Kaya Nowak Moreau Weiss Costa Mensah Virtanen Rossi Iyer Lindqvist Berg "
    "Petrov Jansen Novak Fischer Duarte Larsen Marin"
)
_HAN_LAST = "王李张刘陈杨黄赵周吴徐孙马朱胡林郭何高罗"
_HAN_FIRST = "伟 芳 娜 敏 静 丽 强 磊 洋 艳 勇 杰 涛 明 超 秀英 晓燕 子涵 雨桐 思远 浩然 一诺 梓萱 俊熙"
_LATIN = "wang li zhang liu chen yang huang zhao zhou wu xu sun ma zhu hu lin guo he gao luo"
_PINYIN = dict(zip(_HAN_LAST, _LATIN.split(), strict=True))
_CLUBS = (
    "Studio Nord", "云上设计", "Atelier Lumen", "Blue Fox Games", "山海工作室", "Pixel University",
)  # fmt: skip
_NO_PASSWORD = "!made"  # noqa: S105 (what Django keeps for nobody's password)


@dataclass
class Member:
    """A user, their account, when they came, and how much they are inclined to make."""

    user: User
    account: Account
    joined: datetime
    eager: float
    plan: Plan | None = None
    chinese: bool = False


@dataclass
class Club:
    """An organisation: who founded it, who else belongs to it, and since when it is used."""

    account: Account
    owner: Member
    members: list[Member]
    since: datetime


@dataclass
class Shop:
    """What is for sale and how credits come otherwise."""

    plans: list[Plan]
    packs: list[CreditPack]
    codes: list[RedeemCode]
    worth: int
    movements: list[Movement] = field(default_factory=list)


def people(rng: random.Random, moments: Sequence[datetime]) -> list[Member]:
    """One member for each moment: user, account and membership, written in bulk."""
    names: set[str] = set()
    rows: list[tuple[str, str, bool]] = []
    for _moment in moments:
        chinese = rng.random() < 0.4
        username, shown = _name(rng, chinese)
        while username in names:
            username = f"{username.rstrip('0123456789')}{rng.randrange(2, 9999)}"
        names.add(username)
        rows.append((username, shown, chinese))
    with transaction.atomic():
        accounts = Account.objects.bulk_create(
            Account(name=username, created_at=at)
            for (username, _s, _c), at in zip(rows, moments, strict=True)
        )
        users = User.objects.bulk_create(
            User(
                username=username,
                display_name=shown,
                email=f"{username}@demo.invalid",
                password=_NO_PASSWORD,
                account=account,
                date_joined=at,
                last_login=at,
                language="zh-hans" if chinese else "en",
            )
            for (username, shown, chinese), account, at in zip(rows, accounts, moments, strict=True)
        )
        Membership.objects.bulk_create(
            Membership(account=account, user=user, role=Membership.Role.OWNER, created_at=at)
            for user, account, at in zip(users, accounts, moments, strict=True)
        )
    return [
        Member(user, account, at, rng.paretovariate(1.3), chinese=chinese)
        for user, account, at, (_u, _s, chinese) in zip(users, accounts, moments, rows, strict=True)
    ]


def shop(rng: random.Random, began: datetime) -> Shop:
    """Plans, packs and a batch of codes."""
    plans = [
        Plan.objects.create(
            name=name, allowance=credits * MICRO, allowance_ends=False, in_flight_limit=limit, priority=first
        )
        for name, credits, limit, first in (("Plus", 60, 4, 1), ("Studio", 240, 12, 3))
    ]  # fmt: skip
    packs = [
        CreditPack.objects.create(name=name, credits=credits * MICRO, price=price, position=price)
        for name, credits, price in (("Small", 100, 500), ("Large", 500, 2000), ("Huge", 2000, 7000))
    ]
    batch = CodeBatch.objects.create(name="Made: art school", credits=25 * MICRO, uses=1, created_at=began)
    codes = RedeemCode.objects.bulk_create(
        RedeemCode(
            batch=batch,
            digest=hashlib.sha256(f"made {rng.random()} {number}".encode()).hexdigest(),
            hint=f"{number:04d}",
            uses_left=1,
        )
        for number in range(80)
    )
    return Shop(plans, packs, codes, batch.credits)


def put_on_plan(member: Member, plan: Plan, since: datetime, months: Sequence[datetime]) -> list[Movement]:
    """Have them on a plan since then; its allowance comes at once, and at the beginning of every month after."""
    member.plan = plan
    due = [since, *(month for month in months if month > since)]
    # Until the next month begins: else a server that runs beside would give it in between, once more.
    until = allowances.ends_at(plan.allowance_every, due[-1], UTC)
    Account.objects.filter(pk=member.account.pk).update(
        plan=plan, allowance_period=f"{due[-1]:%Y-%m}", allowance_until=until
    )
    return [
        Movement(
            at, member.account.pk, Kind.ALLOWANCE, f"allowance-{member.account.pk}-{at:%Y-%m}", plan.allowance,
            reason=plan.name,
        )
        for at in {f"{one:%Y-%m}": one for one in reversed(due)}.values()
    ]  # fmt: skip


def welcome(member: Member, amount: int) -> Movement:
    """What every member begins with."""
    return Movement(
        member.joined, member.account.pk, Kind.GRANT, f"welcome-{member.user.pk}", amount, reason="Welcome"
    )


def buy(rng: random.Random, member: Member, pack: CreditPack, at: datetime) -> tuple[Purchase, Movement]:
    """A purchase that was paid."""
    row = Purchase(
        reference=f"{rng.getrandbits(80):020x}", account=member.account, user=member.user, pack=pack,
        credits=pack.credits, price=pack.price, currency=pack.currency, provider="made",
        session=f"made-{rng.getrandbits(64):x}", payment=f"made-{rng.getrandbits(64):x}",
        status=Purchase.Status.PAID, created_at=at, paid_at=at,
    )  # fmt: skip
    row.save()
    name = f"purchase-{row.reference}"
    return row, Movement(at, member.account.pk, Kind.PURCHASE, name, pack.credits, reason=pack.name)


def pay_back(row: Purchase, there: int, at: datetime) -> Movement:
    """So much is paid back as the credits that are still there cost; those go."""
    row.refunded = row.price * there // row.credits
    row.taken_back = row.to_take_back = taken = row.credits * row.refunded // row.price
    row.status = Purchase.Status.REFUNDED if row.refunded == row.price else Purchase.Status.PAID
    row.save(update_fields=["status", "refunded", "to_take_back", "taken_back"])
    return Movement(
        at, row.account_id, Kind.REFUND, f"back-{row.reference}-{row.price}", -taken, reason="Paid back"
    )


def clubs(rng: random.Random, people: Sequence[Member], now: datetime) -> list[Club]:
    """Organisations that some of those who came early found, with members who were there by then."""
    found = []
    early = list(people[: max(2, len(people) // 2)])
    for name, owner in zip(_CLUBS, rng.sample(early, min(len(_CLUBS), len(early) // 2)), strict=False):
        since = owner.joined + timedelta(days=rng.uniform(0.5, 4))
        there = [one for one in people if one.joined < since and one is not owner]
        if since > now - timedelta(days=1) or not there:
            continue
        some = rng.sample(there, min(len(there), rng.randrange(2, 8)))
        account = Account.objects.create(name=name, kind=Account.Kind.ORGANIZATION, created_at=since)
        roles = [Membership.Role.OWNER, Membership.Role.BILLING, *[Membership.Role.MEMBER] * len(some)]
        Membership.objects.bulk_create(
            Membership(
                account=account, user=one.user, role=role,
                created_at=since + number * timedelta(minutes=rng.uniform(5, 300)),
            )
            for number, (one, role) in enumerate(zip([owner, *some], roles, strict=False))
        )  # fmt: skip
        found.append(Club(account, owner, some, since + timedelta(days=1)))
    return found


def limit_some(rng: random.Random, clubs: Sequence[Club], now: datetime) -> None:
    """Let some members have a limit of their own, most of which is used. After the ledger was written."""
    for club in clubs:
        for one in club.members[:: rng.choice((1, 2))]:
            row = Membership.objects.get(account=club.account, user=one.user)
            spent = credits.spent(club.account.pk, one.user.pk, "month", now)
            tens = -(-int(spent * rng.uniform(1.1, 2.2)) // (10 * MICRO))
            credits.limit_member(row, month=max(2, tens) * 10 * MICRO)


def redeem(member: Member, code: RedeemCode, worth: int, at: datetime) -> Movement:
    """A code that was redeemed."""
    RedeemCode.objects.filter(pk=code.pk).update(uses_left=0)
    row = Redemption.objects.create(code=code, account=member.account, user=member.user, created_at=at)
    return Movement(at, member.account.pk, Kind.REDEEM, f"redeem-{row.pk}", worth)


def give(
    rng: random.Random, giver: Member, receiver: Member, amount: int, at: datetime
) -> tuple[Movement, Movement]:
    """A gift: two rows."""
    row = Gift.objects.create(
        reference=f"{rng.getrandbits(80):020x}", giver=giver.account, receiver=receiver.account, amount=amount,
        user=giver.user, created_at=at,
    )  # fmt: skip
    name = f"gift-{row.reference}"
    return (
        Movement(at, giver.account.pk, Kind.GIFT, f"{name}-out", -amount, actor_id=giver.user.pk),
        Movement(at, receiver.account.pk, Kind.GIFT, f"{name}-in", amount, actor_id=giver.user.pk),
    )


def _name(rng: random.Random, chinese: bool) -> tuple[str, str]:
    if chinese:
        last, first = rng.choice(_HAN_LAST), rng.choice(_HAN_FIRST.split())
        return f"{_PINYIN[last]}{rng.randrange(10, 999)}", f"{last}{first}"
    first, last = rng.choice(_FIRST.split()), rng.choice(_LAST.split())
    username = f"{first}{last[0] if rng.random() < 0.5 else last}".lower().replace("á", "a")
    return username, f"{first} {last}" if rng.random() < 0.7 else ""
