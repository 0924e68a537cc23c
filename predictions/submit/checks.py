"""Everything that can refuse a create before money is touched, in the contract's order."""

from __future__ import annotations

from typing import Any

from accounts import personal_accounts
from accounts.models import Account, User
from accounts.site import feature_flags, maintenance_mode
from accounts.tokens import api_tokens
from predictions import availability, policy
from predictions.files import media
from predictions.image_safety import upload_checks
from predictions.inputs import precheck
from predictions.inputs.files import InputFiles
from predictions.models import Version
from predictions.policy import rule_hits
from predictions.pricing import calculator
from predictions.pricing.calculator import Quote
from predictions.submit import quotas, validation, work_request
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
    return _quote(version, work_request.without_nulls(given), account).ceiling


def check(request: Request, *, dry: bool = False) -> Offer:
    """Everything that can be refused before money is touched, in the contract's order. Raises Refused.

    `dry`: only to know; what the rules find is not noted.
    """
    files = InputFiles(request.version, request.given, request.origin)
    _check_open(request, files)
    person = _check_account(request)
    _check_input(request, files, dry=dry)
    kept = _redacted(request)
    flagged = _check_words(request, kept, person, dry=dry)
    quoted = _check_model(request)
    _check_room(request.account)
    return Offer(request, quoted, kept, files, flagged)


def _check_account(request: Request) -> Account | None:
    """Whether the account may ask for this model; the own account of somebody who acts for an organisation."""
    if request.account.status != Account.Status.ACTIVE:
        # The hold asks once more, under its lock; here it is for those who ask for a price alone.
        raise AccountSuspended
    _permit(request)
    person = personal_accounts.personal_account_behind(request.user, request.account)
    if person is not None and person.status != Account.Status.ACTIVE:
        raise AccountSuspended("Your own account is closed to new predictions.")
    return person


def _check_input(request: Request, files: InputFiles, *, dry: bool) -> None:
    """Whether the input fits the version's schema, and its files may be used."""
    faults = validation.check(request.version, request.given)
    if faults:
        raise InvalidInput(faults)
    if files:
        _check_files(request, files, dry=dry)


def _check_files(request: Request, files: InputFiles, *, dry: bool) -> None:
    """Whether its files may be used by this account, can be read, and are let through by the safety checks."""
    faults = precheck.objections(files, request.account)
    if faults:
        raise InvalidInput(faults)
    refused = upload_checks.objections(files, request.account, request.user, dry=dry)
    if refused:
        raise PromptNotAllowed(refused)


def _check_words(
    request: Request, given: dict[str, Any], person: Account | None, *, dry: bool
) -> tuple[policy.Finding, ...]:
    """What a moderator is to see of an input that the rules let through. Raises PromptNotAllowed."""
    properties = request.version.properties
    faults = policy.limit_faults(given, properties)
    if faults:
        raise PromptNotAllowed(faults)
    verdict = policy.evaluate(given, request.account, properties, person=person)
    if verdict.refused:
        if not dry:
            rule_hits.record_refusals(verdict.refused, request.account, request.user)
        raise PromptNotAllowed(verdict.faults, verdict.refused)
    return verdict.flagged


def _check_model(request: Request) -> Quote:
    """What it can cost at most, where somebody may work on it."""
    objection = availability.objection(request.version.model)
    if objection:
        raise ModelNotAvailable(objection)
    return _quote(request.version, request.given, request.account)


def _quote(version: Version, given: dict[str, Any], account: Account) -> Quote:
    try:
        return calculator.quote(version, given, account)
    except calculator.NoPrice:
        raise ModelNotAvailable("This model has no price yet. Nothing was charged.") from None


def _check_room(account: Account) -> None:
    """Whether the disk and the account have room for anything more."""
    if not media.has_free_disk():
        raise ServerFull
    full = quotas.refusal(account)
    if full is not None:
        raise full


def closed_refusal(user: User | None) -> HouseClosed | None:
    """Why nobody, or not this member, may ask for anything new at present; None while they may."""
    if maintenance_mode.refuses(user):
        return HouseClosed(maintained(None), maintenance_mode.retry_after_s(), maintained=True)
    if not feature_flags.is_on("predictions"):
        off = feature_flags.FeatureOff("predictions")
        return HouseClosed(str(off.detail), off.wait, maintained=False)
    return None


def _check_open(request: Request, files: InputFiles) -> None:
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


def _redacted(request: Request) -> dict[str, Any]:
    """A client's fault must not keep its token in our rows: any string equal to it is blotted out."""
    if request.token is None:
        return request.given
    blotted: dict[str, Any] = _blot(request.given, request.token.digest)
    return blotted


def _blot(value: Any, digest: str) -> Any:
    if isinstance(value, str):
        return (
            "[redacted]"
            if api_tokens.looks_like_token(value) and api_tokens.digest(value) == digest
            else value
        )
    if isinstance(value, dict):
        return {_blot(key, digest): _blot(inner, digest) for key, inner in value.items()}
    if isinstance(value, list):
        return [_blot(inner, digest) for inner in value]
    return value
