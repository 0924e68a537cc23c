"""API tokens: issue, look up, change, revoke. A token has 240 random bits, so an unsalted SHA-256 is safe."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from datetime import timedelta
from typing import Any, Unpack

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import credits
from accounts.models import Account, ApiToken, Membership, User
from accounts.personal_accounts import ensure_account
from accounts.tokens.token_validation import SPENDING, Limits, TokenTerms
from core.clock import Now
from core.db.prepared import Prepared

LIMIT = 100
"""Usable tokens one user may have; more would be a leak or a loop."""

_ALPHABET = string.ascii_letters + string.digits
_PATTERN = re.compile(r"dr_[A-Za-z0-9]{40}")
_TOUCH_EVERY = timedelta(minutes=1)


class CannotIssue(Exception):
    """No token was issued or changed; the message is for the user. `field`: the term at fault, or empty."""

    def __init__(self, words: str, field: str = "") -> None:
        self.field = field
        super().__init__(words)


_BY_DIGEST = Prepared[ApiToken](
    lambda digest: ApiToken.objects.usable().select_related("user", "account__plan").filter(digest=digest)[:1]
)


def looks_like_token(text: str) -> bool:
    """Whether the text has the form of a token. Such a text is never stored or repeated, whoever sent it."""
    return bool(_PATTERN.fullmatch(text))


def issue(
    user: User, name: str, account: Account | None = None, **terms: Unpack[Limits]
) -> tuple[ApiToken, str]:
    """Issue a token; returns its row and the token itself, to be shown once. Raises CannotIssue.

    For that account, else for the one the user acts for. `terms` are the owner's other choices, already checked by
    `accounts.tokens.token_validation`; without them the token has the default scopes and no limits. Refused for a
    suspended account, a past expiry date or too many tokens.
    """
    account = account or ensure_account(user)
    if not user.is_active or account.status != Account.Status.ACTIVE:
        raise CannotIssue(_("This account is suspended."))
    _check_expiry(terms)
    if ApiToken.objects.usable().filter(user=user).count() >= LIMIT:
        raise CannotIssue(_("There are %(limit)s tokens already; revoke one first.") % {"limit": LIMIT})
    plain = "dr_" + "".join(secrets.choice(_ALPHABET) for _ in range(40))
    token = ApiToken(user=user, account=account, prefix=plain[:7], digest=digest(plain))
    with transaction.atomic():
        _check_membership(user, account)
        _write(token, {**terms, "name": name})
    return token, plain


def _check_membership(user: User, account: Account) -> None:
    """Raise CannotIssue for a user who was removed from the organisation meanwhile.

    A token issued after the removal would never be revoked.
    """
    if account.kind != Account.Kind.ORGANIZATION:
        return
    # The lock of `management.remove`; FOR NO KEY UPDATE, so that `act_for` need not wait.
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    if not Membership.objects.filter(user=user, account=account).exists():
        raise CannotIssue(_("You do not act for this account any more."))


def change(token: ApiToken, **terms: Unpack[TokenTerms]) -> None:
    """Change a usable token's terms; those left out stay. Raises CannotIssue."""
    _check_expiry(terms)
    with transaction.atomic():
        if not ApiToken.objects.usable().filter(pk=token.pk).exists():
            raise CannotIssue(_("This token is revoked or has expired."))
        _write(token, terms)


def _write(token: ApiToken, terms: TokenTerms) -> None:
    chosen: dict[str, Any] = dict(terms)
    if "name" in chosen:
        chosen["name"] = chosen["name"].replace("\x00", "").strip()[:80] or "token"
    limits = {field: chosen.pop(field, getattr(token, field)) for field in SPENDING}
    for field, value in chosen.items():
        setattr(token, field, value)
    if token.pk is None:
        token.save()
    elif chosen:
        token.save(update_fields=list(chosen))
    if limits != {field: getattr(token, field) for field in SPENDING}:
        day, month, total = limits.values()
        credits.limit(token, day=day, month=month, total=total)


def _check_expiry(terms: Limits) -> None:
    expires_at = terms.get("expires_at")
    if expires_at is not None and expires_at <= timezone.now():
        raise CannotIssue(_("The date has passed."), "expires_at")


def digest(plain: str) -> str:
    """The stored hash of a token or an invitation secret, 64 hex digits; both are too random to need a salt."""
    return hashlib.sha256(plain.encode()).hexdigest()


def look_up(plain: str) -> ApiToken | None:
    """The usable token of that text with its user and account; None for unknown, revoked and expired ones alike."""
    if not _PATTERN.fullmatch(plain):
        return None
    token = _BY_DIGEST.first(digest=digest(plain))
    if token is not None:
        _touch(token)
    return token


def revoke(token: ApiToken) -> bool:
    """Revoke a token; the row stays as history. False where it was revoked already."""
    return bool(ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=Now()))


def _touch(token: ApiToken) -> None:
    # At most one write a minute: a poller must not turn every read into a write.
    if token.last_used_at is None or token.last_used_at < timezone.now() - _TOUCH_EVERY:
        before = timezone.now() - _TOUCH_EVERY
        ApiToken.objects.filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lt=before), pk=token.pk
        ).update(last_used_at=Now())
