"""Gifts of credits between members, where the site rules allow them. `credits` writes the movements.

Only credits that were bought, redeemed, granted by staff or received as gifts may be given away; welcome credits,
invitation credits and allowances may not. So nobody collects the welcome credits of a hundred fake accounts in one, or
saves an expiring allowance in a friend's account.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, time
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import credits, personal_accounts
from accounts.credits import allowances
from accounts.models import KINDS, Account, Gift, LedgerEntry, Membership, User
from accounts.notifications import notices
from accounts.organizations import management
from accounts.site import site_rules

LONGEST_WORDS = 200


class RefusalReason(StrEnum):
    """Reasons for refusing a gift."""

    OFF = "off"
    NOBODY = "nobody"
    ONESELF = "oneself"
    MUTED = "muted"
    CLOSED = "closed"
    LIMITED = "limited"
    SHORT = "short"
    NOT_TO_GIVE = "not_to_give"
    DAY = "day"
    AMOUNT = "amount"
    ANOTHER = "another"


class CannotGive(Exception):
    """The gift was refused and nothing was changed. `field`: the invalid form field, or empty."""

    WORDS: dict[RefusalReason, str | Promise] = {
        RefusalReason.OFF: _("Members cannot give each other credits here."),
        RefusalReason.NOBODY: _("There is no member of this name who can be given credits."),
        RefusalReason.ONESELF: _("A gift goes to somebody else."),
        RefusalReason.MUTED: _("You are muted, and cannot give credits meanwhile."),
        RefusalReason.CLOSED: _("This account cannot give credits now."),
        RefusalReason.LIMITED: _(
            "You have a spending limit in this organisation, so you cannot give its credits away."
        ),
        RefusalReason.SHORT: _("You have fewer credits than that."),
        RefusalReason.NOT_TO_GIVE: _(
            "Welcome credits and allowances are for yourself: you can give what you bought, redeemed or were given."
        ),
        RefusalReason.DAY: _("This is more than an account may give in a day."),
        RefusalReason.AMOUNT: _("A gift is more than nothing."),
        RefusalReason.ANOTHER: _("Another gift was sent with this form. Open it again."),
    }
    FIELDS: dict[RefusalReason, str] = {
        RefusalReason.NOBODY: "to",
        RefusalReason.ONESELF: "to",
        RefusalReason.SHORT: "amount",
        RefusalReason.NOT_TO_GIVE: "amount",
        RefusalReason.DAY: "amount",
        RefusalReason.AMOUNT: "amount",
    }

    def __init__(self, why: RefusalReason, left: int | None = None) -> None:
        self.why, self.left = why, left
        super().__init__(why.value)

    @property
    def field(self) -> str:
        return self.FIELDS.get(self.why, "")

    def __str__(self) -> str:
        return str(self.WORDS[self.why])


def reference_of(account: Account, key: str) -> str:
    """The gift's reference from the giving account and a key (of the form, or an `Idempotency-Key`)."""
    return hashlib.sha256(f"gift:{account.pk}:{key}".encode()).hexdigest()[:20]


def give(user: User, giver: Account, *, to: str, amount: int, words: str = "", key: str) -> tuple[Gift, bool]:
    """Give credits to the named member, once per `key`; returns the gift and whether it is new.

    Raises CannotGive. Repeating a key returns its first gift, even if the rules have changed since.
    """
    words = words.replace("\x00", "").strip()[:LONGEST_WORDS]
    reference = reference_of(giver, key)
    gift = _find_gift(reference, to, amount, words)
    if gift is not None:
        return gift, False
    receiver = _receiver(user, giver, to, amount)
    rules = site_rules.current()
    try:
        with transaction.atomic():
            _lock(giver, receiver)
            gift = _find_gift(reference, to, amount, words)
            if gift is not None:
                return gift, False
            if amount > giveable_balance(giver):
                raise CannotGive(_shortage_reason(giver, amount))
            gift = Gift.objects.create(
                reference=reference, giver=giver, receiver=receiver, amount=amount, words=words, user=user
            )
            credits.give(
                giver, receiver, amount, reference=reference, reason=words, actor=user,
                most=rules.gift_limit_day, since=_day_start(),
            )  # fmt: skip
            _notify(gift, user)
    except credits.GiftLimitReached as error:
        raise CannotGive(RefusalReason.DAY, error.left) from None
    except credits.InsufficientCredits:
        raise CannotGive(RefusalReason.SHORT) from None
    except credits.AccountClosed:
        raise CannotGive(RefusalReason.CLOSED) from None
    return gift, True


