"""Validation of API token terms: scopes, models, networks, limits, for forms, API and commands alike.

Each check returns the value to store, or raises BadTerm with a message for the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.utils.translation import gettext as _

from accounts.credits import LARGEST
from accounts.models import ApiToken
from core.net import ip_addresses

MAX_ENTRIES = 50
"""Most entries in a token's list of models or networks."""
MAX_RATE = 1_000_000
"""Largest rate limit or limit of concurrent predictions."""
SPENDING = ("day_limit", "month_limit", "total_limit")
PACE = ("creates_per_minute", "in_flight_limit")
_LONGEST_REF = 300

_known_models: list[Callable[[], Iterable[str]]] = []


class Limits(TypedDict, total=False):
    """What a token may do, by model field. Amounts are micro-credits."""

    answer: str
    scopes: list[str]
    allowed_models: list[str]
    networks: list[str]
    day_limit: int | None
    month_limit: int | None
    total_limit: int | None
    creates_per_minute: int | None
    in_flight_limit: int | None
    expires_at: datetime | None


class TokenTerms(Limits, total=False):
    """All that a token's owner chooses."""

    name: str


class BadTerm(ValueError):
    """A value that a token cannot have; the message is for the user."""


class Exceeds(Exception):
    """A token would grant more than it has itself. `field` names the term; the message explains it."""

    def __init__(self, field: str, words: str) -> None:
        self.field = field
        super().__init__(words)


def register_models(refs: Callable[[], Iterable[str]]) -> None:
    """Register the function that lists model references; it lives in an app above, which must not be imported here."""
    _known_models[:] = [refs]


def known_models() -> list[str]:
    """`owner/name` of every model that a token can be limited to."""
    return sorted(ref for refs in _known_models for ref in refs())


def scopes(names: Sequence[str]) -> list[str]:
    """Known scopes without duplicates, in declaration order; at least one."""
    unknown = [name for name in names if name not in ApiToken.Scope.values]
    if unknown:
        raise BadTerm(
            _("There is no scope “%(name)s”; there are %(all)s.")
            % {"name": unknown[0][:50], "all": ", ".join(ApiToken.Scope.values)}
        )
    chosen = [name for name in ApiToken.Scope.values if name in names]
    if not chosen:
        raise BadTerm(_("A token may do something: choose at least one scope."))
    return chosen


def allowed_models(refs: Sequence[str], *, kept: Sequence[str] = ()) -> list[str]:
    """References of existing models, without duplicates. `kept`: those the token allows already may stay."""
    chosen = _unique(refs)
    existing = {*known_models(), *kept} if chosen else set()
    unknown = [ref for ref in chosen if ref not in existing]
    if unknown:
        raise BadTerm(_("There is no model “%(name)s” here.") % {"name": unknown[0][:_LONGEST_REF]})
    return chosen


def network_list(texts: Sequence[str]) -> list[str]:
    """Networks as normalised CIDR, without duplicates."""
    networks: list[str] = []
    for text in _unique(texts):
        try:
            networks.append(str(ip_addresses.parse(text)))
        except ValueError:
            message = _("“%(text)s” is no network; write it as 192.0.2.0/24 or 2001:db8::/32.")
            raise BadTerm(message % {"text": text[:50]}) from None
    return list(dict.fromkeys(networks))


def amount(micro: int | None) -> int | None:
    """A spending limit in micro-credits, 0 to 10^9 credits; None: no limit."""
    if micro is not None and not 0 <= micro <= LARGEST:
        raise BadTerm(_("A limit is from 0 to 1,000,000,000 credits."))
    return micro


def rate(number: int | None) -> int | None:
    """A rate limit or limit of concurrent predictions, 1 to 1,000,000; None: no limit of its own."""
    if number is not None and not 1 <= number <= MAX_RATE:
        raise BadTerm(_("A limit is from 1 to 1,000,000."))
    return number


def require_within(own: ApiToken, terms: TokenTerms) -> None:
    """Raise Exceeds where `terms` would grant more than the token that makes or changes another has itself.

    Only the fields in `terms` are compared.
    """
    for field, exceeds in _EXCEEDS.items():
        if field in terms and exceeds(getattr(own, field), terms[field]):  # type: ignore[literal-required]
            raise Exceeds(field, f"{field}: an API token may not give more than it has itself.")


def inherited(own: ApiToken, terms: TokenTerms) -> TokenTerms:
    """`terms`, completed with the token's own values: a token that it makes can do no more."""
    defaults: dict[str, Any] = {field: getattr(own, field) for field in _EXCEEDS}
    return {**defaults, **terms}  # type: ignore[typeddict-item]


def _unique(values: Sequence[str]) -> list[str]:
    chosen = list(dict.fromkeys(text.strip() for text in values if text.strip()))
    if len(chosen) > MAX_ENTRIES:
        raise BadTerm(_("At most %(most)s can be listed.") % {"most": MAX_ENTRIES})
    return chosen


def _more_scopes(former: list[str], new: list[str]) -> bool:
    return not set(new) <= set(former)


def _more_models(former: list[str], new: list[str]) -> bool:
    return bool(former) and (not new or not set(new) <= set(former))


def _more_networks(former: list[str], new: list[str]) -> bool:
    if not former:
        return False
    former_networks = [ip_addresses.parse(text) for text in former]
    new_networks = [ip_addresses.parse(text) for text in new]
    inside = [any(a.version == b.version and b.subnet_of(a) for a in former_networks) for b in new_networks]  # type: ignore[arg-type]
    return not new_networks or not all(inside)


def _more(former: Any, new: Any) -> bool:
    """For numbers and times; None means unlimited."""
    return former is not None and (new is None or new > former)


_EXCEEDS: dict[str, Callable[[Any, Any], bool]] = {
    "scopes": _more_scopes,
    "allowed_models": _more_models,
    "networks": _more_networks,
    **dict.fromkeys((*SPENDING, *PACE, "expires_at"), _more),
}
