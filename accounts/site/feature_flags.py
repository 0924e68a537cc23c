"""Feature flags: features the operator can switch off at run time, refused on every path with 503."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException

from accounts.site import site_rules


class FeatureFlag(NamedTuple):
    """A feature: its name in `Site.switches_off`, its title for staff, and the message while it is off."""

    name: str
    title: str | Promise
    message: str | Promise


ALL: tuple[FeatureFlag, ...] = (
    FeatureFlag(
        "predictions",
        _("New predictions"),
        _("New predictions are switched off here for now. Nothing was charged."),
    ),
    FeatureFlag(
        "uploads", _("Sending files"), _("Sending files is switched off here for now. Nothing was charged.")
    ),
    FeatureFlag(
        "publishing",
        _("Publishing and sharing"),
        _("Publishing and sharing are switched off here for now. What is open stays open."),
    ),
    FeatureFlag("comments", _("Comments"), _("Comments are switched off here for now.")),
    FeatureFlag(
        "public_gallery",
        _("The gallery for visitors"),
        _("The gallery is open to members only for now. Sign in to see it."),
    ),
    FeatureFlag("api", _("The APIs for tokens"), _("The APIs for tokens are switched off here for now.")),
    FeatureFlag(
        "webhooks",
        _("Webhooks"),
        _("Webhooks are switched off here for now. Leave the webhook out. Nothing was charged."),
    ),
    FeatureFlag(
        "organizations", _("New organisations"), _("New organisations are switched off here for now.")
    ),
    FeatureFlag("purchases", _("Buying credits"), _("Buying credits is switched off here for now.")),
)
NAMES = frozenset(flag.name for flag in ALL)
_MESSAGES = {flag.name: flag.message for flag in ALL}
RETRY_AFTER_S = 60


class FeatureOff(APIException):
    """The feature is switched off: 503 on every path, in each API's error format, naming the feature."""

    status_code = 503
    default_code = "switched_off"
    # REST framework sends it as `Retry-After`.
    wait = RETRY_AFTER_S

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(str(_MESSAGES[name]))


def is_on(name: str) -> bool:
    """Whether the feature is on. KeyError for an unknown name."""
    if name not in NAMES:
        raise KeyError(name)
    return name not in site_rules.current().switches_off


def require(name: str) -> None:
    """Raise FeatureOff where the feature is off."""
    if not is_on(name):
        raise FeatureOff(name)
