"""Exceptions for refused creates: one class per reason, with what an API dialect reports. Nothing was charged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from django.template.defaultfilters import filesizeformat
from django.utils import translation
from django.utils.translation import gettext as _

from accounts import credits
from accounts.credits import limit_usage
from accounts.models import Plan
from accounts.site import maintenance_mode
from predictions import policy
from predictions.submit.validation import Fault

Waiting = Literal["predictions", "input_bytes", "output_bytes"]
"""Which quota of live predictions is reached: their number, their inputs, or their expected outputs."""
Full = Literal["pictures", "uploads", "file"]
"""Which storage quota is full: everything stored, uploads alone, or one file larger than the whole quota."""
_NAMED = 10
"""The most models that a plan's refusal names."""


class Refused(Exception):
    """A request that was not accepted: nothing is held, stored or queued. Carries what an API dialect reports."""

    status = 422
    title = "Refused"
    detail = "The request was refused."
    retry_after_s: int | None = None
    """Seconds after which it may be worth trying again; None where waiting does not help."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.detail
        super().__init__(self.detail)


class InvalidInput(Refused):
    """The input does not fit the version's schema."""

    title = "Input validation failed"

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("".join(fault.line for fault in faults))


class PromptNotAllowed(InvalidInput):
    """A moderation rule of this server blocks the text or the files."""

    title = "Prompt not allowed"

    def __init__(self, faults: list[Fault], findings: Sequence[policy.Finding] = ()) -> None:
        self.findings = tuple(findings)
        """Rule findings, for pages that translate them."""
        super().__init__(faults)


class ModelNotAvailable(Refused):
    """No provider can serve this model at present, or it has no price."""

    title = "Model not available"


class InsufficientCredit(Refused):
    """The balance is below the maximum price."""

    status = 402
    title = "Insufficient credit"
    detail = "You have insufficient credit to run this model. Add credit to your account and try again."


class TokenLimit(InsufficientCredit):
    """The API token's spending limit leaves less than the maximum price."""

    def __init__(self, reached: credits.TokenLimitReached) -> None:
        super().__init__(limit_usage.refusal(reached))


class AccountLimit(InsufficientCredit):
    """A spending limit of the account, or of the member acting for it, leaves less than the maximum price."""

    def __init__(self, reached: credits.AccountLimitReached, *, sees_money: bool) -> None:
        self.reached, self.sees_money = reached, sees_money
        super().__init__(limit_usage.account_refusal(reached, sees_money=sees_money))


class ModelNotPermitted(Refused):
    """The API token is restricted to other models."""

    title = "Invalid version or not permitted"

    def __init__(self, ref: str, allowed: list[str]) -> None:
        self.ref = ref
        super().__init__(f"This API token may not use {ref}. It may use: {', '.join(allowed)}.")


class PlanModel(ModelNotPermitted):
    """The account's plan does not include this model."""

    def __init__(self, ref: str, plan: Plan) -> None:
        self.ref = ref
        self.plan = plan.name
        named = ", ".join(plan.allowed_models[:_NAMED])
        more = "" if len(plan.allowed_models) <= _NAMED else ", …"
        Refused.__init__(self, f"The plan “{plan.name}” does not include {ref}. It includes: {named}{more}.")


class ServiceClosed(Refused):
    """New predictions are paused: maintenance, or the operator switched them off."""

    status = 503
    title = "Service unavailable"
    retry_after_s: int

    def __init__(self, detail: str, retry_after_s: int, *, maintained: bool) -> None:
        self.retry_after_s = retry_after_s
        self.maintained = maintained
        super().__init__(detail)

    def detail_in(self, language: str) -> str:
        """The detail in a language."""
        return maintained(language) if self.maintained else self.detail


class AccountSuspended(Refused):
    """The account is suspended and may not create predictions."""

    status = 403
    title = "Forbidden"
    detail = "This account is closed to new predictions."


class ServerFull(Refused):
    """The disk is nearly full: outputs of new predictions could not be stored."""

    status = 503
    title = "Service unavailable"
    retry_after_s = 5
    detail = "The server has too little free space for new pictures. Nothing was charged; try again later."


class StorageFull(Refused):
    """A storage quota of the account is full."""

    # Not 402, which is about credit, and not 507, which clients would try again.
    status = 403
    title = "Storage full"
    detail = "Other files of this account took the room at the same moment. Nothing was charged; try again."
    quota: Full | None = None
    """Which quota is full; None where it was so only momentarily."""

    @classmethod
    def of_pictures(cls, used: int, quota: int) -> StorageFull:
        """The quota of everything stored is full. Bytes."""
        return cls._of(
            "pictures",
            f"Your pictures and uploads take {_size(used)} of {_size(quota)}. Delete some and empty the trash, then "
            "try again. Nothing was charged.",
        )

    @classmethod
    def of_uploads(cls, used: int, quota: int) -> StorageFull:
        """The quota of uploads is full. Bytes."""
        return cls._of(
            "uploads",
            f"Your uploads take {_size(used)} of {_size(quota)}. Each goes a day after it came; delete some, then try "
            "again. Nothing was charged.",
        )

    @classmethod
    def of_file(cls, size: int, quota: int) -> StorageFull:
        """A file larger than the whole quota. Bytes."""
        return cls._of(
            "file",
            f"The file takes {_size(size)}, and all files of this account together may take {_size(quota)}. Send a "
            "smaller one. Nothing was charged.",
        )

    @classmethod
    def _of(cls, quota: Full, detail: str) -> StorageFull:
        full = cls(detail)
        full.quota = quota
        return full


class TooManyWaiting(Refused):
    """The account's quota of live predictions is reached; there is room once some have ended."""

    status = 429
    title = "Too many predictions waiting"
    # As long as the longest of the rate limits: clients obey Retry-After to the letter, many times over.
    retry_after_s = 10

    def __init__(self, quota: Waiting, most: int) -> None:
        self.quota, self.most = quota, most
        super().__init__(
            {
                "predictions": f"{most} predictions of this account have not ended, which is as many as it may have.",
                "input_bytes": f"The inputs of this account's predictions that have not ended take {_size(most)}, "
                "which is as much as they may.",
                "output_bytes": "What is being made for this account may take all the room that it has left "
                f"(of {_size(most)}).",
            }[quota]
            + " Nothing was charged; try again when some of them have ended."
        )


def _size(number: int) -> str:
    """Bytes in human-readable form, in English: API errors are not translated."""
    with translation.override("en"):
        return filesizeformat(number).replace("\xa0", " ")


class KeyReused(Refused):
    """The idempotency key was used before with a different body."""

    title = "Idempotency key reused"
    detail = "This Idempotency-Key was sent with another body in the last 24 hours. Use a new key for a new request."


def maintained(language: str | None) -> str:
    """The maintenance message in a language (None: the active one)."""
    with translation.override(language or translation.get_language()):
        # Not inside the f-string: makemessages does not look there.
        free = _("Nothing was charged.")
        return f"{maintenance_mode.message()} {free}"
