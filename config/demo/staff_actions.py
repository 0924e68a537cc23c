"""Demo staff actions: rules, reports, reviews, removals, sanctions and appeals, by the functions of the staff pages."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Max

from accounts.models import Notice, Purchase, User
from accounts.staff import audit_log, sanctions
from config.demo.event_queue import EventQueue
from gallery.models import Case, Evidence, Item
from gallery.moderation import appeals, cases, decisions, evidence, reasons, review
from gallery.moderation.effects import ban_effects
from gallery.social import abuse_reports
from predictions.files import removal
from predictions.lifecycle import bans
from predictions.models import Prediction, PromptRule, RuleHit

Decision, Verdict = Case.Decision, decisions.Verdict
_MOMENT = timedelta(seconds=1)
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
class Scene:
    """What there is for staff to act upon."""

    events: EventQueue
    rng: random.Random
    began: datetime
    public: Sequence[tuple[datetime, Item]]
    """Published items, with the times."""
    private: Sequence[Item]
    last: dict[int, datetime]
    """Time of each member's last prediction, by primary key."""
    users: Sequence[User]
    moderators: Sequence[User]
    operator: User
    cases: int
    """How many items are reported."""
    refunds: Sequence[tuple[datetime, Purchase]] = ()
    owners: frozenset[int] = frozenset()
    """Primary keys of members who own an organisation: none of them is banned or muted."""

    @property
    def now(self) -> datetime:
        """The end of the demo's history."""
        return self.events.end


def make(scene: Scene) -> None:
    """Run the staff actions of the whole history, and the jobs that follow from them."""
    _StaffActions(scene).plan()
    scene.events.run()
    for job in (evidence.run_once, ban_effects.run_once, bans.run_once, removal.remove_unowned):
        while job():
            pass


def stop_mail() -> None:
    """No mail goes to people who do not exist."""
    Notice.objects.filter(mail_owed=True, user__email__endswith="@demo.invalid").update(mail_owed=False)


