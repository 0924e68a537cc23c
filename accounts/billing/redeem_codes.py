"""Redeem codes: made in batches, handed out once, redeemed once by each account and user, credited by `credits`.

A code is 80 random bits in Crockford's base 32 (`DR-7K3M-…`), which has no I, L, O and U, so that what people type for
1 or 0 is unambiguous. Only its SHA-256 is stored: the codes themselves exist in the response that hands them out.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils.crypto import salted_hmac
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import credits, personal_accounts
from accounts.auth import attempt_limits
from accounts.billing import redeem_codes
from accounts.credits.amounts import decimal_text
from accounts.models import Account, CodeBatch, Plan, RedeemCode, Redemption, User
from accounts.notifications import notices
from accounts.staff import audit_log
from core.clock import Now
from core.http.csv_rows import Cell, Number

PREFIX = "DR"
MAX_CODES = 10_000
"""Codes in one batch."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES = str.maketrans("OILoil", "011011")
_LENGTH = 16
_LONGEST = 64
"""Longest text accepted as a code, blanks and dashes included."""
_INSERT_BATCH = 1000
AGAIN_FOR = timedelta(hours=1)
"""How long a repeated submission of the form that made a batch returns its codes again."""


class CannotRedeem(Exception):
    """The code was not redeemed; nothing was changed. `why` is for programs, the message for people."""

    WORDS: dict[str, str | Promise] = {
        "unknown": _("There is no such code. Look at it again: it has four groups of four, after DR."),
        "used": _("This code is used up."),
        "own": _("You have redeemed this code already."),
        "expired": _("This code has expired."),
        "revoked": _("This code was withdrawn."),
        "closed": _("This account takes no credits now."),
    }

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)

    def __str__(self) -> str:
        return str(self.WORDS[self.why])


class AlreadyMade(Exception):
    """The same form made a batch before; nothing was made now."""

    def __init__(self, batch: CodeBatch) -> None:
        self.batch = batch
        super().__init__(batch.name)


@dataclass(frozen=True)
class Redeemed:
    """The result of redeeming a code."""

    redemption: Redemption
    credits: int
    plan: Plan | None


def new_code() -> str:
    """A random code, formatted."""
    return _format(secrets.randbits(5 * _LENGTH))


def _format(number: int) -> str:
    text = ""
    for _place in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        text += _ALPHABET[digit]
    return "-".join([PREFIX, *(text[start : start + 4] for start in range(0, _LENGTH, 4))])


def normalize(text: str) -> str:
    """Normalise typed text to the sixteen characters of a code; empty where it cannot be one.

    Case, blanks, dashes of any kind and a missing DR do not matter; O is 0, and I and L are 1.
    """
    if len(text) > _LONGEST:
        return ""
    plain = "".join(char for char in text if char.isascii() and char.isalnum()).upper()
    others = [char for char in text if not (char.isascii() and char.isalnum())]
    if any(
        not (char.isspace() or char in "-_.\u2010\u2011\u2012\u2013\u2014\u2212\uff0d") for char in others
    ):
        return ""
    if len(plain) == _LENGTH + len(PREFIX) and plain.startswith(PREFIX):
        plain = plain.removeprefix(PREFIX)
    plain = plain.translate(_LOOKALIKES)
    return plain if len(plain) == _LENGTH and set(plain) <= set(_ALPHABET) else ""


def digest(plain: str) -> str:
    """The digest that is stored of a code."""
    return hashlib.sha256(f"redeem:{plain}".encode()).hexdigest()


