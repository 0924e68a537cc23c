"""What staff did in a made-up month: reports, reviews, removals, sanctions, appeals, and the operator's own acts.

Everything goes through the functions that staff's own pages call, one after the other in the order of its times, so
that cases, sanctions, notices and the record tell one story. For `manage.py demo` alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Max

from accounts.models import CodeBatch, Notice, Plan, Purchase, Sanction, User
from accounts.site import site_rules
from accounts.staff import audit_log, sanctions
from config.demo.timestamps import backdated
from gallery.models import Case, Evidence, Item, Report
from gallery.moderation import appeals, cases, decisions, evidence, reasons, review
from gallery.moderation.effects import ban_effects
from predictions.lifecycle import bans as work_of_banned
from predictions.models import Prediction, PromptRule, RuleHit, Upstream

Decision, Verdict = Case.Decision, decisions.Verdict
_REPORTS: tuple[tuple[str, str], ...] = (
    ("copied", "This is my picture from March. Same pose, same backdrop. The original is in my gallery."),
    ("sexual", "Not marked as sensitive."),
    ("violence", ""),
    ("hate", "Aimed at somebody from the forum."),
    ("person", "That is my neighbour, and she was never asked."),
    ("other", "Advertises a shop on every picture."),
    ("copied", "抄袭了我上个月发布的作品。"),
    ("sexual", "应该标记为敏感内容。"),
)
_APPEALS = (
    "I painted this myself from my own sketch; I can send the sketch.",
    "My sister is the person in it, and she knows. You can ask her.",
    "这是我自己的作品，原图可以提供。",
    "I did not know that shops may not be named. I have taken the name out.",
)
_WARNED = (
    "Several pictures were published without being marked as sensitive.",
    "Advertising under others' pictures.",
)
_MUTED = ("Insults in comments after a warning.", "The same comment under forty pictures.", "反复刷屏评论。")
_BANNED = (
    "Pictures of a real person, against her will, after two warnings.",
    "A second account, to go on after a ban.",
    "Paid with a card that was not theirs.",
    "Hateful pictures, again and again.",
)
_RULES: tuple[tuple[str, str, str, str], ...] = (
    ("Names of people", "taylor swift\nelon musk\n特朗普", "flag", ""),
    ("Undressing", "undress\nremove (?:her|his) clothes\nnudify", "refuse", "Nobody is undressed here."),
    ("Children", "naked child\nnude teen", "refuse", ""),
)
_HITS = (
    (1, "undress the woman in the photo, realistic"), (1, "nudify this picture"),
    (0, "elon musk as a medieval king, oil painting"), (0, "taylor swift on stage, anime"), (2, "nude teen, beach"),
)  # fmt: skip


@dataclass
class Stage:
    """Who and what there is for staff to act upon."""

    rng: random.Random
    began: datetime
    now: datetime
    shown: Sequence[Item]
    hidden: Sequence[Item]
    last: dict[int, datetime]
    """When each member made something last, by their keys."""
    users: Sequence[User]
    moderators: Sequence[User]
    operator: User
    many: int
    """How many reported pictures there are."""
    paid_back: Sequence[tuple[datetime, Purchase]] = ()
    owners: frozenset[int] = frozenset()
    """Who owns an organisation, by their keys: they behave."""


def make(stage: Stage) -> None:
    """Let a month of staff's work happen."""
    month = _Month(stage)
    month.plan()
    month.run()
    for step in (evidence.run_once, ban_effects.run_once, work_of_banned.run_once):
        while step():
            pass
    # They are of people who do not exist: nobody is to be written to.
    Notice.objects.filter(mail_owed=True).update(mail_owed=False)


