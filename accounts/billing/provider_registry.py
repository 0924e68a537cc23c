"""Which payment providers are set up, from the settings."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.billing.provider_base import Provider
from accounts.models import CreditPack
from accounts.site import feature_flags


def provider(name: str) -> Provider | None:
    """The provider of that name, where it is set up."""
    chosen = settings.PAYMENTS.get(name)
    if name == "stripe" and chosen and chosen["key"] and chosen["webhook_secret"]:
        # Only here: without it, nobody needs Stripe's library.
        return cast(Provider, import_string("accounts.billing.stripe_api.Stripe")(**chosen))
    return None


def chosen() -> Provider | None:
    """The one that new orders go to."""
    return next((found for name in settings.PAYMENTS if (found := provider(name)) is not None), None)


def is_selling() -> bool:
    """Whether members can buy credits now: a provider, a pack, and the operator has not switched it off."""
    if not settings.PAYMENTS or chosen() is None or not feature_flags.is_on("purchases"):
        return False
    return CreditPack.objects.filter(enabled=True).exists()