def giveable_balance(account: Account) -> int:
    """Micro-credits the account may give away now, apart from the daily limit."""
    credited = LedgerEntry.objects.not_work().filter(_giveable(), account=account)
    debited = LedgerEntry.objects.of_kinds(*_TAKEN).filter(account=account, balance_delta__lt=0)
    total = sum(rows.aggregate(s=Sum("balance_delta"))["s"] or 0 for rows in (credited, debited))
    current = Account.objects.get(pk=account.pk)
    # Work uses the allowance first, so credits bought and spent before it came do not make it giveable.
    without_allowance = allowances.balance_without_allowance(current)
    free = current.balance - current.owed
    return max(0, min(int(total), free, free if without_allowance is None else without_allowance))


_TAKEN = [kind for kind, spec in KINDS.items() if spec.giveable == "debits"]


def _giveable() -> Q:
    """Ledger rows of either sign that count towards what may be given away."""
    condition = Q()
    for kind, spec in KINDS.items():
        if spec.giveable == "all":
            rows = Q(kind=kind)
            for prefix in spec.giveable_except:
                rows &= ~Q(reference__startswith=prefix)
            condition |= rows
    return condition


def _shortage_reason(giver: Account, amount: int) -> RefusalReason:
    balance = Account.objects.values_list("balance", flat=True).get(pk=giver.pk)
    return RefusalReason.SHORT if amount > balance else RefusalReason.NOT_TO_GIVE


def _find_gift(reference: str, to: str, amount: int, words: str) -> Gift | None:
    gift = Gift.objects.select_related("receiver").filter(reference=reference).first()
    if gift is None:
        return None
    is_same_receiver = Membership.objects.filter(account_id=gift.receiver_id, user__username=to).exists()
    if not is_same_receiver or (gift.amount, gift.words) != (amount, words):
        raise CannotGive(RefusalReason.ANOTHER)
    return gift


def _receiver(user: User, giver: Account, to: str, amount: int) -> Account:
    if not site_rules.current().gifts:
        raise CannotGive(RefusalReason.OFF)
    if amount <= 0:
        raise CannotGive(RefusalReason.AMOUNT)
    # An organisation must not bypass the suspension of the user's personal account.
    if (
        not user.is_active
        or giver.status != Account.Status.ACTIVE
        or personal_accounts.is_personal_account_closed(user)
    ):
        raise CannotGive(RefusalReason.CLOSED)
    if user.muted_until is not None and user.muted_until > timezone.now():
        raise CannotGive(RefusalReason.MUTED)
    if Membership.objects.filter(user=user, account=giver, month_limit__isnull=False).exists():
        # The caller has a spending limit, and gifts count towards none.
        raise CannotGive(RefusalReason.LIMITED)
    other_user = User.objects.filter(username=to, is_active=True).first() if to else None
    # The receiver's personal account, whichever account they currently act for.
    receiver = management.personal_account_of(other_user) if other_user is not None else None
    if other_user is None or receiver is None or receiver.status != Account.Status.ACTIVE:
        raise CannotGive(RefusalReason.NOBODY)
    if receiver.pk == giver.pk or other_user.pk == user.pk:
        raise CannotGive(RefusalReason.ONESELF)
    return receiver


def _lock(*accounts: Account) -> None:
    """Lock both accounts, lower id first as `credits.give` does, so that what may be given cannot change."""
    numbers = [account.pk for account in accounts]
    list(Account.objects.select_for_update().filter(pk__in=numbers).order_by("pk").values_list("pk"))


def _day_start() -> datetime:
    today = timezone.now().astimezone(site_rules.billing_zone())
    return datetime.combine(today.date(), time.min, tzinfo=site_rules.billing_zone())


def _notify(gift: Gift, giver: User) -> None:
    receiver = User.objects.filter(memberships__account=gift.receiver_id).order_by("memberships__pk").first()
    if receiver is None:
        return
    kind = "credits.gift.words" if gift.words else "credits.gift"
    params: dict[str, Any] = {"amount_micro": gift.amount, "words": gift.words}
    notices.notify(receiver, kind, link="/account/", name=giver.shown_name, **params)
    notices.notify(
        giver, "credits.gift.sent", link="/account/", mail=False, name=receiver.shown_name, **params
    )