@dataclass
class _Month:
    stage: Stage
    acts: list[tuple[datetime, int, Callable[[], object]]] = field(default_factory=list)
    waiting: set[int] = field(default_factory=set)
    """Whose first pictures wait to be published, by their keys: nobody is shut out meanwhile."""

    def at(self, moment: datetime, act: Callable[[], object]) -> None:
        """Have it happen then, but never later than now."""
        self.acts.append((min(moment, self.stage.now), len(self.acts), act))

    def run(self) -> None:
        for moment, _number, act in sorted(self.acts, key=lambda one: one[:2]):
            with backdated(moment):
                act()

    def plan(self) -> None:
        """Everything, in whatever order."""
        self._house()
        self._rules()
        self._reports()
        self._waiting()
        self._conduct()

    # -- The house ----------------------------------------------------------------------------------------------------

    def _house(self) -> None:
        stage, olga = self.stage, self.stage.operator
        self.at(
            stage.began, partial(audit_log.write, None, "demo.make", reason="Made-up data, to be looked at.")
        )
        for plan in Plan.objects.order_by("pk"):
            after: dict[str, Any] = {"name": plan.name, "allowance": plan.allowance}
            act = partial(audit_log.write, olga, "plan.add", plan, detail={"before": None, "after": after})
            self.at(self._on_day(0.2), act)
        for batch in CodeBatch.objects.order_by("pk"):
            told = {"count": batch.codes.count(), "credits": batch.credits, "uses": batch.uses}
            reason = "For the art school's open day."
            self.at(
                self._on_day(0.5),
                partial(audit_log.write, olga, "codes.make", batch, reason=reason, detail=told),
            )
        self.at(self._on_day(2), self._gifts)
        for at, purchase in stage.paid_back:
            reason = stage.rng.choice(("Bought by mistake.", "Asked for within a day.", "误购。"))
            detail = {"amount": purchase.refunded, "currency": purchase.currency}
            act = partial(audit_log.write, olga, "purchase.refund", purchase, reason=reason, detail=detail)
            self.at(at, partial(act, account=purchase.account_id))
        resting = Upstream.objects.filter(paused=True).first()
        if resting is not None:
            detail = {"before": {"paused": False}, "after": {"paused": True}}
            act = partial(audit_log.write, olga, "upstream.pause", resting, detail=detail)
            self.at(stage.now - timedelta(minutes=11), partial(act, reason="503 since the morning."))

    def _on_day(self, days: float) -> datetime:
        return self.stage.began + timedelta(days=days, minutes=self.stage.rng.uniform(0, 90))

    def _gifts(self) -> None:
        rules = site_rules.change(gifts=True)
        told = {"before": {"gifts": False}, "after": {"gifts": True}}
        audit_log.write(self.stage.operator, "house.change", rules, detail=told)

    def _rules(self) -> None:
        rng, stage = self.stage.rng, self.stage
        rows: list[PromptRule] = []

        def add(name: str, text: str, action: str, words: str) -> None:
            rule = PromptRule.objects.create(
                name=name, kind="pattern" if "(?:" in text else "words", text=text.replace("\n", "|")
                if "(?:" in text else text, action=action, words=words, created_by=stage.moderators[0],
            )  # fmt: skip
            audit_log.write(stage.moderators[0], "promptrule.add", rule, detail={"after": {"action": action}})
            rows.append(rule)

        for number, row in enumerate(_RULES):
            self.at(stage.began + timedelta(hours=5 + number), partial(add, *row))

        def hits() -> None:
            RuleHit.objects.bulk_create(self._hit(rng, rows) for _ in range(stage.many))

        self.at(stage.now, hits)

    def _hit(self, rng: random.Random, rows: Sequence[PromptRule]) -> RuleHit:
        number, words = rng.choice(_HITS)
        user, rule = rng.choice(list(self.stage.users)), rows[number]
        assert user.account_id is not None
        at = self.stage.now - timedelta(hours=rng.expovariate(1 / 150))
        return RuleHit(
            what=RuleHit.What.PROMPT, rule=rule, source=rule.name, action=rule.action, user=user,
            account_id=user.account_id, excerpt=words, marks={"input": "prompt"}, created_at=at,
        )  # fmt: skip

    # -- Cases --------------------------------------------------------------------------------------------------------

    def _reports(self) -> None:
        """Two thirds were decided in the weeks before, the newest are open; some decisions were appealed against."""
        rng, stage = self.stage.rng, self.stage
        chosen = rng.sample(list(stage.shown), min(stage.many, len(stage.shown)))
        closed = len(chosen) * 2 // 3
        appealed = 0
        for number, item in enumerate(chosen):
            old = number < closed
            back = timedelta(hours=rng.uniform(20, 24 * 20))
            if not old:
                back = timedelta(minutes=3 + 11 * (number - closed) ** 1.4)
            opened = max(stage.now - back, (item.published_at or stage.now) + timedelta(minutes=1))
            case: list[int] = []
            count = 1 + (rng.random() < 0.3) * rng.randrange(1, 4)
            self.at(opened, partial(self._reported, item, count, case))
            if not old:
                continue
            decided = min(stage.now, opened + timedelta(minutes=1 + rng.expovariate(1 / 40)))
            decision = rng.choices((Decision.HIDE, Decision.ALLOW, Decision.REMOVE), (0.5, 0.4, 0.1))[0]
            if number < 2:
                # Some sealed evidence there always is.
                decision = Decision.REMOVE
            self.at(decided, partial(self._decide, case, decision))
            if decision == Decision.HIDE and appealed < 4 and decided < stage.now - timedelta(days=2):
                appealed += 1
                self._appeal(case, decided, granted=appealed % 2 == 1)
            elif decision == Decision.HIDE and appealed < 7 and decided < stage.now - timedelta(hours=4):
                appealed += 1
                self._appeal(case, stage.now - timedelta(minutes=rng.uniform(10, 200)), open_still=True)

    def _reported(self, item: Item, count: int, case: list[int]) -> None:
        rng = self.stage.rng
        reason, words = rng.choice(_REPORTS)
        known = rng.sample(list(self.stage.users), min(count + 1, len(self.stage.users)))
        others = [user for user in known if user.pk != item.user_id]
        cases.lock(item)
        for user in others[:count]:
            report = Report.objects.create(item=item, reason=reason, words=words, reporter=user)
            case.append(cases.join(report).pk)

    def _decide(self, numbers: list[int], decision: str) -> None:
        rng, case = self.stage.rng, Case.objects.get(pk=numbers[0])
        told = reasons.COPIED if case.reason == "copied" else reasons.RULES
        note = "Seen before." if rng.random() < 0.2 else ""
        verdict = Verdict(decision, message=told, note=note)
        if decision == Decision.HIDE and rng.random() < 0.4:
            verdict = Verdict(decision, message=told, note=note, sanction="warn")
        elif decision == Decision.ALLOW:
            verdict = Verdict(decision, note=note, sensitive=case.reason == "sexual")
        # What is removed for good an operator removes.
        by = self.stage.operator if decision == Decision.REMOVE else self._one()
        decisions.decide(case.pk, by, verdict)

    def _appeal(
        self, case: list[int], after: datetime, *, granted: bool = False, open_still: bool = False
    ) -> None:
        """Its owner appeals, a while after the decision; who did not decide it looks again the next day."""
        rng, made = self.stage.rng, []

        def ask() -> None:
            row = Case.objects.select_related("user", "decided_by").get(pk=case[0])
            if not appeals.is_in_effect(row):
                return
            made.append((appeals.create(row, row.user, rng.choice(_APPEALS)).pk, row.decided_by_id))

        def answer() -> None:
            for number, before in made:
                other = next(one for one in self.stage.moderators if one.pk != before)
                verdict = Verdict(Decision.RESTORE, note="The sketch is convincing.")
                if not granted:
                    verdict = Verdict(Decision.UPHOLD, message="It is the same picture, mirrored.")
                decisions.decide(number, other, verdict)

        asked = after if open_still else after + timedelta(hours=rng.uniform(1, 20))
        self.at(asked, ask)
        if not open_still:
            self.at(asked + timedelta(hours=rng.uniform(2, 20)), answer)

    def _waiting(self) -> None:
        """What nobody reported: findings of rules, and first pictures that wait to be published."""
        rng, stage = self.stage.rng, self.stage
        marks: dict[str, Any] = {"found": [{"by": "Names of people", "what": "a name on the list"}]}
        old = stage.now - timedelta(hours=2)
        free = [item for item in stage.shown if item.published_at is not None and item.published_at < old]
        for item in rng.sample(free, min(4, len(free))):
            at = stage.now - timedelta(minutes=rng.uniform(2, 90))
            self.at(at, partial(self._flag, item, marks))
        for item in rng.sample(list(stage.hidden), min(5, len(stage.hidden))):
            self.waiting.add(item.user_id)
            at = max(stage.now - timedelta(minutes=rng.uniform(5, 400)), item.created_at)
            self.at(at, partial(self._wish, item))

    def _wish(self, item: Item) -> None:
        review.request_publication(item, {"title": item.title, "tags": []})

    def _flag(self, item: Item, marks: dict[str, Any]) -> None:
        if Item.objects.filter(pk=item.pk, hidden_at__isnull=True).exists():
            cases.flag(item, description="", marks=marks)

    # -- Sanctions ----------------------------------------------------------------------------------------------------

    def _conduct(self) -> None:
        """Warnings; mutes that are over and that are in force; bans of members who made nothing since."""
        rng, stage = self.stage.rng, self.stage
        day = timedelta(days=1)
        spared, before = {*stage.owners, *self.waiting}, stage.now - day
        gone = [
            user for user in stage.users if user.pk not in spared and stage.last.get(user.pk, before) < before
        ]
        chosen = rng.sample(gone, min(14, len(gone)))
        for number, user in enumerate(chosen):
            at = stage.last[user.pk] + timedelta(minutes=rng.uniform(12, 300))
            if number % 14 < 4:
                self._ban(user, at, _BANNED[number % 4], number)
            elif number % 14 < 9:
                until = at + timedelta(days=(1, 3, 7, 14, 30)[number % 5])
                self._mute(user, at, until, rng.choice(_MUTED))
            else:
                self.at(at, partial(sanctions.warn, user, self._one(), rng.choice(_WARNED)))
        self.at(stage.now - timedelta(minutes=40), self._look_at_evidence)

    def _one(self) -> User:
        return self.stage.rng.choice(self.stage.moderators)

    def _ban(self, user: User, at: datetime, reason: str, number: int) -> None:
        """The first hides their pictures too, the second is over when its time is, the third is appealed against."""
        row: list[Sanction] = []
        ends = at + timedelta(days=2)
        self.at(at, lambda: row.append(sanctions.ban(user, self._one(), reason, hide_public=number == 0)))
        if number == 1 and ends < self.stage.now:
            self.at(at, lambda: Sanction.objects.filter(pk=row[0].pk).update(until=ends))
            self.at(ends, lambda: sanctions.lift(row[0], None, sanctions.END_PASSED))
        if number == 2:
            asked = self.stage.now - timedelta(minutes=self.stage.rng.uniform(20, 300))
            self.at(max(asked, at), lambda: appeals.create_against_sanction(
                row[0], user, "The card is my father's. He paid it, and he knows; ask him."
            ))  # fmt: skip

    def _mute(self, user: User, at: datetime, until: datetime, reason: str) -> None:
        if until > self.stage.now + timedelta(hours=1):
            self.at(at, lambda: sanctions.mute(user, self._one(), until, reason))
            return
        row: list[Sanction] = []
        self.at(at, lambda: row.append(sanctions.mute(user, self._one(), None, reason)))
        # It was for so long from the beginning; only, an end that has passed is accepted by nobody.
        self.at(at, lambda: Sanction.objects.filter(pk=row[0].pk).update(until=until))
        self.at(until, lambda: sanctions.lift(row[0], None, sanctions.END_PASSED))

    def _look_at_evidence(self) -> None:
        row = Evidence.objects.order_by("pk").first()
        if row is not None:
            evidence.open_evidence(row.pk, self.stage.operator, "The police asks for it, case 2211.")


def last_made() -> dict[int, datetime]:
    """When each member made something last, by their keys."""

    rows = Prediction.objects.order_by().values_list("user").annotate(last=Max("created_at"))
    return dict(rows)
