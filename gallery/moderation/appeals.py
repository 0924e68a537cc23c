"""Appeals: a member may appeal once against each decision or sanction about them; a moderator decides again."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import Sanction, User
from accounts.organizations import management
from gallery import safe_text
from gallery.models import Case, Item
from gallery.moderation import cases, upload_cases

LONGEST = 2000
"""Characters of an appeal's text."""
AGAINST = (Case.Decision.HIDE, Case.Decision.REMOVE, Case.Decision.REFUSE)
"""Decisions that can be appealed."""
SHOWN = 50
STATES = {"": "waiting", "restore": "granted", "uphold": "refused", "gone": "closed"}
"""State of an appeal, by its decision."""


class NotOpen(Exception):
    """There is no decision or sanction in force to appeal against."""


class Already(Exception):
    """There is an appeal already: `case`."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.pk)
        self.case = case


class Empty(Exception):
    """The text is empty or has no visible character."""


def decisions(user: User) -> QuerySet[Case]:
    """Decisions about a member's content that can be appealed, newest first, without those that merely followed
    another."""
    rows = Case.objects.filter(user=user, decision__in=AGAINST).exclude(done__has_key="with")
    return rows.select_related("item", "comment", "collection").order_by("-id")


def decision(user: User, number: int) -> Case | None:
    """One of them, or None."""
    return decisions(user).filter(pk=number).first()


def against(case: Case) -> Case | None:
    """The appeal against a decision."""
    return Case.objects.filter(parent=case).first()


def against_sanction(sanction: Sanction) -> Case | None:
    """The appeal against a sanction."""
    return Case.objects.filter(kind=Case.Kind.APPEAL, sanction=sanction).first()


def stands(case: Case) -> bool:
    """Whether the decision is still in effect."""
    if case.decision == Case.Decision.REMOVE or upload_cases.is_upload_case(case):
        return True
    if case.decision == Case.Decision.REFUSE:
        return case.item is not None and case.item.review == case.item.Review.REFUSED
    if case.marks.get("all"):
        return not case.deeds.filter(of__isnull=False).exists()
    target = cases.thing_of(case)
    return target is not None and target.hidden_at is not None and not cases.hidden_since(case, target)


def make(case: Case, user: User, text: str) -> Case:
    """Appeal against a decision. Raises NotOpen, Already and Empty."""
    text = _cleaned(text)
    if case.user_id != user.pk or case.decision not in AGAINST or case.decided_at is None:
        raise NotOpen
    try:
        with transaction.atomic():
            target = cases.thing_of(case)
            cases.lock(target)
            before = against(case)
            if before is not None:
                raise Already(before)
            fresh = Case.objects.select_related("item", "comment", "collection").get(pk=case.pk)
            if not stands(fresh):
                raise NotOpen
            return Case.objects.create(
                kind=Case.Kind.APPEAL, parent=case, item=case.item, comment=case.comment, collection=case.collection,
                user=user, account_id=case.account_id, about=case.about, reason=case.reason, words=text,
                opened_by=user, marks={name: True for name in ("all", upload_cases.MARK) if case.marks.get(name)},
            )  # fmt: skip
    except IntegrityError:
        raise Already(Case.objects.get(parent=case)) from None


def make_against_sanction(sanction: Sanction, user: User, text: str) -> Case:
    """Appeal against a warning, a mute or a ban. Raises NotOpen, Already and Empty."""
    text = _cleaned(text)
    if sanction.user_id != user.pk or sanction.lifted_at is not None or user.erased_at is not None:
        raise NotOpen
    before = against_sanction(sanction)
    if before is not None:
        raise Already(before)
    account = management.personal_account_of(user)
    try:
        with transaction.atomic():
            return Case.objects.create(
                kind=Case.Kind.APPEAL, sanction=sanction, user=user, account=account,
                about=user.username, words=text, opened_by=user,
            )  # fmt: skip
    except IntegrityError:
        raise Already(Case.objects.get(kind=Case.Kind.APPEAL, sanction=sanction)) from None


def _cleaned(text: str) -> str:
    text = safe_text.paragraphs(text, LONGEST)
    if safe_text.is_blank(text):
        raise Empty
    return text


def state(appeal: Case | None) -> str:
    """`none`, `waiting`, `granted` or `refused`; `closed` where its subject was deleted before a decision."""
    if appeal is None:
        return "none"
    return STATES[appeal.decision]


def hiding_of(thing: cases.Thing) -> Case | None:
    """The decision that hides something now, or that refused to publish it."""
    if isinstance(thing, Item) and thing.hidden_at is not None:
        if thing.hidden_for_id is not None:
            return None  # hidden by a ban, which is what can be appealed
        # A bulk hide first: an earlier decision about the item alone may have been undone since.
        of_all = Case.objects.filter(user=thing.user_id, deeds__created_at=thing.hidden_at, deeds__of=None)
        if (found := of_all.first()) is not None:
            return found
    field = cases.FIELDS[type(thing)]
    rows = Case.objects.filter(**{field: thing}, decision__in=AGAINST).exclude(done__has_key="with")
    return rows.order_by("-decided_at", "-id").first()
