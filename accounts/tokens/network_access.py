"""Network restrictions: networks refused by the site rules, and networks that a token may be used from."""

from __future__ import annotations

from functools import lru_cache

from django.http import HttpRequest

from accounts.models import ApiToken
from accounts.site import site_rules
from accounts.tokens.token_scopes import NotFromHere
from core.net.client_ip import client_address
from core.net.ip_addresses import Address, contains


def is_refused(request: HttpRequest) -> bool:
    """Whether the site rules refuse the caller's network; never where the address is unknown."""
    refused = site_rules.current().refused_networks
    if not refused:
        return False
    address = client_address(request)
    return address is not None and _is_among(address, tuple(refused))


@lru_cache(maxsize=4096)
def _is_among(address: Address, refused: tuple[str, ...]) -> bool:
    # Cached: every request is checked, mostly for the same callers and an unchanged list.
    return contains(refused, address)


def check(token: ApiToken, request: HttpRequest) -> None:
    """Raise NotFromHere where the caller's address is not in the token's networks."""
    if not token.networks:
        return
    address = client_address(request)
    if address is None or not contains(token.networks, address):
        raise NotFromHere(str(address) if address is not None else "unknown")
