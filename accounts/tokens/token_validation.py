"""What an API token may be given: the values of its fields checked one by one, wherever they come from.

Each check answers the value to store, and raises BadTerm with words for the one who asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.utils.translation import gettext as _

from accounts.credits import LARGEST
from accounts.models import ApiToken
from core.net import ip_addresses

MOST = 50
"""Models and networks in one token's list."""
MOST_OFTEN = 1_000_000
"""The largest limit of a rate or of predictions at once."""
SPENDING = ("day_limit", "month_limit", "total_limit")
PACE = ("creates_per_minute", "in_flight_limit")
_LONGEST_REF = 300

_known_models: list[Callable[[], Iterable[str]]] = []


class Limits(TypedDict, total=False):
    """What a token may do, by the names of its fields in the database. Amounts are micro-credits."""

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
    """All that the owner of a token chooses."""

    name: str


class BadTerm(ValueError):
    """A value that a token cannot have; the message says why, in words for the user."""


class Exceeds(Exception):
    """A token would give more than it has itself. `field` names what; the message says it in a sentence."""

    def __init__(self, field: str, words: str) -> None:
        self.field = field
        super().__init__(words)


def models_come_from(refs: Callable[[], Iterable[str]]) -> None:
    """Tell where the names of models are known: a floor above, which this one must not import."""
    _known_models[:] = [refs]


def known_models() -> list[str]:
    """`owner/name` of every model that a token can be limited to."""
    return sorted(ref for refs in _known_models for ref in refs())


def scopes(given: Sequence[str]) -> list[str]:
    """Known scopes, once each, in their own order. At least one."""
    unknown = [name for name in given if name not in ApiToken.Scope.values]
    if unknown:
        raise BadTerm(
            _("There is no scope “%(name)s”; there are %(all)s.")
            % {"name": unknown[0][:50], "all": ", ".join(ApiToken.Scope.values)}
        )
    chosen = [name for name in ApiToken.Scope.values if name in given]
    if not chosen:
        raise BadTerm(_("A token may do something: choose at least one scope."))
    return chosen


def allowed_models(given: Sequence[str], *, kept: Sequence[str] = ()) -> list[str]:
    """`owner/name` of models that exist, once each. `kept`: those that the token has already may stay."""
    chosen = _few(given)
    known = {*known_models(), *kept} if chosen else set()
    unknown = [ref for ref in chosen if ref not in known]
    if unknown:
        raise BadTerm(_("There is no model “%(name)s” here.") % {"name": unknown[0][:_LONGEST_REF]})
    return chosen


def network_list(given: Sequence[str]) -> list[str]:
    """Networks as CIDR, in their shortest form, once each."""
    found: list[str] = []
    for text in _few(given):
        try:
            found.append(str(ip_addresses.parse(text)))
        except ValueError:
            words = _("“%(text)s” is no network; write it as 192.0.2.0/24 or 2001:db8::/32.")
            raise BadTerm(words % {"text": text[:50]}) from None
    return list(dict.fromkeys(found))


def amount(micro: int | None) -> int | None:
    """A spending limit in micro-credits, 0 to 10^9 credits; None for no limit."""
    if micro is not None and not 0 <= micro <= LARGEST:
        raise BadTerm(_("A limit is from 0 to 1,000,000,000 credits."))
    return micro


def pace(number: int | None) -> int | None:
    """A limit of a rate or of predictions at once, 1 to 1,000,000; None for none of its own."""
    if number is not None and not 1 <= number <= MOST_OFTEN:
        raise BadTerm(_("A limit is from 1 to 1,000,000."))
    return number


def within(own: ApiToken, terms: TokenTerms) -> None:
    """What a token gives to another one, by making or changing it, is no more than what it has itself.

    Raises Exceeds, naming the field. Only the fields in `terms` are looked at.
    """
    for field, wider in _WIDER.items():
        if field in terms and wider(getattr(own, field), terms[field]):  # type: ignore[literal-required]
            raise Exceeds(field, f"{field}: an API token may not give more than it has itself.")


def inherited(own: ApiToken, terms: TokenTerms) -> TokenTerms:
    """`terms`, with the token's own where nothing was said: a token that it makes can do no more."""
    mine: dict[str, Any] = {field: getattr(own, field) for field in _WIDER}
    return {**mine, **terms}  # type: ignore[typeddict-item]


def _few(given: Sequence[str]) -> list[str]:
    chosen = list(dict.fromkeys(text.strip() for text in given if text.strip()))
    if len(chosen) > MOST:
        raise BadTerm(_("At most %(most)s can be listed.") % {"most": MOST})
    return chosen


def _more_scopes(own: list[str], given: list[str]) -> bool:
    return not set(given) <= set(own)


def _more_models(own: list[str], given: list[str]) -> bool:
    return bool(own) and (not given or not set(given) <= set(own))


def _more_networks(own: list[str], given: list[str]) -> bool:
    if not own:
        return False
    mine, theirs = [ip_addresses.parse(text) for text in own], [ip_addresses.parse(text) for text in given]
    inside = [any(a.version == b.version and b.subnet_of(a) for a in mine) for b in theirs]  # type: ignore[arg-type]
    return not theirs or not all(inside)


def _more(own: Any, given: Any) -> bool:
    """Of numbers and times, None being without end."""
    return own is not None and (given is None or given > own)


_WIDER: dict[str, Callable[[Any, Any], bool]] = {
    "scopes": _more_scopes,
    "allowed_models": _more_models,
    "networks": _more_networks,
    **dict.fromkeys((*SPENDING, *PACE, "expires_at"), _more),
}
