"""Review before publication: the first pictures of a new member, and what no classifier could judge, wait for a
moderator. The wish is kept in the case as its owner said it, and published just so, or taken back.

An item waits in private (or unlisted, as it was); only public lists are for reviewed pictures. A public collection is
one of them: of unlisted pictures it shows those that would need no look (`needs_none`). What was refused is hidden:
nobody but its owner sees it, by no collection and by no share link.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Exists, IntegerField, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Greatest, Least
from django.db.models.lookups import GreaterThanOrEqual

from accounts import personal_accounts
from accounts.models import Account, Membership, User
from accounts.site import site_rules
from core.clock import Now
from gallery.models import Case, Item
from gallery.moderation import cases
from gallery.moderation.effects import visibility_changes

UNRATED = "unrated"
"""In an output's marks: nobody could say what it shows."""
_MOST_COUNTED = 1000
"""Public pictures after which nobody is new, whatever the rule says: no list counts more of them."""


def first(account: Account | None) -> int:
    """How many pictures of a new member of that account are looked at first."""
    own = account.plan.reviewed_first if account is not None and account.plan is not None else None
    return site_rules.current().reviewed_first if own is None else own


def needed(item: Item, by: User | None = None) -> bool:
    """Whether a moderator looks at it before it is public. What is public already was looked at, or needed no look.

    Both who made it and who publishes it (`by`) are asked after, so that an organisation is no way around their being
    new; and both the account that has it and the own account of each, of which the stricter counts.
    """
    if item.visibility == Item.Visibility.PUBLIC:
        return False
    if item.output.marks.get(UNRATED) and not item.user.is_superuser:
        return not approved(item)
    account = Account.objects.select_related("plan").filter(pk=item.account_id).first()
    people = {item.user_id: item.user} | ({by.pk: by} if by is not None else {})
    return any(_is_new(person, account) for person in people.values()) and not approved(item)


def _is_new(person: User, account: Account | None) -> bool:
    """Whether so few of their pictures are public that the next one is looked at.

    Never of an administrator's: nobody stands above them to look, and they make the rule.
    """
    if person.is_superuser:
        return False
    own = personal_accounts.personal_account_behind(person, account) if account is not None else None
    many = max(first(account), first(own) if own is not None else 0)
    if not many:
        return False
    # Never more rows than the rule is about; hidden ones count for nothing.
    shown = Item.objects.public().filter(user=person)[:many].count()
    if shown < many and account is not None and account.kind == Account.Kind.ORGANIZATION:
        # Who only publishes for an organisation what others make becomes known as well.
        theirs = Case.objects.filter(
            opened_by=person, kind=Case.Kind.REVIEW, decision=Case.Decision.PUBLISH
        ).exclude(user=person)
        shown += theirs[:many].count()
    return shown < many


class _Count(Subquery):
    """How many rows a query has, with its limit."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def needs_none(to: str) -> Q:
    """Of rows that lead `to` an item (`item__`): whether it would be public without a moderator's look.

    The same as `needed`, for lists: in the database, and for whoever made it alone. Whoever became known by publishing
    what others made is asked to publish a picture before it stands there.
    """
    rules, most = site_rules.current().reviewed_first, Value(_MOST_COUNTED)
    payer = Account.objects.filter(pk=OuterRef(f"{to}account")).values("plan__reviewed_first")[:1]
    mine = Membership.objects.filter(
        user=OuterRef(f"{to}user"), account__kind=Account.Kind.USER, role=Membership.Role.OWNER
    ).order_by("pk")
    own = mine.values("account__plan__reviewed_first")[:1]
    many = Least(
        Greatest(Coalesce(Subquery(payer), Value(rules)), Coalesce(Subquery(own), Value(rules))), most
    )
    shown = Item.objects.public().filter(user=OuterRef(f"{to}user")).order_by().values("pk")[:_MOST_COUNTED]
    is_known = GreaterThanOrEqual(_Count(shown), many)
    published = Case.objects.filter(
        item=OuterRef(f"{to}pk"), kind=Case.Kind.REVIEW, decision=Case.Decision.PUBLISH
    )
    granted = Case.objects.filter(
        item=OuterRef(f"{to}pk"),
        kind=Case.Kind.APPEAL,
        decision=Case.Decision.RESTORE,
        parent__decision=Case.Decision.REFUSE,
    )
    rated = ~Q(**{f"{to}output__marks__has_key": UNRATED})
    looked_at = Q(**{f"{to}user__is_superuser": True}) | Q(Exists(published)) | Q(Exists(granted))
    return Q(**{f"{to}review": Item.Review.NONE}) & (looked_at | (rated & Q(is_known)))


def approved(item: Item) -> bool:
    """Whether a moderator let it be published before: taking it back and publishing it again is no news."""
    return (
        Case.objects.filter(item=item, kind=Case.Kind.REVIEW, decision=Case.Decision.PUBLISH).exists()
        or Case.objects.filter(
            item=item,
            kind=Case.Kind.APPEAL,
            decision=Case.Decision.RESTORE,
            parent__decision=Case.Decision.REFUSE,
        ).exists()
    )


def blurred(item: Item) -> bool:
    """Whether a moderator marked it as sensitive: its owner does not take that back. Of an item as it was just read."""
    return (
        item.sensitive
        and Case.objects.filter(item=item, decision=Case.Decision.ALLOW, done__sensitive=True).exists()
    )


def wish(item: Item, how: dict[str, Any], by: User | None = None) -> Case:
    """Have it wait for a moderator, or change how it is wished. In a transaction, with the item locked.

    `by`: who wishes it, where that is not who made it.
    """
    Item.objects.filter(pk=item.pk).update(review=Item.Review.WAITING)
    case = cases.open_one(item, Case.Kind.REVIEW)
    if case is None:
        return cases.make(item, Case.Kind.REVIEW, wish=how, opened_by=by or item.user)
    Case.objects.filter(pk=case.pk).update(wish=how, opened_by=by or item.user)
    return case


def withdraw(item: Item) -> bool:
    """The owner wants it published no more; whether it waited."""
    with transaction.atomic():
        cases.lock(item)
        changed = Item.objects.filter(pk=item.pk, review=Item.Review.WAITING).update(review="")
        Case.objects.filter(item=item, kind=Case.Kind.REVIEW, decided_at__isnull=True).update(
            decision=Case.Decision.GONE, decided_at=Now()
        )
    return changed == 1


def show_refused(item: Item, refused: Case) -> None:
    """Take a refusal's hiding back; the owner may wish it published again. With the item locked."""
    Item.objects.filter(pk=item.pk, review=Item.Review.REFUSED).update(review=Item.Review.NONE)
    before = refused.done.get("before")
    if before:
        visibility_changes.give_back(item, before)
    elif refused.done.get("hidden"):
        visibility_changes.restore(item)


def refusal(item: Item) -> Case | None:
    """The decision not to publish it, where that stands."""
    if item.review != Item.Review.REFUSED:
        return None
    rows = Case.objects.filter(item=item, kind=Case.Kind.REVIEW, decision=Case.Decision.REFUSE)
    return rows.order_by("-id").first()
