"""Review before publication: the first items of a new member, and those that no classifier could rate.

The request is stored in the case as the owner made it, and is published exactly so, or withdrawn. Until then
the item stays private (or unlisted, as it was): only public lists are restricted to reviewed items. A public
collection is such a list: of unlisted items it shows those that need no review (`needs_no_review`). A refused item
is hidden: nobody but its owner sees it, in no collection and by no share link.
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
"""Key in an output's marks: no classifier could rate it."""
_MOST_COUNTED = 1000
"""With this many public items nobody counts as new, whatever the setting: queries count no further."""


def reviewed_first(account: Account | None) -> int:
    """The number of first items of a new member that are reviewed, for that account."""
    plan_value = account.plan.reviewed_first if account is not None and account.plan is not None else None
    return site_rules.current().reviewed_first if plan_value is None else plan_value


def is_needed(item: Item, by: User | None = None) -> bool:
    """Whether a moderator must review it before it is public. What is public already was reviewed, or needed no
    review.

    Both the author and whoever publishes it (`by`) are checked, so that an organisation is no way around being
    new; for each, the stricter setting counts: that of the item's account or of their personal account.
    """
    if item.visibility == Item.Visibility.PUBLIC:
        return False
    if item.output.marks.get(UNRATED) and not item.user.is_superuser:
        return not approved(item)
    account = Account.objects.select_related("plan").filter(pk=item.account_id).first()
    members = {item.user_id: item.user} | ({by.pk: by} if by is not None else {})
    return any(_is_new(member, account) for member in members.values()) and not approved(item)


def _is_new(member: User, account: Account | None) -> bool:
    """Whether they have so few public items that the next one is reviewed.

    Never true of administrators: they make the rule, and nobody ranks above them.
    """
    if member.is_superuser:
        return False
    personal = personal_accounts.personal_account_behind(member, account) if account is not None else None
    required = max(reviewed_first(account), reviewed_first(personal) if personal is not None else 0)
    if not required:
        return False
    # Counts no more rows than the setting needs; hidden items don't count.
    public_count = Item.objects.public().filter(user=member)[:required].count()
    if public_count < required and account is not None and account.kind == Account.Kind.ORGANIZATION:
        # Publishing what others made for an organisation makes a member known as well.
        published_for_others = Case.objects.filter(
            opened_by=member, kind=Case.Kind.REVIEW, decision=Case.Decision.PUBLISH
        ).exclude(user=member)
        public_count += published_for_others[:required].count()
    return public_count < required


class _Count(Subquery):
    """The number of rows of a query, honouring its limit."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def needs_no_review(to: str) -> Q:
    """Condition on rows related to an item by the prefix `to` (`item__`): it could be public without a review.

    The same as `is_needed`, for lists, but of the author alone. For a member known by publishing others' items the
    condition is false, and they are asked to publish the item before it is listed.
    """
    default, cap = site_rules.current().reviewed_first, Value(_MOST_COUNTED)
    of_account = Account.objects.filter(pk=OuterRef(f"{to}account")).values("plan__reviewed_first")[:1]
    memberships = Membership.objects.filter(
        user=OuterRef(f"{to}user"), account__kind=Account.Kind.USER, role=Membership.Role.OWNER
    ).order_by("pk")
    of_personal = memberships.values("account__plan__reviewed_first")[:1]
    required = Least(
        Greatest(
            Coalesce(Subquery(of_account), Value(default)), Coalesce(Subquery(of_personal), Value(default))
        ),
        cap,
    )
    public_items = (
        Item.objects.public().filter(user=OuterRef(f"{to}user")).order_by().values("pk")[:_MOST_COUNTED]
    )
    is_known = GreaterThanOrEqual(_Count(public_items), required)
    published = Case.objects.filter(
        item=OuterRef(f"{to}pk"), kind=Case.Kind.REVIEW, decision=Case.Decision.PUBLISH
    )
    granted = Case.objects.filter(
        item=OuterRef(f"{to}pk"),
        kind=Case.Kind.APPEAL,
        decision=Case.Decision.RESTORE,
        parent__decision=Case.Decision.REFUSE,
    )
    is_rated = ~Q(**{f"{to}output__marks__has_key": UNRATED})
    reviewed = Q(**{f"{to}user__is_superuser": True}) | Q(Exists(published)) | Q(Exists(granted))
    return Q(**{f"{to}review": Item.Review.NONE}) & (reviewed | (is_rated & Q(is_known)))


def approved(item: Item) -> bool:
    """Whether a moderator approved it before: an item made private and published again needs no second review."""
    return (
        Case.objects.filter(item=item, kind=Case.Kind.REVIEW, decision=Case.Decision.PUBLISH).exists()
        or Case.objects.filter(
            item=item,
            kind=Case.Kind.APPEAL,
            decision=Case.Decision.RESTORE,
            parent__decision=Case.Decision.REFUSE,
        ).exists()
    )


def is_marked_sensitive(item: Item) -> bool:
    """Whether a moderator marked it as sensitive, which its owner can't undo. Expects a freshly loaded item."""
    return (
        item.sensitive
        and Case.objects.filter(item=item, decision=Case.Decision.ALLOW, done__sensitive=True).exists()
    )


def request_publication(item: Item, options: dict[str, Any], by: User | None = None) -> Case:
    """Store a request to publish, or replace the stored one. In a transaction, with the item locked.

    `by`: who requests it, where that is not the author.
    """
    Item.objects.filter(pk=item.pk).update(review=Item.Review.WAITING)
    case = cases.open_case(item, Case.Kind.REVIEW)
    if case is None:
        return cases.create(item, Case.Kind.REVIEW, wish=options, opened_by=by or item.user)
    Case.objects.filter(pk=case.pk).update(wish=options, opened_by=by or item.user)
    return case


def withdraw(item: Item) -> bool:
    """Withdraw the owner's request. Returns whether there was one."""
    with transaction.atomic():
        cases.lock(item)
        changed = Item.objects.filter(pk=item.pk, review=Item.Review.WAITING).update(review="")
        Case.objects.filter(item=item, kind=Case.Kind.REVIEW, decided_at__isnull=True).update(
            decision=Case.Decision.GONE, decided_at=Now()
        )
    return changed == 1


def undo_hiding(item: Item, refused: Case) -> None:
    """Undo the hiding of a refused item; the owner may request publication again. With the item locked."""
    Item.objects.filter(pk=item.pk, review=Item.Review.REFUSED).update(review=Item.Review.NONE)
    before = refused.done.get("before")
    if before:
        visibility_changes.undo_hide_separately(item, before)
    elif refused.done.get("hidden"):
        visibility_changes.restore(item)


def refusal(item: Item) -> Case | None:
    """The decision that refused to publish it, where that is in effect."""
    if item.review != Item.Review.REFUSED:
        return None
    rows = Case.objects.filter(item=item, kind=Case.Kind.REVIEW, decision=Case.Decision.REFUSE)
    return rows.order_by("-id").first()