def create_batch(
    *,
    name: str,
    credits: int,
    count: int,
    uses: int = 1,
    expires_at: datetime | None = None,
    plan: Plan | None = None,
    by: User | None,
    reason: str = "",
    once: str = "",
) -> tuple[CodeBatch, list[str]]:
    """Make a batch and return its codes, which are stored nowhere.

    `once` makes it idempotent across processes. The same request within an hour returns the same batch and codes (a
    double click shows the second response, and the first is lost); any other under the same `once` raises AlreadyMade.
    """
    if not 1 <= count <= MAX_CODES:
        raise ValueError(f"A batch has 1 to {MAX_CODES} codes.")
    codes = _derived_codes(once, count) if once else _random_codes(count)
    batch = CodeBatch(
        name=name, credits=credits, uses=uses, expires_at=expires_at, plan=plan, made_by=by,
        once=hashlib.sha256(f"codes:{once}".encode()).hexdigest() if once else None,
    )  # fmt: skip
    try:
        _insert(batch, codes, by, reason)
    except IntegrityError:
        first = CodeBatch.objects.filter(once=batch.once).first() if once else None
        if first is None:
            raise
        _require_same(first, batch, codes)
        with transaction.atomic():
            audit_log.write(by, "codes.again", first, reason=reason, detail={"count": count})
        return first, codes
    return batch, codes


def _random_codes(count: int) -> list[str]:
    codes = {new_code() for _number in range(count)}
    while len(codes) < count:
        codes.add(new_code())
    return list(codes)


