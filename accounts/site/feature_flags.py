"""Features that the operator can switch off while the house is running. What is off is refused on every path."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException

from accounts.site import site_rules


class FeatureFlag(NamedTuple):
    """A feature by its name in `Site.switches_off`, what it is called at the desk, and what people read while it is
    off.
    """

    name: str
    title: str | Promise
    told: str | Promise


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
NAMES = frozenset(switch.name for switch in ALL)
_TOLD = {switch.name: switch.told for switch in ALL}
RETRY_AFTER_S = 60


class FeatureOff(APIException):
    """The feature is switched off: 503 on every path, in each one's own shape, with a sentence that says which."""

    status_code = 503
    default_code = "switched_off"
    # The framework's own handler tells it as `Retry-After`.
    wait = RETRY_AFTER_S

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(str(_TOLD[name]))


def is_on(name: str) -> bool:
    """Whether the feature is on. An unknown name is a mistake of ours: KeyError."""
    if name not in NAMES:
        raise KeyError(name)
    return name not in site_rules.current().switches_off


def require(name: str) -> None:
    """Nothing while the feature is on. Raises SwitchedOff."""
    if not is_on(name):
        raise FeatureOff(name)
