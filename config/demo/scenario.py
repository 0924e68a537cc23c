"""A month or more of made-up history for looking at: who came, what they made, paid, liked, reported. `manage.py demo`.

Everything is drawn from one generator, so a seed names a history; days and nights, weekends and growth have their
shape, and the credits of every member are followed from movement to movement, so that the ledger adds up.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import MICRO, LedgerEntry, Purchase, User
from accounts.site import site_rules
from accounts.staff import groups
from config.demo import customers as members
from config.demo import gallery_activity as gallery
from config.demo import ledger_entries as ledger
from config.demo import prediction_history as work
from config.demo import staff_actions
from config.demo.customers import Member
from config.demo.ledger_entries import Movement
from config.demo.prediction_history import PROMPTS, Made, Stock
from predictions.catalogue import loader, samples, shipped_models
from predictions.lifecycle import messages
from predictions.models import Price, Status, UpstreamKey
from predictions.pricing import calculator
from predictions.usage import billing_days, time_series
from predictions.usage import daily as summing

SD = "stability-ai/stable-diffusion"
"""Paints the stock of pictures."""
_FAILURES: tuple[tuple[float, str], ...] = (
    (0.44, "The upstream stopped: connection reset by peer."),
    (0.27, messages.TOO_LONG),
    (0.19, "NSFW content detected in all outputs. Try different prompts."),
    (0.08, "Input validation error: width must be a multiple of 8."),
    (0.02, messages.QUARANTINED),
)
_SIZES = ((640, 448), (448, 640), (512, 512), (704, 384), (576, 448))
Told = Callable[[str], None]


@dataclass(frozen=True)
class Scale:
    """How much of everything there is."""

    members: int
    predictions: int
    paintings: int
    likes: int
    cases: int
    look_every: timedelta


FULL = Scale(380, 9000, 40, 9000, 34, timedelta(minutes=3))
SMALL = Scale(60, 700, 10, 500, 18, timedelta(minutes=10))


def make(*, months: int, seed: int, small: bool, say: Told) -> dict[str, int]:
    """Make it; how much of what there is then. The database has the catalogue and nobody in it."""
    return _Month(months, seed, SMALL if small else FULL, say).make()


class _Month:
    def __init__(self, months: int, seed: int, scale: Scale, say: Told) -> None:
        self.rng = random.Random(seed)  # noqa: S311 (made-up data, not secrets)
        self.scale, self.say = scale, say
        self.now = timezone.now()
        self.days = 30 * months
        self.began = self.now - timedelta(days=self.days)
        self.many = scale.predictions * months
        self.movements: list[Movement] = []
        self.uses = {one.ref: one.demo for one in shipped_models.all_models() if one.demo is not None}
        self.balance: dict[int, int] = {}
        self.ending: list[tuple[datetime, str, Callable[[], Movement]]] = []
        """What is to come at its time: settlements, and payments back."""
        self.paid_back: list[tuple[datetime, Purchase]] = []

    def make(self) -> dict[str, int]:
        loader.load()
        self.say("Painting the stock of pictures …")
        self.stock = self._stock()
        self.say("Members, plans, upstreams …")
        people = self._people()
        moderators, operator = self._staff()
        keys = self._upstreams()
        self.say("Predictions and credits …")
        self.clubs = members.clubs(self.rng, people, self.now)
        self.club_of = {one.user.pk: club for club in self.clubs for one in (club.owner, *club.members)}
        made = self._history(people, keys)
        ledger.write(self.movements)
        members.limit_some(self.rng, self.clubs, self.now)
        done = work.write(made)
        work.sum_upstream_days()
        work.looks(self._looks(made))
        self.say("Gallery and moderation …")
        items = gallery.items(done, self.rng, share=0.24)
        shown = [item for item in items if item.visibility == item.Visibility.PUBLIC]
        hidden = [item for item in items if item.visibility == item.Visibility.PRIVATE]
        users = [one.user for one in people]
        if shown:
            gallery.liked(self.rng, shown, users, self.scale.likes)
            last = staff_actions.last_made()
            User.objects.bulk_update(_seen(users, last), ["last_login"], batch_size=500)
            staff_actions.make(staff_actions.Stage(
                self.rng, self.began, self.now, shown, hidden, last, users, moderators, operator, self.scale.cases,
                self.paid_back, frozenset(club.owner.user.pk for club in self.clubs),
            ))  # fmt: skip
        gallery.announce()
        self.say("Days are summed up …")
        self._sum_up()
        return {
            "members": len(people),
            "organisations": len(self.clubs),
            "predictions": len(made),
            "pictures": len(items),
            "published": len(shown),
            "ledger rows": len(self.movements),
        }

    # -- Who is there ------------------------------------------------------------------------------------

    def _people(self) -> list[Member]:
        early = self.scale.members // 3
        moments = [self.began + timedelta(minutes=number) for number in range(early)]
        moments += [self._moment() for _ in range(self.scale.members - early)]
        people = members.people(self.rng, sorted(moments))
        self.shop = members.shop(self.rng, self.began)
        months = _months(self.began, self.now)
        for one in people:
            self._move(members.welcome(one, site_rules.welcome_credits()))
            if self.rng.random() < 0.22:
                plan = self.shop.plans[self.rng.random() < 0.3]
                since = one.joined + timedelta(minutes=10)
                self.movements += members.put_on_plan(one, plan, min(since, self.now), months)
        # Allowances come on their days, not at once.
        self.later = sorted(
            (one for one in self.movements if one.kind == LedgerEntry.Kind.ALLOWANCE), key=lambda one: one.at
        )
        return people

    def _staff(self) -> tuple[list[User], User]:
        found = []
        groups.sync()
        for name, shown, group in (
            ("ada.moderates", "Ada", groups.MODERATORS),
            ("wen.moderates", "文", groups.MODERATORS),
            ("olga.operates", "Olga", groups.OPERATORS),
        ):
            user = User.objects.create_user(name, f"{name}@demo.invalid", display_name=shown, is_staff=True)
            user.groups.add(Group.objects.get(name=group))
            found.append(User.objects.get(pk=user.pk))
        return found[:2], found[2]

    def _upstreams(self) -> list[tuple[float, UpstreamKey | None]]:
        main = work.upstream("replicate-main", priority=10, rng=self.rng)
        hong_kong = work.upstream("hk-gateway", priority=20, rng=self.rng)
        spare = work.upstream("spare", priority=30, rng=self.rng, rests_until=self.now + timedelta(minutes=4))
        return [(0.66, main), (0.25, hong_kong), (0.05, spare), (0.04, None)]

    # -- What they made -----------------------------------------------------------------------------------

    def _stock(self) -> dict[str, list[Stock]]:
        painted = []
        for number in range(self.scale.paintings):
            width, height = _SIZES[number % len(_SIZES)]
            given = {
                "prompt": PROMPTS[number % len(PROMPTS)],
                "width": width,
                "height": height,
                "seed": number + 1,
            }
            painted.append(work.paint(SD, {**given, "num_inference_steps": 20}))
        stock = dict.fromkeys(self.uses, painted)
        for model in shipped_models.all_models():
            sample = samples.for_model(model.ref)
            if model.ref in stock and model.price.unit == Price.Unit.RUN and sample is not None:
                path = Path(settings.BASE_DIR) / "static" / sample.output
                stock[model.ref] = [work.from_file(sample.words, path)]
        return stock

    def _history(self, people: list[Member], keys: list[tuple[float, UpstreamKey | None]]) -> list[Made]:
        versions = work.versions()
        refs = [ref for ref in self.uses if ref in versions]
        weights = [self.uses[ref].weight for ref in refs]
        made = []
        # A few come again soon after: people make series.
        for at in self._moments():
            self._settle_until(at)
            here = [one for one in people if one.joined < at - timedelta(minutes=1)]
            if not here:
                continue
            one = self.rng.choices(here, [who.eager for who in here])[0]
            if self.rng.random() < 0.012:
                self._give(one, self.rng.choice(here), at)
            one = self._acting(one, at)
            ref = self.rng.choices(refs, weights)[0]
            found = self._one(one, ref, versions[ref], at, keys)
            if found is not None:
                made.append(found)
        self._settle_until(self.now + timedelta(days=1))
        return made

    def _one(
        self, one: Member, ref: str, known: Any, at: datetime, keys: list[tuple[float, UpstreamKey | None]]
    ) -> Made | None:
        _model, version, price = known
        use = self.uses[ref]
        many = (
            self.rng.choice((1, 1, 2, 4))
            if "num_outputs" in version.input_schema.get("properties", {})
            else 1
        )
        picture = self.rng.choice(self.stock[ref])
        given: dict[str, Any] = {"prompt": picture.prompt, "seed": self.rng.randrange(1, 2**31)}
        if many > 1:
            given["num_outputs"] = many
        ceiling = calculator.ceiling(price, version, given)
        if not self._can_pay(one, ceiling, at):
            return None
        key = self.rng.choices([key for _, key in keys], [share for share, _ in keys])[0]
        slow = 2.6 if key is not None and key.upstream.name == "hk-gateway" else 1.0
        wait = 0.3 + self.rng.expovariate(1 / (0.6 + 14 * _load(at) ** 3))
        took = use.seconds * slow * self.rng.lognormvariate(0, 0.3)
        started = at + timedelta(seconds=wait)
        ended = started + timedelta(seconds=took)
        if ended >= self.now:
            return None
        status, error = self._fate(key)
        charge = ceiling if status == Status.SUCCEEDED else 0
        public_id = "".join(self.rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=26))
        self._move(Movement(at, one.account.pk, "hold", public_id, -ceiling, ceiling, member_id=one.user.pk))
        settle = Movement(
            ended, one.account.pk, "settle", public_id, ceiling - charge, -ceiling, charge, ceiling - charge,
            member_id=one.user.pk,
        )  # fmt: skip
        heapq.heappush(self.ending, (ended, public_id, lambda: settle))
        cost = int(ceiling * use.cost_share * self.rng.uniform(0.94, 1.06)) if key is not None else 0
        worked = status == Status.SUCCEEDED or (status == Status.FAILED and self.rng.random() < 0.3)
        return Made(
            public_id=public_id, account=one.account, user=one.user, version=version, price=price, input=given,
            status=status, created_at=at, started_at=started, completed_at=ended, ceiling=ceiling, charge=charge,
            error=error, source="web" if self.rng.random() < 0.7 else "api", cost=cost if worked else 0, key=key,
            pictures=[self.rng.choice(self.stock[ref]) if index else picture for index in range(many)]
            if status == Status.SUCCEEDED else [],
        )  # fmt: skip

    def _fate(self, key: UpstreamKey | None) -> tuple[str, str | None]:
        fails = 0.011 if key is None or key.upstream.name != "spare" else 0.2
        drawn = self.rng.random()
        if drawn < fails:
            shares, texts = zip(*_FAILURES, strict=True)
            return Status.FAILED, self.rng.choices(texts, shares)[0]
        return (Status.CANCELED, None) if drawn < fails + 0.012 else (Status.SUCCEEDED, None)

    # -- Credits ------------------------------------------------------------------------------------------

    def _move(self, movement: Movement) -> None:
        self.movements.append(movement)
        self._note(movement)

    def _note(self, movement: Movement) -> None:
        account = movement.account_id
        self.balance[account] = self.balance.get(account, 0) + movement.balance_delta

    def _settle_until(self, at: datetime) -> None:
        while self.ending and self.ending[0][0] <= at:
            self._move(heapq.heappop(self.ending)[2]())
        while self.later and self.later[0].at <= at:
            self._note(self.later.pop(0))

    def _can_pay(self, one: Member, amount: int, at: datetime) -> bool:
        """Whether they have it, or get it: by a pack, a code, or as a gift."""
        if self.balance.get(one.account.pk, 0) >= amount:
            return True
        just_before = at - timedelta(seconds=30)
        if just_before <= one.joined:
            return False
        drawn = self.rng.random()
        if drawn < 0.42:
            self._buy(one, just_before)
        elif drawn < 0.50 and self.shop.codes:
            self._move(members.redeem(one, self.shop.codes.pop(), self.shop.worth, just_before))
        return self.balance.get(one.account.pk, 0) >= amount

    def _acting(self, one: Member, at: datetime) -> Member:
        """For themselves, or often for their organisation, where they have one."""
        club = self.club_of.get(one.user.pk)
        if club is None or at < club.since or self.rng.random() > 0.7:
            return one
        return replace(one, account=club.account, joined=club.since)

    def _buy(self, one: Member, at: datetime) -> None:
        """A pack; now and then it is paid back. For an organisation its owner buys, and more at once."""
        club = self.club_of.get(one.user.pk)
        of_club = club is not None and club.account.pk == one.account.pk
        if club is not None and of_club:
            one = replace(club.owner, account=club.account)
        weights = (0.0, 0.5, 0.5) if of_club else (0.6, 0.32, 0.08)
        row, movement = members.buy(self.rng, one, self.rng.choices(self.shop.packs, weights)[0], at)
        self._move(movement)
        back = at + timedelta(hours=self.rng.uniform(1, 30))
        if self.rng.random() < 0.05 and back < self.now:
            heapq.heappush(self.ending, (back, row.reference, lambda: self._pay_back(row, back)))

    def _pay_back(self, row: Purchase, at: datetime) -> Movement:
        self.paid_back.append((at, row))
        movement = members.pay_back(row, min(row.credits, self.balance.get(row.account_id, 0)), at)
        return movement

    def _give(self, one: Member, other: Member, at: datetime) -> None:
        """A few credits for another member, where there are many."""
        amount = self.rng.choice((5, 10, 10, 20)) * MICRO
        if one is not other and self.balance.get(one.account.pk, 0) > 2 * amount:
            for movement in members.give(self.rng, one, other, amount, at):
                self._move(movement)

    # -- Time ---------------------------------------------------------------------------------------------

    def _moments(self) -> list[datetime]:
        found: list[datetime] = []
        while len(found) < self.many:
            at = self._moment()
            found.append(at)
            # People make series.
            while self.rng.random() < 0.45 and len(found) < self.many:
                at += timedelta(seconds=20 + self.rng.expovariate(1 / 60))
                if at < self.now - timedelta(minutes=2):
                    found.append(at)
        # Whatever the hour is, the table of the last hour is looked at.
        found += [
            self.now - timedelta(minutes=self.rng.uniform(2, 62))
            for _ in range(self.scale.predictions // 120)
        ]
        return sorted(found)

    def _moment(self) -> datetime:
        """A time of the period: more by day than by night, more at weekends, more from week to week."""
        while True:
            share = self.rng.random()
            at = self.began + timedelta(days=self.days) * share
            grown = 0.55 + 0.45 * share
            weekend = 1.0 if at.weekday() >= 5 else 0.82
            if self.rng.random() < _load(at) * grown * weekend:
                return at

    def _looks(self, made: list[Made]) -> Iterator[tuple[datetime, int, int, int]]:
        """How the queue stood, shaped by the hour and by what was made around then."""
        rng, at, drift = random.Random(self.rng.random()), self.began, 0.0  # noqa: S311
        starts = sorted(one.created_at for one in made)
        near = 0
        while at < self.now:
            before = near
            while near < len(starts) and starts[near] < at:
                near += 1
            drift = 0.86 * drift + rng.gauss(0, 0.06)
            rush = max(0.0, _load(at) - 0.42 + drift)
            evening = math.exp(-(((at.hour + at.minute / 60 - 20.2) / 1.1) ** 2)) * 34
            waiting = max(0, round(46 * rush**1.4 + evening * (0.8 + drift) + 0.5 * (near - before)))
            yield (
                at,
                waiting,
                min(28, 2 + round(30 * _load(at))),
                int(900 + 620 * waiting * rng.uniform(0.85, 1.15)),
            )
            at += self.scale.look_every

    def _sum_up(self) -> None:
        """Every day of the history, for good; today as it is until now."""
        day = billing_days.today()
        for back in range(self.days + 2):
            summing.aggregate_day(day - timedelta(days=back), closed=back > 1)
        summing.make_all_due()
        assert time_series.aggregated_at() is not None


def _load(at: datetime) -> float:
    """How awake the world is, from 0 to 1: quiet in the small hours, busy in the afternoon and the evening."""
    hour = at.hour + at.minute / 60
    day = 0.5 - 0.5 * math.cos((hour - 3.5) / 24 * 2 * math.pi)
    evening = math.exp(-(((hour - 20) / 2.6) ** 2))
    return min(1.0, 0.08 + 0.62 * day**1.3 + 0.3 * evening)


def _seen(users: list[User], last: dict[int, datetime]) -> list[User]:
    """Those who made something, who were here then."""
    found = [user for user in users if user.pk in last]
    for user in found:
        user.last_login = last[user.pk]
    return found


def _months(first: datetime, last: datetime) -> list[datetime]:
    """The first moment of each month between, in the billing zone."""
    zone = site_rules.billing_zone()
    at = first.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = []
    while at <= last:
        found.append(at)
        at = (at + timedelta(days=32)).replace(day=1)
    return [month for month in found if month > first]
