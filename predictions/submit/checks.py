"""Everything that can refuse a create before money is touched, in the contract's order."""

from __future__ import annotations

from typing import Any

from accounts import personal_accounts
from accounts.models import Account, User
from accounts.site import feature_flags, maintenance_mode
from accounts.tokens import api_tokens
from predictions import availability, lifecycle, policy
from predictions.files import media
from predictions.image_safety import upload_checks
from predictions.inputs import precheck
from predictions.inputs.files import InputFiles
from predictions.models import Version
from predictions.policy import rule_hits
from predictions.pricing import calculator
from predictions.submit import quotas, validation
from predictions.submit.refusals import (
    AccountSuspended,
    HouseClosed,
    InvalidInput,
    ModelNotAvailable,
    ModelNotPermitted,
    PlanModel,
    PromptNotAllowed,
    ServerFull,
    maintained,
)
from predictions.submit.work_request import Offer, Request


def quote(version: Version, given: dict[str, Any], account: Account) -> int:
    """The most a prediction with this input can cost the account, in micro-credits. Raises ModelNotAvailable."""
    try:
        price, percent = calculator.current_price(version.model), calculator.percent_of(account)
        return calculator.ceiling(price, version, validation.without_nulls(given), percent)
    except calculator.NoPrice:
        raise ModelNotAvailable("This model has no price yet. Nothing was charged.") from None


def check(request: Request, *, dry: bool = False) -> Offer:
    """Everything that can be refused before money is touched, in the contract's order. Raises Refused.

    `dry`: only to know; what the rules find is not noted.
    """
    files = InputFiles(request.version, request.input, request.origin)
    _refuse_closed(request, files)
    if request.account.status != Account.Status.ACTIVE:
        # The hold asks once more, under its lock; here it is for those who ask for a price alone.
        raise AccountSuspended
    _permit(request)
    person = personal_accounts.personal_account_behind(request.user, request.account)
    if person is not None and person.status != Account.Status.ACTIVE:
        raise AccountSuspended("Your own account is closed to new predictions.")
    given = validation.without_nulls(request.input)
    faults = validation.check(request.version, given)
    if not faults and files:
        faults = precheck.objections(files, request.account)
    if faults:
        raise InvalidInput(faults)
    seen = upload_checks.objections(files, request.account, request.user, dry=dry) if files else []
    if seen:
        raise PromptNotAllowed(seen)
    kept = _redacted(request, given)
    flagged = _judge(request, kept, person, dry=dry)
    if not availability.can_serve(request.version.model):
        raise ModelNotAvailable
    if availability.is_capped(request.version.model):
        raise ModelNotAvailable(lifecycle.free(availability.CAPPED))
    percent = calculator.percent_of(request.account)
    try:
        price = calculator.current_price(request.version.model)
        ceiling = calculator.ceiling(price, request.version, given, percent)
    except calculator.NoPrice:
        raise ModelNotAvailable("This model has no price yet. Nothing was charged.") from None
    if not media.has_room():
        raise ServerFull
    full = quotas.refusal(request.account)
    if full is not None:
        raise full
    return Offer(request, price, percent, ceiling, kept, files, flagged)


def _judge(
    request: Request, given: dict[str, Any], person: Account | None = None, *, dry: bool
) -> tuple[policy.Finding, ...]:
    """What a moderator is to see of an input that the rules let through. Raises PromptNotAllowed."""
    faults = policy.objections(given, request.version.properties)
    if faults:
        raise PromptNotAllowed(faults)
    verdict = policy.judge(given, request.account, request.version.properties, person=person)
    if verdict.refused:
        if not dry:
            rule_hits.refused(verdict.refused, request.account, request.user)
        raise PromptNotAllowed(verdict.faults, verdict.refused)
    return verdict.flagged


def closed_refusal(user: User | None) -> HouseClosed | None:
    """Why nobody, or not this member, may ask for anything new at present; None while they may."""
    if maintenance_mode.keeps_out(user):
        return HouseClosed(maintained(None), maintenance_mode.retry_after_s(), maintained=True)
    if not feature_flags.is_on("predictions"):
        off = feature_flags.FeatureOff("predictions")
        return HouseClosed(str(off.detail), off.wait, maintained=False)
    return None


def _refuse_closed(request: Request, files: InputFiles) -> None:
    refusal = closed_refusal(request.user)
    if refusal is not None:
        raise refusal
    if request.webhook:
        feature_flags.require("webhooks")
    if files.has_inline():
        # A file that comes within the input is sent as much as one that comes before it.
        feature_flags.require("uploads")


def plan_refusal(account: Account, ref: str) -> PlanModel | None:
    """Why the account's plan keeps it from a model (`owner/name`); None where it does not."""
    plan = account.plan if account.plan_id is not None else None
    if plan is None or not plan.allowed_models or ref in plan.allowed_models:
        return None
    return PlanModel(ref, plan)


def _permit(request: Request) -> None:
    ref = request.version.model.ref
    allowed = request.token.allowed_models if request.token is not None else []
    if allowed and ref not in allowed:
        raise ModelNotPermitted(ref, allowed)
    refusal = plan_refusal(request.account, ref)
    if refusal is not None:
        raise refusal


def _redacted(request: Request, given: dict[str, Any]) -> dict[str, Any]:
    """A client's fault must not keep its token in our rows: any string equal to it is blotted out."""
    if request.token is None:
        return given
    blotted: dict[str, Any] = _blot(given, request.token.digest)
    return blotted


def _blot(value: Any, digest: str) -> Any:
    if isinstance(value, str):
        return (
            "[redacted]" if api_tokens.looks_like_one(value) and api_tokens.digest(value) == digest else value
        )
    if isinstance(value, dict):
        return {_blot(key, digest): _blot(inner, digest) for key, inner in value.items()}
    if isinstance(value, list):
        return [_blot(inner, digest) for inner in value]
    return value
