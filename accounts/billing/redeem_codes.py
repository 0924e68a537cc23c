"""Redeem codes: made in batches, handed out once, redeemed once by each account and each member. `credits` writes it.

A code is 80 random bits in Crockford's base 32 (`DR-7K3M-…`), which has no I, L, O and U, so that what people type for
a 1 or a 0 is read as one. Only its SHA-256 is kept: the codes themselves exist in the answer that hands them out.
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
MOST = 10_000
"""Codes of one batch."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ = str.maketrans("OILoil", "011011")
_LENGTH = 16
_LONGEST = 64
"""Characters that somebody may type for a code, blanks and dashes included."""
_TOGETHER = 1000
AGAIN_FOR = timedelta(hours=1)
"""For so long the form that made a batch hands out its codes again."""


class CannotRedeem(Exception):
    """The code gives nothing; nothing was changed. `why` is for programs, the message for people."""

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
    """What a code gave."""

    redemption: Redemption
    credits: int
    plan: Plan | None


def new_code() -> str:
    """A code as it is handed out."""
    return _written(secrets.randbits(5 * _LENGTH))


def _written(number: int) -> str:
    text = ""
    for _place in range(_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        text += _ALPHABET[rest]
    return "-".join([PREFIX, *(text[start : start + 4] for start in range(0, _LENGTH, 4))])


def normal(text: str) -> str:
    """What somebody typed, as the sixteen characters it stands for; empty where it can be no code.

    Case, blanks, dashes of any kind and a missing DR do not matter; O is 0, and I and L are 1.
    """
    if len(text) > _LONGEST:
        return ""
    plain = "".join(each for each in text if each.isascii() and each.isalnum()).upper()
    others = [each for each in text if not (each.isascii() and each.isalnum())]
    if any(
        not (each.isspace() or each in "-_.\u2010\u2011\u2012\u2013\u2014\u2212\uff0d") for each in others
    ):
        return ""
    if len(plain) == _LENGTH + len(PREFIX) and plain.startswith(PREFIX):
        plain = plain.removeprefix(PREFIX)
    plain = plain.translate(_READ)
    return plain if len(plain) == _LENGTH and set(plain) <= set(_ALPHABET) else ""


def digest(plain: str) -> str:
    """What is kept of a code."""
    return hashlib.sha256(f"redeem:{plain}".encode()).hexdigest()


def make(
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
    """Make a batch, and hand out its codes: they are in the answer and nowhere else.

    `once` makes it happen once, whichever processes are asked at a time. The very same wish within an hour is answered
    with the same batch and codes (a double click shows the second answer, and the first is lost), anything else under
    the same `once` with AlreadyMade.
    """
    if not 1 <= count <= MOST:
        raise ValueError(f"A batch has 1 to {MOST} codes.")
    codes = _codes_of(once, count) if once else _fresh(count)
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
        _ask_same(first, batch, codes)
        with transaction.atomic():
            audit_log.write(by, "codes.again", first, reason=reason, detail={"count": count})
        return first, codes
    return batch, codes


def _fresh(count: int) -> list[str]:
    codes = {new_code() for _number in range(count)}
    while len(codes) < count:
        codes.add(new_code())
    return list(codes)


def _codes_of(once: str, count: int) -> list[str]:
    """The codes that follow from a form's own random text and the house's secret: neither alone tells them, and of the
    first only a digest is kept."""
    made = (
        salted_hmac("accounts.billing.redeem_codes", f"{once} {number}", algorithm="sha256")
        for number in range(count)
    )
    return [_written(int.from_bytes(one.digest()[: 5 * _LENGTH // 8], "big")) for one in made]


def _ask_same(first: CodeBatch, wish: CodeBatch, codes: list[str]) -> None:
    """AlreadyMade where the wish is another, or too late to be a double click."""
    names = ("name", "credits", "uses", "expires_at", "plan_id", "made_by_id")
    same = all(getattr(first, name) == getattr(wish, name) for name in names)
    lately = CodeBatch.objects.filter(pk=first.pk, created_at__gt=Now() - AGAIN_FOR, revoked_at__isnull=True)
    kept = RedeemCode.objects.filter(batch=first)
    if not (same and lately.exists() and kept.count() == len(codes)):
        raise AlreadyMade(first)
    if not kept.filter(digest=digest(normal(codes[0]))).exists():
        # Made under another secret of the house.
        raise AlreadyMade(first)


def _insert(batch: CodeBatch, codes: list[str], by: User | None, reason: str) -> None:
    with transaction.atomic():
        batch.save(force_insert=True)
        rows = (
            RedeemCode(batch=batch, digest=digest(normal(code)), hint=code[-4:], uses_left=batch.uses)
            for code in codes
        )
        RedeemCode.objects.bulk_create(rows, batch_size=_TOGETHER)
        plan, ends = batch.plan, batch.expires_at
        told = {
            "count": len(codes),
            "credits": batch.credits,
            "uses": batch.uses,
            "plan": plan.name if plan else None,
        }
        audit_log.write(
            by, "codes.make", batch, reason=reason, detail=told | {"expires_at": ends and ends.isoformat()}
        )


def sheet(batch: CodeBatch, codes: list[str]) -> Iterator[list[Cell]]:
    """The rows of the file in which codes are handed out."""
    ends = batch.expires_at.isoformat(timespec="seconds") if batch.expires_at else ""
    for code in codes:
        yield [code, batch.name, Number(decimal_text(batch.credits)), str(batch.uses), ends]


SHEET = ["code", "batch", "credits", "uses", "expires"]


def revoke(subject: CodeBatch | RedeemCode, *, by: User, reason: str) -> bool:
    """Withdraw a batch or one code: what was redeemed stays, nothing more is. False where it was withdrawn before."""
    with transaction.atomic():
        rows = type(subject)._default_manager.filter(pk=subject.pk, revoked_at__isnull=True)
        if not rows.update(revoked_at=Now()):
            return False
        verb = "codes.revoke" if isinstance(subject, CodeBatch) else "code.revoke"
        audit_log.write(by, verb, subject, reason=reason)
    return True


def redeem_uncounted(user: User, account: Account, text: str) -> Redeemed:
    """Redeem what somebody typed for an account of theirs. Raises CannotRedeem, with nothing changed.

    1. The redemption's own row: a second of the same account waits for the first, and is refused.
    2. One of the code's uses is taken by a conditional UPDATE, which also asks whether it may be used now. Whoever
       redeemed it for another account before is refused then.
    3. The ledger's row, under the redemption's id; the account last, as everywhere.
    """
    plain = normal(text)
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
            redemption = _entered(code, account, user)
            usable = RedeemCode.objects.filter(_usable(), pk=code.pk, uses_left__gt=0)
            if not usable.update(uses_left=F("uses_left") - 1):
                raise CannotRedeem(_why_not(code))
            # Asked while the code's row is locked: else whoever founds ten organisations redeems it ten times more.
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


def _entered(code: RedeemCode, account: Account, user: User) -> Redemption:
    active = Account.objects.filter(pk=account.pk, status=Account.Status.ACTIVE)
    # Whose own account is closed to new things begins nothing for an organisation either.
    if not active.exists() or personal_accounts.is_personal_account_closed(user):
        raise CannotRedeem("closed")
    try:
        with transaction.atomic():
            return Redemption.objects.create(code=code, account=account, user=user)
    except IntegrityError:
        raise CannotRedeem("own") from None


def _usable() -> Q:
    """No join: it would put the condition on `uses_left` into a subquery, which PostgreSQL does not ask again after it
    has waited for another's UPDATE."""
    open_now = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    batches = CodeBatch.objects.filter(open_now, pk=OuterRef("batch"), revoked_at__isnull=True)
    return Q(Exists(batches), revoked_at__isnull=True)


def _why_not(code: RedeemCode) -> str:
    if RedeemCode.objects.filter(
        pk=code.pk, revoked_at__isnull=True, batch__revoked_at__isnull=True
    ).exists():
        return "used" if RedeemCode.objects.filter(_usable(), pk=code.pk).exists() else "expired"
    return "revoked"


OF_ACCOUNT = (10, 600)
"""Codes that may be wrong, and in how many seconds; right ones do not count.

Not by network: a code has 80 random bits, and one member who guesses would keep all their neighbours waiting.
"""
_COUNTED = {"unknown", "used", "expired", "revoked"}


def redeem(user: User, account: Account, text: str) -> redeem_codes.Redeemed:
    """Redeem what was typed. Raises throttle.TooMany, when nothing was looked up, or redeeming.CannotRedeem."""
    taken = attempt_limits.take("redeem", [attempt_limits.Limit(f"account {account.pk}", *OF_ACCOUNT)])
    try:
        with transaction.atomic():
            found = redeem_codes.redeem_uncounted(user, account, text)
            if found.plan is not None:
                notices.notify(user, "credits.plan", link="/account/", mail=False, plan=found.plan.name)
    except redeem_codes.CannotRedeem as error:
        if error.why not in _COUNTED:
            taken.give_back()
        raise
    taken.give_back()
    return found
