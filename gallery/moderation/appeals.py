"""Appeals: a member may appeal once against each decision or sanction about them; a moderator decides again."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import Sanction, User
from accounts.organizations import management
from gallery import safe_text
from gallery.models import Case, Item
from gallery.moderation import cases, upload_cases

MAX_LENGTH = 2000
"""Characters of an appeal's text."""
APPEALABLE = (Case.Decision.HIDE, Case.Decision.REMOVE, Case.Decision.REFUSE)
"""Decisions that can be appealed."""
MAX_SHOWN = 50
STATES = {"": "waiting", "restore": "granted", "uphold": "refused", "gone": "closed"}
"""State of an appeal, by its decision."""


class NotAppealable(Exception):
    """There is no decision or sanction in force to appeal against."""


class AlreadyAppealed(Exception):
    """There is an appeal already: `case`."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.pk)
        self.case = case


class EmptyAppeal(Exception):
    """The text is empty or has no visible character."""


def decisions(user: User) -> QuerySet[Case]:
    """Decisions about a member's content that can be appealed, newest first, without those that merely followed
    another."""
    rows = Case.objects.filter(user=user, decision__in=APPEALABLE).exclude(done__has_key="with")
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


def is_in_effect(case: Case) -> bool:
    """Whether the decision is still in effect."""
    if case.decision == Case.Decision.REMOVE or upload_cases.is_upload_case(case):
        return True
    if case.decision == Case.Decision.REFUSE:
        return case.item is not None and case.item.review == case.item.Review.REFUSED
    if case.marks.get("all"):
        return not case.deeds.filter(of__isnull=False).exists()
    target = cases.subject_of(case)
    return target is not None and target.hidden_at is not None and not cases.hidden_since(case, target)


def create(case: Case, user: User, text: str) -> Case:
    """Appeal against a decision. Raises NotAppealable, AlreadyAppealed and EmptyAppeal."""
    text = _cleaned(text)
    if case.user_id != user.pk or case.decision not in APPEALABLE or case.decided_at is None:
        raise NotAppealable
    try:
        with transaction.atomic():
            target = cases.subject_of(case)
            cases.lock(target)
            before = against(case)
            if before is not None:
                raise AlreadyAppealed(before)
            fresh = Case.objects.select_related("item", "comment", "collection").get(pk=case.pk)
            if not is_in_effect(fresh):
                raise NotAppealable
            return Case.objects.create(
                kind=Case.Kind.APPEAL, parent=case, item=case.item, comment=case.comment, collection=case.collection,
                user=user, account_id=case.account_id, about=case.about, reason=case.reason, words=text,
                opened_by=user,
                marks={name: True for name in ("all", upload_cases.UPLOAD_MARK) if case.marks.get(name)},
            )  # fmt: skip
    except IntegrityError:
        raise AlreadyAppealed(Case.objects.get(parent=case)) from None


def create_against_sanction(sanction: Sanction, user: User, text: str) -> Case:
    """Appeal against a warning, a mute or a ban. Raises NotAppealable, AlreadyAppealed and EmptyAppeal."""
    text = _cleaned(text)
    if sanction.user_id != user.pk or sanction.lifted_at is not None or user.erased_at is not None:
        raise NotAppealable
    before = against_sanction(sanction)
    if before is not None:
        raise AlreadyAppealed(before)
    account = management.personal_account_of(user)
    try:
        with transaction.atomic():
            return Case.objects.create(
                kind=Case.Kind.APPEAL, sanction=sanction, user=user, account=account,
                about=user.username, words=text, opened_by=user,
            )  # fmt: skip
    except IntegrityError:
        raise AlreadyAppealed(Case.objects.get(kind=Case.Kind.APPEAL, sanction=sanction)) from None


def _cleaned(text: str) -> str:
    text = safe_text.paragraphs(text, MAX_LENGTH)
    if safe_text.is_blank(text):
        raise EmptyAppeal
    return text


def state(appeal: Case | None) -> str:
    """`none`, `waiting`, `granted` or `refused`; `closed` where its subject was deleted before a decision."""
    if appeal is None:
        return "none"
    return STATES[appeal.decision]


def hiding_decision(subject: cases.Subject) -> Case | None:
    """The decision that hides something now, or that refused to publish it."""
    if isinstance(subject, Item) and subject.hidden_at is not None:
        if subject.hidden_for_id is not None:
            return None  # hidden by a ban, which is what can be appealed
        # A bulk hide first: an earlier decision about the item alone may have been undone since.
        of_all = Case.objects.filter(
            user=subject.user_id, deeds__created_at=subject.hidden_at, deeds__of=None
        )
        if (found := of_all.first()) is not None:
            return found
    field = cases.FIELDS[type(subject)]
    rows = Case.objects.filter(**{field: subject}, decision__in=APPEALABLE).exclude(done__has_key="with")
    return rows.order_by("-decided_at", "-id").first()