@dataclass
class _StaffActions:
    scene: Scene
    waiting: set[int] = field(default_factory=set)
    """Primary keys of members whose first items wait for a review: they are not banned meanwhile."""

    def plan(self) -> None:
        """Add all events, in any order."""
        self._refunds()
        self._rules()
        self._reports()
        self._reviews()
        self._sanctions()

    def _refunds(self) -> None:
        scene = self.scene
        for at, purchase in scene.refunds:
            reason = scene.rng.choice(("Bought by mistake.", "Asked for within a day.", "误购。"))
            detail = {"amount": purchase.refunded, "currency": purchase.currency}
            write = partial(audit_log.write, scene.operator, "purchase.refund", purchase, reason=reason)
            scene.events.at(at, partial(write, account=purchase.account_id, detail=detail))

    def _rules(self) -> None:
        rng, scene = self.scene.rng, self.scene
        rows: list[PromptRule] = []

        def add(name: str, text: str, action: str, words: str) -> None:
            is_pattern = "(?:" in text
            rule = PromptRule.objects.create(
                name=name, kind="pattern" if is_pattern else "words", action=action, words=words,
                text=text.replace("\n", "|") if is_pattern else text, created_by=scene.moderators[0],
            )  # fmt: skip
            audit_log.write(scene.moderators[0], "promptrule.add", rule, detail={"after": {"action": action}})
            rows.append(rule)

        for number, row in enumerate(_RULES):
            scene.events.at(scene.began + timedelta(hours=5 + number), partial(add, *row))

        def hits() -> None:
            RuleHit.objects.bulk_create(self._hit(rng, rows) for _ in range(scene.cases))

        scene.events.at(scene.now, hits)

    def _hit(self, rng: random.Random, rows: Sequence[PromptRule]) -> RuleHit:
        number, excerpt = rng.choice(_HITS)
        user, rule = rng.choice(self.scene.users), rows[number]
        assert user.account_id is not None
        at = self.scene.now - timedelta(hours=rng.expovariate(1 / 150))
        return RuleHit(
            what=RuleHit.What.PROMPT, rule=rule, source=rule.name, action=rule.action, user=user,
            account_id=user.account_id, excerpt=excerpt, marks={"input": "prompt"}, created_at=at,
        )  # fmt: skip

    def _reports(self) -> None:
        """Two thirds are decided in the weeks before, the newest are open; some decisions are appealed against."""
        rng, scene = self.scene.rng, self.scene
        chosen = rng.sample(list(scene.public), min(scene.cases, len(scene.public)))
        closed = len(chosen) * 2 // 3
        appealed = 0
        for number, (published, item) in enumerate(chosen):
            is_old = number < closed
            back = timedelta(hours=rng.uniform(20, 24 * 20))
            if not is_old:
                back = timedelta(minutes=3 + 11 * (number - closed) ** 1.4)
            opened = max(scene.now - back, published + timedelta(minutes=1))
            case: list[int] = []
            count = 1 + (rng.random() < 0.3) * rng.randrange(1, 4)
            scene.events.at(opened, partial(self._report, item, count, case))
            if not is_old:
                continue
            decided = min(scene.now, opened + timedelta(minutes=1 + rng.expovariate(1 / 40)))
            decision = rng.choices((Decision.HIDE, Decision.ALLOW, Decision.REMOVE), (0.5, 0.4, 0.1))[0]
            if number < 2:
                # Some sealed evidence there always is.
                decision = Decision.REMOVE
            scene.events.at(decided, partial(self._decide, case, decision))
            if decision == Decision.HIDE and appealed < 4 and decided < scene.now - timedelta(days=2):
                appealed += 1
                self._appeal(case, decided, granted=appealed % 2 == 1)
            elif decision == Decision.HIDE and appealed < 7 and decided < scene.now - timedelta(hours=4):
                appealed += 1
                self._appeal(case, scene.now - timedelta(minutes=rng.uniform(10, 200)), is_open=True)

    def _report(self, item: Item, count: int, case: list[int]) -> None:
        rng = self.scene.rng
        reason, text = rng.choice(_REPORTS)
        sample = rng.sample(list(self.scene.users), min(count + 1, len(self.scene.users)))
        for user in [user for user in sample if user.pk != item.user_id][:count]:
            abuse_reports.report(item, abuse_reports.Reporter(user), reason, text)
        opened = cases.open_case(item, Case.Kind.REPORT)
        case.extend([opened.pk] if opened is not None else [])

    def _decide(self, case: list[int], decision: str) -> None:
        rng, row = self.scene.rng, Case.objects.get(pk=case[0])
        told = reasons.COPIED if row.reason == "copied" else reasons.RULES
        note = "Seen before." if rng.random() < 0.2 else ""
        verdict = Verdict(decision, message=told, note=note)
        if decision == Decision.HIDE and rng.random() < 0.4:
            verdict = Verdict(decision, message=told, note=note, sanction="warn")
        elif decision == Decision.ALLOW:
            verdict = Verdict(decision, note=note, sensitive=row.reason == "sexual")
        # Only operators remove for good.
        by = self.scene.operator if decision == Decision.REMOVE else self._moderator()
        decisions.decide(row.pk, by, verdict)

    def _appeal(
        self, case: list[int], after: datetime, *, granted: bool = False, is_open: bool = False
    ) -> None:
        """Its owner appeals, a while after the decision; another moderator answers the next day."""
        rng, made = self.scene.rng, []

        def appeal() -> None:
            row = Case.objects.select_related("user", "decided_by").get(pk=case[0])
            if appeals.is_in_effect(row):
                made.append((appeals.create(row, row.user, rng.choice(_APPEALS)).pk, row.decided_by_id))

        def answer() -> None:
            for number, before in made:
                other = next(user for user in self.scene.moderators if user.pk != before)
                verdict = Verdict(Decision.RESTORE, note="The sketch is convincing.")
                if not granted:
                    verdict = Verdict(Decision.UPHOLD, message="It is the same picture, mirrored.")
                decisions.decide(number, other, verdict)

        at = after if is_open else after + timedelta(hours=rng.uniform(1, 20))
        self.scene.events.at(at, appeal)
        if not is_open:
            self.scene.events.at(at + timedelta(hours=rng.uniform(2, 20)), answer)

    def _reviews(self) -> None:
        """Cases that nobody reported: findings of rules, and first items that wait for a review."""
        rng, scene = self.scene.rng, self.scene
        marks: dict[str, Any] = {"found": [{"by": "Names of people", "what": "a name on the list"}]}
        old = scene.now - timedelta(hours=2)
        free = [item for published, item in scene.public if published < old]
        for item in rng.sample(free, min(4, len(free))):
            at = scene.now - timedelta(minutes=rng.uniform(2, 90))
            scene.events.at(at, partial(self._flag, item, marks))
        for item in rng.sample(list(scene.private), min(5, len(scene.private))):
            self.waiting.add(item.user_id)
            at = max(scene.now - timedelta(minutes=rng.uniform(5, 400)), item.created_at)
            request = {"title": item.title, "tags": []}
            scene.events.at(at, partial(review.request_publication, item, request))

    def _flag(self, item: Item, marks: dict[str, Any]) -> None:
        if Item.objects.filter(pk=item.pk, hidden_at__isnull=True).exists():
            cases.flag(item, description="", marks=marks)

    def _sanctions(self) -> None:
        """Warnings; mutes that are over and that are in force; bans of members who made nothing since."""
        rng, scene = self.scene.rng, self.scene
        spared, before = {*scene.owners, *self.waiting}, scene.now - timedelta(days=1)
        gone = [
            user for user in scene.users if user.pk not in spared and scene.last.get(user.pk, before) < before
        ]
        for number, user in enumerate(rng.sample(gone, min(14, len(gone)))):
            at = scene.last[user.pk] + timedelta(minutes=rng.uniform(12, 300))
            if number < 4:
                self._ban(user, at, _BANNED[number], number)
            elif number < 9:
                until = at + timedelta(days=(1, 3, 7, 14, 30)[number % 5])
                self._mute(user, at, until, rng.choice(_MUTED))
            else:
                scene.events.at(at, partial(sanctions.warn, user, self._moderator(), rng.choice(_WARNED)))
        scene.events.at(scene.now - timedelta(minutes=40), self._open_evidence)

    def _moderator(self) -> User:
        return self.scene.rng.choice(self.scene.moderators)

    def _ban(self, user: User, at: datetime, reason: str, number: int) -> None:
        """The first hides their items too, the second ends when its time is over, the third is appealed against."""
        events, by = self.scene.events, self._moderator()
        until = at + timedelta(days=2) if number == 1 else None
        events.at(at, partial(sanctions.ban, user, by, reason, until=until, hide_public=number == 0))
        if until is not None and until < events.end:
            events.at(until + _MOMENT, sanctions.lift_ended)
        if number == 2:
            asked = events.end - timedelta(minutes=self.scene.rng.uniform(20, 300))
            events.at(max(asked, at + _MOMENT), partial(self._appeal_ban, user))

    def _appeal_ban(self, user: User) -> None:
        ban = sanctions.ban_of(user)
        assert ban is not None
        appeals.create_against_sanction(
            ban, user, "The card is my father's. He paid it, and he knows; ask him."
        )

    def _mute(self, user: User, at: datetime, until: datetime, reason: str) -> None:
        events, by = self.scene.events, self._moderator()
        events.at(at, partial(sanctions.mute, user, by, until, reason))
        if until < events.end:
            events.at(until + _MOMENT, sanctions.lift_ended)

    def _open_evidence(self) -> None:
        row = Evidence.objects.order_by("pk").first()
        if row is not None:
            evidence.open_evidence(row.pk, self.scene.operator, "The police asks for it, case 2211.")


def last_predictions() -> dict[int, datetime]:
    """Time of each member's last prediction, by primary key."""
    rows = Prediction.objects.order_by().values_list("user").annotate(last=Max("created_at"))
    return dict(rows)
