"""Checks of a create before credit is held, in the order that the API contract fixes; quotes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from accounts import personal_accounts
from accounts.models import Account, User
from accounts.site import feature_flags, maintenance_mode
from accounts.tokens import api_tokens
from predictions import availability, policy
from predictions.dispatch import provider_lookup
from predictions.files import media
from predictions.image_safety import upload_checks
from predictions.inputs import precheck
from predictions.inputs.files import InputFiles
from predictions.models import Version
from predictions.policy import rule_hits
from predictions.pricing import calculator
from predictions.pricing.calculator import Quote
from predictions.providers.base import Provider
from predictions.submit import quotas, validation, work_request
from predictions.submit.refusals import (
    AccountSuspended,
    InvalidInput,
    ModelNotAvailable,
    ModelNotPermitted,
    PlanModel,
    PromptNotAllowed,
    ServerFull,
    ServiceClosed,
    maintained,
)
from predictions.submit.work_request import Offer, Request


def quote(version: Version, inputs: dict[str, Any], account: Account) -> int:
    """The maximum price of a prediction with this input, in micro-credits. Raises ModelNotAvailable."""
    return _quote(version, work_request.without_nulls(inputs), account).ceiling


def check(request: Request, *, dry: bool = False) -> Offer:
    """Run every check that precedes the hold, in the contract's order. Raises Refused.

    `dry`: a dry run; rule hits are not recorded.
    """
    files = InputFiles(request.version, request.inputs, request.origin)
    _check_open(request, files)
    personal_account = _check_account(request)
    providers = provider_lookup.all_providers()
    _check_input(request, files, providers, dry=dry)
    stored_input = _redacted(request)
    flagged = _check_text(request, stored_input, personal_account, dry=dry)
    quoted = _check_model(request, providers)
    _check_capacity(request.account)
    return Offer(request, quoted, stored_input, files, flagged)


def _check_account(request: Request) -> Account | None:
    """Check that the account may use this model; returns the member's own account when acting for an organisation."""
    if request.account.status != Account.Status.ACTIVE:
        # The hold checks this again under its lock; this check serves quotes.
        raise AccountSuspended
    _permit(request)
    personal_account = personal_accounts.personal_account_behind(request.user, request.account)
    if personal_account is not None and personal_account.status != Account.Status.ACTIVE:
        raise AccountSuspended("Your own account is closed to new predictions.")
    return personal_account


def _check_input(request: Request, files: InputFiles, providers: Sequence[Provider], *, dry: bool) -> None:
    """Check the input against the version's schema, and its files."""
    faults = validation.check(request.version, request.inputs)
    if faults:
        raise InvalidInput(faults)
    if files:
        _check_files(request, files, providers, dry=dry)


def _check_files(request: Request, files: InputFiles, providers: Sequence[Provider], *, dry: bool) -> None:
    """Check that the account may use the files, that they can be read and that they pass the safety checks."""
    faults = precheck.objections(files, request.account, providers)
    if faults:
        raise InvalidInput(faults)
    refused = upload_checks.objections(files, request.account, request.user, dry=dry)
    if refused:
        raise PromptNotAllowed(refused)


def _check_text(
    request: Request, inputs: dict[str, Any], personal_account: Account | None, *, dry: bool
) -> tuple[policy.Finding, ...]:
    """Check the text against the rules; returns findings for moderators that do not block. Raises PromptNotAllowed."""
    properties = request.version.properties
    faults = policy.limit_faults(inputs, properties)
    if faults:
        raise PromptNotAllowed(faults)
    verdict = policy.evaluate(inputs, request.account, properties, personal_account=personal_account)
    if verdict.refused:
        if not dry:
            rule_hits.record_refusals(verdict.refused, request.account, request.user)
        raise PromptNotAllowed(verdict.faults, verdict.refused)
    return verdict.flagged


def _check_model(request: Request, providers: Sequence[Provider]) -> Quote:
    """The maximum price, where some provider can serve the model."""
    objection = availability.objection(request.version.model, providers)
    if objection:
        raise ModelNotAvailable(objection)
    return _quote(request.version, request.inputs, request.account)


def _quote(version: Version, inputs: dict[str, Any], account: Account) -> Quote:
    try:
        return calculator.quote(version, inputs, account)
    except calculator.NoPrice:
        raise ModelNotAvailable("This model has no price yet. Nothing was charged.") from None


def _check_capacity(account: Account) -> None:
    """Check free disk space and the account's quotas."""
    if not media.has_free_disk():
        raise ServerFull
    full = quotas.refusal(account)
    if full is not None:
        raise full


def closed_refusal(user: User | None) -> ServiceClosed | None:
    """The refusal while the server, or this member, may not create predictions (maintenance, flag off); else None."""
    if maintenance_mode.refuses(user):
        return ServiceClosed(maintained(None), maintenance_mode.retry_after_s(), maintained=True)
    if not feature_flags.is_on("predictions"):
        off = feature_flags.FeatureOff("predictions")
        return ServiceClosed(str(off.detail), off.wait, maintained=False)
    return None


def _check_open(request: Request, files: InputFiles) -> None:
    refusal = closed_refusal(request.user)
    if refusal is not None:
        raise refusal
    if request.webhook:
        feature_flags.require("webhooks")
    if files.has_inline():
        # A data URI in the input is an upload too.
        feature_flags.require("uploads")


def plan_refusal(account: Account, ref: str) -> PlanModel | None:
    """The refusal where the account's plan excludes a model (`owner/name`); else None."""
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
    """The input with any string equal to the caller's API token redacted, so that rows never store it by mistake."""
    if request.token is None:
        return request.inputs
    redacted: dict[str, Any] = _redact(request.inputs, request.token.digest)
    return redacted


def _redact(value: Any, digest: str) -> Any:
    if isinstance(value, str):
        return (
            "[redacted]"
            if api_tokens.looks_like_token(value) and api_tokens.digest(value) == digest
            else value
        )
    if isinstance(value, dict):
        return {_redact(key, digest): _redact(inner, digest) for key, inner in value.items()}
    if isinstance(value, list):
        return [_redact(inner, digest) for inner in value]
    return value
