"""Demo scenario of `manage.py demo`: a month or more of members, predictions, credits, gallery and moderation.

One random generator draws everything, so a seed names a history; days and nights, weekends and growth have their
shape. What happens goes through the functions of pages, API and workers, under a clock set to its moment.
"""

from __future__ import annotations

import logging
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import CommandError
from django.db.models import Max
from django.utils import timezone

from accounts.credits import allowances
from accounts.models import Account, LedgerEntry, Purchase, User
from accounts.staff import audit_log, groups
from config.demo import customers, gallery_activity, prediction_history, staff_actions, stock_pictures
from config.demo.activity_times import ActivityTimes, load
from config.demo.customers import Member, Organization
from config.demo.event_queue import EventQueue
from config.demo.prediction_history import Work
from config.demo.shifted_clock import ShiftedClock
from config.demo.stock_pictures import PROMPTS, Picture
from gallery.models import Item
from predictions.catalogue import loader, samples, shipped_models
from predictions.lifecycle import messages
from predictions.models import Prediction, Price, Status, UpstreamKey
from predictions.submit import acceptance
from predictions.submit.refusals import InsufficientCredit, Refused
from predictions.submit.work_request import Request
from predictions.usage import billing_days, daily, time_series

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
Log = Callable[[str], None]


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


def make(*, months: int, seed: int, small: bool, log: Log) -> dict[str, int]:
    """Make it; returns the number of rows of each kind. The database has the catalogue and no members."""
    settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
    scale, clock = SMALL if small else FULL, ShiftedClock()
    with tempfile.TemporaryDirectory(dir=settings.TEMPORARY, prefix="demo-") as folder, _quiet():
        loader.load()
        scenario = _Scenario(months, seed, scale, log, timezone.now(), clock, Path(folder))
        with clock.running(scenario.began):
            return scenario.make()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the log lines of every payment."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


