"""Demo customers: members, plans, organisations, purchases, codes and gifts.

Passwords are unusable and addresses lie below `.invalid`, which no mail ever reaches.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from accounts import credits
from accounts.billing import payment_events, redeem_codes
from accounts.billing.provider_base import Event, EventType
from accounts.credits import allowances, gifts
from accounts.models import MICRO, Account, CreditPack, Membership, Plan, Purchase, User
from accounts.organizations import management
from accounts.registration import welcome_credits
from accounts.site import site_rules
from accounts.staff import audit_log

PROVIDER = "made"
"""Payment provider of the purchases; there is none of that name."""
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
ORGANIZATIONS = (
    "Studio Nord", "云上设计", "Atelier Lumen", "Blue Fox Games", "山海工作室", "Pixel University",
)  # fmt: skip


@dataclass
class Member:
    """A user to be: name, time of joining, and how much they are inclined to make."""

    username: str
    display_name: str
    language: str
    joined: datetime
    activity: float
    plan: Plan | None = None
    _user: User | None = None
    organization: Organization | None = None

    @property
    def user(self) -> User:
        """Their user, once they have joined."""
        assert self._user is not None
        return self._user

    @property
    def account(self) -> Account:
        """Their own account."""
        assert self.user.account is not None
        return self.user.account

    def join(self) -> None:
        """Sign up, with welcome credits and maybe a plan."""
        self._user = User.objects.create_user(
            self.username, f"{self.username}@demo.invalid", display_name=self.display_name,
            language=self.language, date_joined=self.joined, last_login=self.joined,
        )  # fmt: skip
        welcome_credits.grant_welcome(self._user)
        if self.plan is not None:
            credits.set_plan(self.account, self.plan)
            allowances.renew(self.account.pk)


@dataclass
class Organization:
    """An organisation to be: its founder and the others who belong to it."""

    name: str
    owner: Member
    members: list[Member]
    _account: Account | None = None

    @property
    def account(self) -> Account | None:
        """Its account, once it was founded."""
        return self._account

    def found(self) -> None:
        """Create it with all members."""
        with suppress(management.CannotDo):
            account = management.create(self.owner.user, self.name)
            roles = [Membership.Role.BILLING, *[Membership.Role.MEMBER] * len(self.members)]
            for member, role in zip(self.members, roles, strict=False):
                Membership.objects.create(account=account, user=member.user, role=role)
            self._account = account

    def limit_members(self, rng: random.Random, now: datetime) -> None:
        """Limit some members' spending, most of which is used."""
        if self._account is None:
            return
        for member in self.members[:: rng.choice((1, 2))]:
            row = Membership.objects.get(account=self._account, user=member.user)
            spent = credits.spent(self._account.pk, member.user.pk, "month", now)
            tens = -(-int(spent * rng.uniform(1.1, 2.2)) // (10 * MICRO))
            credits.limit_member(row, month=max(2, tens) * 10 * MICRO)


@dataclass
class Shop:
    """What is for sale, and codes to redeem."""

    plans: list[Plan]
    packs: list[CreditPack]
    codes: list[str]
    refunds: list[tuple[datetime, Purchase]] = field(default_factory=list)


def members(rng: random.Random, moments: Sequence[datetime], plans: Sequence[Plan]) -> list[Member]:
    """One member to be for each moment, each under a name of their own; some on a plan."""
    names: set[str] = set()
    found = []
    for moment in moments:
        is_chinese = rng.random() < 0.4
        username, display_name = _name(rng, is_chinese)
        while username in names:
            username = f"{username.rstrip('0123456789')}{rng.randrange(2, 9999)}"
        names.add(username)
        language = "zh-hans" if is_chinese else "en"
        member = Member(username, display_name, language, moment, rng.paretovariate(1.3))
        if rng.random() < 0.22:
            member.plan = plans[rng.random() < 0.3]
        found.append(member)
    return found


def _name(rng: random.Random, is_chinese: bool) -> tuple[str, str]:
    if is_chinese:
        last, first = rng.choice(_HAN_LAST), rng.choice(_HAN_FIRST.split())
        return f"{_PINYIN[last]}{rng.randrange(10, 999)}", f"{last}{first}"
    first, last = rng.choice(_FIRST.split()), rng.choice(_LAST.split())
    username = f"{first}{last[0] if rng.random() < 0.5 else last}".lower().replace("á", "a")
    return username, f"{first} {last}" if rng.random() < 0.7 else ""


def open_shop(operator: User) -> Shop:
    """Plans, packs and a batch of codes, entered by the operator; members may give credits away."""
    plans = [
        Plan.objects.create(
            name=name, allowance=allowance * MICRO, allowance_ends=False, in_flight_limit=limit, priority=priority
        )
        for name, allowance, limit, priority in (("Plus", 60, 4, 1), ("Studio", 240, 12, 3))
    ]  # fmt: skip
    for plan in plans:
        values = {"name": plan.name, "allowance": plan.allowance}
        audit_log.write(operator, "plan.add", plan, detail={"before": None, "after": values})
    packs = [
        CreditPack.objects.create(name=name, credits=amount * MICRO, price=price, position=price)
        for name, amount, price in (("Small", 100, 500), ("Large", 500, 2000), ("Huge", 2000, 7000))
    ]
    _batch, codes = redeem_codes.create_batch(
        name="Made: art school", credits=25 * MICRO, count=80, by=operator,
        reason="For the art school's open day.",
    )  # fmt: skip
    rules = site_rules.change(gifts=True)
    changes = {"before": {"gifts": False}, "after": {"gifts": True}}
    audit_log.write(operator, "house.change", rules, detail=changes)
    return Shop(plans, packs, codes)


def buy(rng: random.Random, user: User, account: Account, pack: CreditPack) -> Purchase:
    """Order a pack and pay for it."""
    purchase = Purchase.objects.create(
        reference=f"{rng.getrandbits(80):020x}", account=account, user=user, pack=pack, credits=pack.credits,
        price=pack.price, currency=pack.currency, provider=PROVIDER, session=f"made-{rng.getrandbits(64):x}",
    )  # fmt: skip
    payment = f"made-{rng.getrandbits(64):x}"
    _pay(purchase, EventType.PAID, payment, purchase.price)
    return purchase


def refund(purchase: Purchase) -> bool:
    """Pay back what the credits that are still there cost. False where none are."""
    purchase.refresh_from_db()
    left = Account.objects.values_list("balance", flat=True).get(pk=purchase.account_id)
    amount = purchase.price * min(purchase.credits, left) // purchase.credits
    if amount:
        _pay(purchase, EventType.REFUNDED, purchase.payment, amount)
        purchase.refresh_from_db()
    return bool(amount)


def _pay(purchase: Purchase, event_type: EventType, payment: str, amount: int) -> None:
    name = f"{event_type.name.lower()}-{purchase.reference}"
    payment_events.receive(PROVIDER, Event(
        name, event_type.value, event_type, reference=purchase.reference, session=purchase.session, payment=payment,
        amount=amount, currency=purchase.currency,
    ))  # fmt: skip


def redeem(member: Member, code: str) -> None:
    """Redeem a code, unless they have redeemed one before."""
    with suppress(redeem_codes.CannotRedeem):
        redeem_codes.redeem_uncounted(member.user, member.account, code)


def give(rng: random.Random, giver: Member, receiver: Member) -> None:
    """Give a few credits to another member, where the giver has many to give."""
    amount = rng.choice((5, 10, 10, 20)) * MICRO
    key = f"{rng.getrandbits(80):020x}"
    with suppress(gifts.CannotGive):
        gifts.give(giver.user, giver.account, to=receiver.username, amount=amount, key=key)
