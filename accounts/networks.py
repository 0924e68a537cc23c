"""Where a request comes from, and whether a token may be used from there.

The address is the connection's own, or behind a trusted proxy the last that `X-Forwarded-For` names: the one that the
proxy itself has seen. What stands before it was written by the caller, who could name any address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts import addresses, site
from accounts.addresses import UNKNOWN, Address, Network, parse
from accounts.models import ApiToken
from accounts.permits import NotFromHere

__all__ = ["UNKNOWN", "Address", "Network", "parse"]


def client_address(request: HttpRequest) -> Address | None:
    """The caller's address, IPv4 wherever it is one; None where it cannot be told."""
    return _address(request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For"))


def scope_address(scope: Mapping[str, Any]) -> Address | None:
    """The same of an ASGI scope, before there is a request."""
    forwarded = [value.decode("latin1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    remote = (scope.get("client") or [""])[0]
    return _address(remote, ",".join(forwarded) if forwarded else None)


def _address(remote: str, forwarded: str | None) -> Address | None:
    text = remote
    if settings.TRUST_PROXY and forwarded is not None:
        text = forwarded.rpartition(",")[2]
    return addresses.read(text)


def household(request: HttpRequest) -> str:
    """Whose requests are counted together: one IPv4 address, or the /64 of an IPv6 one, whose devices choose the rest.

    `UNKNOWN` for all whose address cannot be told.
    """
    return addresses.household(client_address(request))


def contains(networks: Sequence[str], address: Address) -> bool:
    """Whether one of the networks has the address."""
    return any(address.version == network.version and address in network for network in map(parse, networks))


def is_refused(request: HttpRequest) -> bool:
    """Whether the house rules refuse the network that this comes from; never where it cannot be told."""
    refused = site.rules().refused_networks
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
