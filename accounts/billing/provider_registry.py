"""Registry of payment providers configured in the settings."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.billing.provider_base import Provider
from accounts.models import CreditPack
from accounts.site import feature_flags


def provider(name: str) -> Provider | None:
    """The provider of that name, where it is configured."""
    config = settings.PAYMENTS.get(name)
    if name == "stripe" and config and config["key"] and config["webhook_secret"]:
        # By dotted path: Stripe's library is needed only where it is configured.
        return cast(Provider, import_string("accounts.billing.stripe_api.Stripe")(**config))
    return None


def default_provider() -> Provider | None:
    """The provider of new orders: the first that is configured."""
    return next((instance for name in settings.PAYMENTS if (instance := provider(name)) is not None), None)


def is_selling() -> bool:
    """Whether members can buy credits now: a provider, an enabled pack, and the feature flag."""
    if not settings.PAYMENTS or default_provider() is None or not feature_flags.is_on("purchases"):
        return False
    return CreditPack.objects.filter(enabled=True).exists()
