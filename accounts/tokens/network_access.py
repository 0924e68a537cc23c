"""Which networks may use the site, and which ones a token: checks of a caller's address."""

from __future__ import annotations

from functools import lru_cache

from django.http import HttpRequest

from accounts.models import ApiToken
from accounts.site import site_rules
from accounts.tokens.token_scopes import NotFromHere
from core.net.client_ip import client_address
from core.net.ip_addresses import Address, contains


def is_refused(request: HttpRequest) -> bool:
    """Whether the house rules refuse the network that this comes from; never where it cannot be told."""
    refused = site_rules.current().refused_networks
    if not refused:
        return False
    address = client_address(request)
    return address is not None and _is_among(address, tuple(refused))


@lru_cache(maxsize=4096)
def _is_among(address: Address, refused: tuple[str, ...]) -> bool:
    # Kept: each request asks, and the same callers come again while the list stays as it is.
    return contains(refused, address)


def check(token: ApiToken, request: HttpRequest) -> None:
    """Raises NotFromHere where the token's networks do not have the caller's address."""
    if not token.networks:
        return
    address = client_address(request)
    if address is None or not contains(token.networks, address):
        raise NotFromHere(str(address) if address is not None else "unknown")