class _Scenario:
    def __init__(
        self, months: int, seed: int, scale: Scale, log: Log, now: datetime, clock: ShiftedClock, folder: Path
    ) -> None:
        self.rng = random.Random(seed)  # noqa: S311 (made-up data, not secrets)
        self.scale, self.log, self.now, self.clock, self.folder = scale, log, now, clock, folder
        self.days = 30 * months
        self.began = now - timedelta(days=self.days)
        self.months = months
        self.events = EventQueue(clock, now)
        self.times = ActivityTimes(self.rng, self.began, now)
        self.joined: list[Member] = []
        self.activity: list[float] = []
        """Sums of the activity of those who joined, for weighted choices."""
        self.created: list[datetime] = []
        """Times of the predictions."""
        self.uses = prediction_history.demo_uses()

    def make(self) -> dict[str, int]:
        ledger_rows = LedgerEntry.objects.count()
        first_item = 1 + (Item.objects.aggregate(newest=Max("pk"))["newest"] or 0)
        self.versions = prediction_history.served_versions()
        if not self.versions:
            raise CommandError("No provider serves a model, so nothing can be made. Nothing was made.")
        self.log("Painting the stock of pictures …")
        self.stock = self._stock()
        self.log("Members, plans, upstreams …")
        self._staff()
        self.shop = customers.open_shop(self.operator)
        self.keys = self._upstreams()
        self._plan_customers()
        self.log("Predictions and credits …")
        for at in self.times.series(self.scale.predictions * self.months, self.scale.predictions // 120):
            self.events.at(at, self._work)
        self.events.run()
        for organization in self.organizations:
            organization.limit_members(self.rng, self.now)
        prediction_history.sample_queue(self.times.queue_samples(self.scale.look_every, self.created))
        self.log("Gallery and moderation …")
        items = list(Item.objects.filter(pk__gte=first_item).select_related("output", "user").order_by("pk"))
        published = self._gallery(items)
        gallery_activity.settle(first_item)
        self.log("Days are summed up …")
        self._sum_up()
        return {
            "members": len(self.joined),
            "organisations": len(self.organizations),
            "predictions": len(self.created),
            "pictures": len(items),
            "published": published,
            "ledger rows": LedgerEntry.objects.count() - ledger_rows,
        }

    # -- Members, staff, upstreams -------------------------------------------------------------------------

    def _staff(self) -> None:
        groups.sync()
        found = []
        for name, display_name, group in (
            ("ada.moderates", "Ada", groups.MODERATORS),
            ("wen.moderates", "文", groups.MODERATORS),
            ("olga.operates", "Olga", groups.OPERATORS),
        ):
            email = f"{name}@demo.invalid"
            user = User.objects.create_user(
                name, email, display_name=display_name, is_staff=True, date_joined=self.began
            )
            user.groups.add(Group.objects.get(name=group))
            found.append(User.objects.get(pk=user.pk))
        self.moderators, self.operator = found[:2], found[2]
        audit_log.write(None, "demo.make", reason="Made-up data, to be looked at.")

    def _upstreams(self) -> list[tuple[float, UpstreamKey | None]]:
        main, hong_kong, spare = (
            prediction_history.upstream(name, priority=priority, rng=self.rng)
            for name, priority in (("replicate-main", 10), ("hk-gateway", 20), ("spare", 30))
        )
        self.spare = spare
        return [(0.66, main), (0.25, hong_kong), (0.05, spare), (0.04, None)]

    def _plan_customers(self) -> None:
        """When members join, found organisations, and get the allowances of each month."""
        early = self.scale.members // 3
        moments = [self.began + timedelta(minutes=number) for number in range(early)]
        moments += [self.times.one() for _ in range(self.scale.members - early)]
        members = customers.members(self.rng, sorted(moments), self.shop.plans)
        for member in members:
            self.events.at(member.joined, partial(self._join, member))
        self.organizations = list(self._planned_organizations(members))
        for month in self.times.months():
            self.events.at(month + timedelta(seconds=1), _renew_allowances)

    def _planned_organizations(self, members: list[Member]) -> Iterator[Organization]:
        """Organisations that some of those who came early found, with members who were there by then."""
        early, names = members[: max(2, len(members) // 2)], customers.ORGANIZATIONS
        for name, owner in zip(names, self.rng.sample(early, min(len(names), len(early) // 2)), strict=False):
            since = owner.joined + timedelta(days=self.rng.uniform(0.5, 4))
            present = [member for member in members if member.joined < since and member is not owner]
            if since > self.now - timedelta(days=1) or not present:
                continue
            others = self.rng.sample(present, min(len(present), self.rng.randrange(2, 8)))
            organization = Organization(name, owner, others)
            self.events.at(since, organization.found)
            for member in (owner, *others):
                member.organization = organization
            yield organization

    def _join(self, member: Member) -> None:
        member.join()
        self.joined.append(member)
        self.activity.append((self.activity[-1] if self.activity else 0.0) + member.activity)

    # -- Predictions ---------------------------------------------------------------------------------------

    def _stock(self) -> dict[str, list[Picture]]:
        painted = []
        for number in range(self.scale.paintings):
            width, height = _SIZES[number % len(_SIZES)]
            prompt = PROMPTS[number % len(PROMPTS)]
            given = {"prompt": prompt, "width": width, "height": height, "seed": number + 1}
            painted.append(stock_pictures.paint(SD, {**given, "num_inference_steps": 20}, self.folder))
        stock = dict.fromkeys(self.versions, painted)
        for model in shipped_models.all_models():
            sample = samples.for_model(model.ref)
            if model.ref in stock and model.price.unit == Price.Unit.RUN and sample is not None:
                path = Path(settings.BASE_DIR) / "static" / sample.output
                stock[model.ref] = [stock_pictures.from_file(sample.words, path, self.folder)]
        return stock

    def _work(self) -> None:
        """A member makes something; now and then they give credits to another first."""
        if not self.joined:
            return
        rng = self.rng
        member = rng.choices(self.joined, cum_weights=self.activity)[0]
        other = rng.choice(self.joined)
        if rng.random() < 0.012 and member is not other:
            customers.give(rng, member, other)
        ref = rng.choices(list(self.versions), [self.uses[ref].weight for ref in self.versions])[0]
        picture = rng.choice(self.stock[ref])
        version, count = self.versions[ref], 1
        example = version.example_input
        required = {
            name: example[name] for name in version.input_schema.get("required", ()) if name in example
        }
        given: dict[str, Any] = {**required, "prompt": picture.prompt, "seed": rng.randrange(1, 2**31)}
        if "num_outputs" in version.properties:
            count = given["num_outputs"] = rng.choice((1, 1, 2, 4))
        account = self._account(member)
        source: Literal["api", "web"] = "web" if rng.random() < 0.7 else "api"
        request = Request(
            account=account, user=member.user, version=self.versions[ref], input=given, source=source
        )
        prediction = self._accepted(request, member)
        if prediction is not None:
            pictures = [picture, *(rng.choice(self.stock[ref]) for _ in range(count - 1))]
            self._plan(prediction, ref, pictures)

    def _account(self, member: Member) -> Account:
        """Their own, or often that of their organisation, where they have one."""
        account = member.organization.account if member.organization is not None else None
        return member.account if account is None or self.rng.random() > 0.7 else account

    def _accepted(self, request: Request, member: Member) -> Prediction | None:
        """The waiting prediction; None where they have too few credits and get none."""
        try:
            return acceptance.accept(request)
        except InsufficientCredit:
            drawn = self.rng.random()
        if drawn < 0.42:
            self._buy(member, request.account)
        elif drawn < 0.50 and self.shop.codes and request.account == member.account:
            customers.redeem(member, self.shop.codes.pop())
        else:
            return None
        try:
            return acceptance.accept(request)
        except Refused:
            return None

    def _buy(self, member: Member, account: Account) -> None:
        """A pack; now and then it is paid back. For an organisation its owner buys, and larger ones."""
        is_own = account == member.account or member.organization is None
        buyer = member if is_own or member.organization is None else member.organization.owner
        pack = self.rng.choices(self.shop.packs, (0.6, 0.32, 0.08) if is_own else (0.0, 0.5, 0.5))[0]
        purchase = customers.buy(self.rng, buyer.user, account, pack)
        back = self.clock.now() + timedelta(hours=self.rng.uniform(1, 30))
        if self.rng.random() < 0.05 and back < self.now:
            self.events.at(back, partial(self._refund, purchase))

    def _refund(self, purchase: Purchase) -> None:
        if customers.refund(purchase):
            self.shop.refunds.append((self.clock.now(), purchase))

    def _plan(self, prediction: Prediction, ref: str, pictures: list[Picture]) -> None:
        """Draw who works on it, for how long, and what comes of it; have it start and end."""
        rng, use, at = self.rng, self.uses[ref], self.clock.now()
        key = rng.choices([key for _, key in self.keys], [share for share, _ in self.keys])[0]
        slow = 2.6 if key is not None and key.upstream.name == "hk-gateway" else 1.0
        status, error = self._fate(key)
        is_paid = status == Status.SUCCEEDED or (status == Status.FAILED and rng.random() < 0.3)
        cost = int(prediction.ceiling * use.cost_share * rng.uniform(0.94, 1.06)) if is_paid else 0
        seconds = use.seconds * slow * rng.lognormvariate(0, 0.3)
        work = Work(
            prediction, key, status, seconds, error, cost, pictures if status == Status.SUCCEEDED else []
        )
        started = at + timedelta(seconds=0.3 + rng.expovariate(1 / (0.6 + 14 * load(at) ** 3)))
        self.created.append(at)
        self.events.running += 1
        self.events.at(started, partial(prediction_history.start, work))
        self.events.at(started + timedelta(seconds=seconds), partial(self._end, work))

    def _end(self, work: Work) -> None:
        prediction_history.end(work)
        self.events.running -= 1

    def _fate(self, key: UpstreamKey | None) -> tuple[str, str]:
        fails = 0.2 if key is not None and key.upstream.name == "spare" else 0.011
        drawn = self.rng.random()
        if drawn < fails:
            shares, texts = zip(*_FAILURES, strict=True)
            return Status.FAILED, self.rng.choices(texts, shares)[0]
        return (Status.CANCELED if drawn < fails + 0.012 else Status.SUCCEEDED), ""

    def _pause_spare(self) -> None:
        prediction_history.pause(self.spare)
        changes = {"before": {"paused": False}, "after": {"paused": True}}
        reason = "503 since the morning."
        audit_log.write(self.operator, "upstream.pause", self.spare.upstream, reason=reason, detail=changes)

    # -- Gallery and staff ---------------------------------------------------------------------------------

    def _gallery(self, items: list[Item]) -> int:
        """What happens to the items; the number of those published."""
        rng, users = self.rng, [member.user for member in self.joined]
        public = gallery_activity.publish(self.events, rng, items)
        if public:
            gallery_activity.react(self.events, rng, public, users, self.scale.likes)
        self.events.run()
        gallery_activity.follow(rng, users)
        last = staff_actions.last_predictions()
        for user in users:
            user.last_login = last.get(user.pk, user.last_login)
        User.objects.bulk_update(users, ["last_login"], batch_size=500)
        self.events.at(self.now - timedelta(minutes=11), self._pause_spare)
        self.events.at(self.now, partial(prediction_history.fail, self.spare))
        published = {item.pk for _at, item in public}
        staff_actions.make(staff_actions.Scene(
            self.events, rng, self.began, public, [item for item in items if item.pk not in published], last, users,
            self.moderators, self.operator, self.scale.cases, self.shop.refunds,
            frozenset(organization.owner.user.pk for organization in self.organizations),
        ))  # fmt: skip
        self.clock.set(self.now)
        staff_actions.stop_mail()
        gallery_activity.announce()
        return len(public)

    def _sum_up(self) -> None:
        """Every day of the history, for good; today as it is until now."""
        day = billing_days.today()
        for back in range(self.days + 2):
            daily.aggregate_day(day - timedelta(days=back), closed=back > 1)
        daily.make_all_due()
        assert time_series.aggregated_at() is not None


def _renew_allowances() -> None:
    while allowances.run_once():
        pass
