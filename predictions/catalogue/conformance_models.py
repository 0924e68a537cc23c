"""The fixture models in the catalogue: there in conformance mode, away in any other, whatever the database has seen."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from accounts.models import ApiToken
from accounts.tokens import api_tokens
from engine import fixtures
from predictions.catalogue import loader
from predictions.models import HostedModel, Version

DATA = Path(__file__).parent / "data" / "fixtures"
USERNAMES = {role: f"conformance-{role.replace('_', '-')}" for role in ("funded", "other", "no_credit")}
"""The accounts of outside suites, by role."""
TOKEN_NAME = "conformance suite"  # noqa: S105 (a name, no secret)


def match_mode() -> None:
    """Add or enable them where DARKROOM_CONFORMANCE is on; elsewhere put away what a start in that mode left behind.

    That is the models, which are disabled, and the suites' tokens, which are revoked. Rows are never removed:
    predictions and their ledger rows may point at them.
    """
    if settings.CONFORMANCE:
        loader.load(DATA)
    else:
        _close_doors()
    names = [ref.partition("/")[2] for ref in fixtures.NAMES]
    ours = HostedModel.objects.filter(owner=fixtures.OWNER, name__in=names)
    ours.exclude(enabled=settings.CONFORMANCE).update(enabled=settings.CONFORMANCE)


def _close_doors() -> None:
    for token in ApiToken.objects.usable().filter(name=TOKEN_NAME, user__username__in=USERNAMES.values()):
        api_tokens.revoke(token)


def references() -> dict[str, str]:
    """`owner/name:version` of each fixture model, by role."""
    found = {}
    for role, ref in fixtures.BY_ROLE.items():
        owner, name = ref.split("/")
        version = Version.objects.filter(model__owner=owner, model__name=name).latest("created_at", "id")
        found[role] = f"{ref}:{version.pk}"
    return found
