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


class Why(StrEnum):
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

    WORDS: dict[Why, str | Promise] = {
        Why.OFF: _("Members cannot give each other credits here."),
        Why.NOBODY: _("There is no member of this name who can be given credits."),
        Why.ONESELF: _("A gift goes to somebody else."),
        Why.MUTED: _("You are muted, and cannot give credits meanwhile."),
        Why.CLOSED: _("This account cannot give credits now."),
        Why.LIMITED: _(
            "You have a spending limit in this organisation, so you cannot give its credits away."
        ),
        Why.SHORT: _("You have fewer credits than that."),
        Why.NOT_TO_GIVE: _(
            "Welcome credits and allowances are for yourself: you can give what you bought, redeemed or were given."
        ),
        Why.DAY: _("This is more than an account may give in a day."),
        Why.AMOUNT: _("A gift is more than nothing."),
        Why.ANOTHER: _("Another gift was sent with this form. Open it again."),
    }
    FIELDS: dict[Why, str] = {
        Why.NOBODY: "to",
        Why.ONESELF: "to",
        Why.SHORT: "amount",
        Why.NOT_TO_GIVE: "amount",
        Why.DAY: "amount",
        Why.AMOUNT: "amount",
    }

    def __init__(self, why: Why, left: int | None = None) -> None:
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
    made = _made(reference, to, amount, words)
    if made is not None:
        return made, False
    receiver = _receiver(user, giver, to, amount)
    rules = site_rules.current()
    try:
        with transaction.atomic():
            _lock(giver, receiver)
            made = _made(reference, to, amount, words)
            if made is not None:
                return made, False
            if amount > to_give(giver):
                raise CannotGive(_which_shortage(giver, amount))
            gift = Gift.objects.create(
                reference=reference, giver=giver, receiver=receiver, amount=amount, words=words, user=user
            )
            credits.give(
                giver, receiver, amount, reference=reference, reason=words, actor=user,
                most=rules.gift_limit_day, since=_day_began(),
            )  # fmt: skip
            _tell(gift, user)
    except credits.GiftLimitReached as error:
        raise CannotGive(Why.DAY, error.left) from None
    except credits.InsufficientCredits:
        raise CannotGive(Why.SHORT) from None
    except credits.AccountClosed:
        raise CannotGive(Why.CLOSED) from None
    return gift, True


def to_give(account: Account) -> int:
    """Micro-credits the account may give away now, apart from the daily limit."""
    came = LedgerEntry.objects.not_work().filter(_giveable(), account=account)
    taken = LedgerEntry.objects.of_kinds(*_TAKEN).filter(account=account, balance_delta__lt=0)
    left = sum(rows.aggregate(s=Sum("balance_delta"))["s"] or 0 for rows in (came, taken))
    now = Account.objects.get(pk=account.pk)
    # Work uses the allowance first, so credits bought and spent before it came do not make it giveable.
    beside = allowances.beside(now)
    free = now.balance - now.owed
    return max(0, min(int(left), free, free if beside is None else beside))


_TAKEN = [kind for kind, spec in KINDS.items() if spec.giveable == "debits"]


def _giveable() -> Q:
    """Ledger rows of either sign that count towards what may be given away."""
    found = Q()
    for kind, spec in KINDS.items():
        if spec.giveable == "all":
            rows = Q(kind=kind)
            for prefix in spec.giveable_except:
                rows &= ~Q(reference__startswith=prefix)
            found |= rows
    return found


def _which_shortage(giver: Account, amount: int) -> Why:
    balance = Account.objects.values_list("balance", flat=True).get(pk=giver.pk)
    return Why.SHORT if amount > balance else Why.NOT_TO_GIVE


def _made(reference: str, to: str, amount: int, words: str) -> Gift | None:
    gift = Gift.objects.select_related("receiver").filter(reference=reference).first()
    if gift is None:
        return None
    same = Membership.objects.filter(account_id=gift.receiver_id, user__username=to).exists()
    if not same or (gift.amount, gift.words) != (amount, words):
        raise CannotGive(Why.ANOTHER)
    return gift


def _receiver(user: User, giver: Account, to: str, amount: int) -> Account:
    if not site_rules.current().gifts:
        raise CannotGive(Why.OFF)
    if amount <= 0:
        raise CannotGive(Why.AMOUNT)
    # An organisation must not bypass the suspension of the user's personal account.
    if (
        not user.is_active
        or giver.status != Account.Status.ACTIVE
        or personal_accounts.is_personal_account_closed(user)
    ):
        raise CannotGive(Why.CLOSED)
    if user.muted_until is not None and user.muted_until > timezone.now():
        raise CannotGive(Why.MUTED)
    if Membership.objects.filter(user=user, account=giver, month_limit__isnull=False).exists():
        # The caller has a spending limit, and gifts count towards none.
        raise CannotGive(Why.LIMITED)
    found = User.objects.filter(username=to, is_active=True).first() if to else None
    # The receiver's personal account, whichever account they currently act for.
    receiver = management.personal_account_of(found) if found is not None else None
    if found is None or receiver is None or receiver.status != Account.Status.ACTIVE:
        raise CannotGive(Why.NOBODY)
    if receiver.pk == giver.pk or found.pk == user.pk:
        raise CannotGive(Why.ONESELF)
    return receiver


def _lock(*accounts: Account) -> None:
    """Lock both accounts, lower id first as `credits.give` does, so that what may be given cannot change."""
    numbers = [account.pk for account in accounts]
    list(Account.objects.select_for_update().filter(pk__in=numbers).order_by("pk").values_list("pk"))


def _day_began() -> datetime:
    today = timezone.now().astimezone(site_rules.billing_zone())
    return datetime.combine(today.date(), time.min, tzinfo=site_rules.billing_zone())


def _tell(gift: Gift, giver: User) -> None:
    receiver = User.objects.filter(memberships__account=gift.receiver_id).order_by("memberships__pk").first()
    if receiver is None:
        return
    kind = "credits.gift.words" if gift.words else "credits.gift"
    told: dict[str, Any] = {"amount_micro": gift.amount, "words": gift.words}
    notices.notify(receiver, kind, link="/account/", name=giver.shown_name, **told)
    notices.notify(giver, "credits.gift.sent", link="/account/", mail=False, name=receiver.shown_name, **told)