def _derived_codes(once: str, count: int) -> list[str]:
    """Codes derived from the form's random text and the installation's secret key.

    Neither alone reveals them, and of the form's text only a digest is stored.
    """
    hashes = (
        salted_hmac("accounts.billing.redeem_codes", f"{once} {number}", algorithm="sha256")
        for number in range(count)
    )
    return [_format(int.from_bytes(hashed.digest()[: 5 * _LENGTH // 8], "big")) for hashed in hashes]


def _require_same(first: CodeBatch, batch: CodeBatch, codes: list[str]) -> None:
    """Raise AlreadyMade where the repeated request differs, or comes too late to be a double click."""
    names = ("name", "credits", "uses", "expires_at", "plan_id", "made_by_id")
    is_same = all(getattr(first, name) == getattr(batch, name) for name in names)
    recent = CodeBatch.objects.filter(pk=first.pk, created_at__gt=Now() - AGAIN_FOR, revoked_at__isnull=True)
    stored = RedeemCode.objects.filter(batch=first)
    if not (is_same and recent.exists() and stored.count() == len(codes)):
        raise AlreadyMade(first)
    if not stored.filter(digest=digest(normalize(codes[0]))).exists():
        # Made under another secret key.
        raise AlreadyMade(first)


def _insert(batch: CodeBatch, codes: list[str], by: User | None, reason: str) -> None:
    with transaction.atomic():
        batch.save(force_insert=True)
        rows = (
            RedeemCode(batch=batch, digest=digest(normalize(code)), hint=code[-4:], uses_left=batch.uses)
            for code in codes
        )
        RedeemCode.objects.bulk_create(rows, batch_size=_INSERT_BATCH)
        plan, ends = batch.plan, batch.expires_at
        detail = {
            "count": len(codes),
            "credits": batch.credits,
            "uses": batch.uses,
            "plan": plan.name if plan else None,
        }
        audit_log.write(
            by, "codes.make", batch, reason=reason, detail=detail | {"expires_at": ends and ends.isoformat()}
        )


def csv_rows(batch: CodeBatch, codes: list[str]) -> Iterator[list[Cell]]:
    """CSV rows of a batch's codes."""
    ends = batch.expires_at.isoformat(timespec="seconds") if batch.expires_at else ""
    for code in codes:
        yield [code, batch.name, Number(decimal_text(batch.credits)), str(batch.uses), ends]


CSV_HEADER = ["code", "batch", "credits", "uses", "expires"]


def revoke(subject: CodeBatch | RedeemCode, *, by: User, reason: str) -> bool:
    """Revoke a batch or one code: redemptions stay, no more are possible. False where it was revoked before."""
    with transaction.atomic():
        rows = type(subject)._default_manager.filter(pk=subject.pk, revoked_at__isnull=True)
        if not rows.update(revoked_at=Now()):
            return False
        verb = "codes.revoke" if isinstance(subject, CodeBatch) else "code.revoke"
        audit_log.write(by, verb, subject, reason=reason)
    return True


def redeem_uncounted(user: User, account: Account, text: str) -> Redeemed:
    """Redeem a typed code for an account of the user. Raises CannotRedeem, with nothing changed.

    1. Insert the redemption: a second of the same account waits for the first and is refused.

    2. Take one use of the code by a conditional UPDATE that also checks that it is usable; then refuse a user who
    redeemed it for another account before.

    3. Write the ledger row under the redemption's id; the account is locked last, as everywhere.
    """
    plain = normalize(text)
    code = (
        RedeemCode.objects.select_related("batch__plan").filter(digest=digest(plain)).first()
        if plain
        else None
    )
    if code is None:
        raise CannotRedeem("unknown")
    batch = code.batch
    try:
        with transaction.atomic():
            redemption = _insert_redemption(code, account, user)
            usable = RedeemCode.objects.filter(_usable(), pk=code.pk, uses_left__gt=0)
            if not usable.update(uses_left=F("uses_left") - 1):
                raise CannotRedeem(_why_not(code))
            # Checked while the code's row is locked: else one user could redeem it for each of their organisations.
            if Redemption.objects.filter(code=code, user=user).exclude(pk=redemption.pk).exists():
                raise CannotRedeem("own")
            credits.redeem(
                account, batch.credits, reference=f"redeem-{redemption.pk}", reason=f"DR-…-{code.hint}"
            )
            if batch.plan_id is not None:
                credits.set_plan(account, batch.plan)
    except (credits.AccountClosed, credits.TooMuch):
        raise CannotRedeem("closed") from None
    return Redeemed(redemption, batch.credits, batch.plan)


def _insert_redemption(code: RedeemCode, account: Account, user: User) -> Redemption:
    active = Account.objects.filter(pk=account.pk, status=Account.Status.ACTIVE)
    # Users whose personal account is closed cannot redeem for an organisation either.
    if not active.exists() or personal_accounts.is_personal_account_closed(user):
        raise CannotRedeem("closed")
    try:
        with transaction.atomic():
            return Redemption.objects.create(code=code, account=account, user=user)
    except IntegrityError:
        raise CannotRedeem("own") from None


def _usable() -> Q:
    """Condition of usable codes, without a join.

    A join would move the condition on `uses_left` into a subquery, which PostgreSQL does not re-evaluate after waiting
    for another UPDATE.
    """
    open_now = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    batches = CodeBatch.objects.filter(open_now, pk=OuterRef("batch"), revoked_at__isnull=True)
    return Q(Exists(batches), revoked_at__isnull=True)


def _why_not(code: RedeemCode) -> str:
    if RedeemCode.objects.filter(
        pk=code.pk, revoked_at__isnull=True, batch__revoked_at__isnull=True
    ).exists():
        return "used" if RedeemCode.objects.filter(_usable(), pk=code.pk).exists() else "expired"
    return "revoked"


WRONG_CODES_LIMIT = (10, 600)
"""Wrong codes per account, in so many seconds; right ones do not count.

Not by network: a code has 80 random bits, and one member who guesses would block all their neighbours.
"""
_COUNTED = {"unknown", "used", "expired", "revoked"}


def redeem(user: User, account: Account, text: str) -> redeem_codes.Redeemed:
    """Redeem a typed code, rate-limited. Raises CannotRedeem, or attempt_limits.TooMany before any lookup."""
    counted = attempt_limits.count_attempt(
        "redeem", [attempt_limits.Limit(f"account {account.pk}", *WRONG_CODES_LIMIT)]
    )
    try:
        with transaction.atomic():
            redeemed = redeem_codes.redeem_uncounted(user, account, text)
            if redeemed.plan is not None:
                notices.notify(user, "credits.plan", link="/account/", mail=False, plan=redeemed.plan.name)
    except redeem_codes.CannotRedeem as error:
        if error.why not in _COUNTED:
            counted.give_back()
        raise
    counted.give_back()
    return redeemed
