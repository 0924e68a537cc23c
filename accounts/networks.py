"""Where a request comes from, and whether a token may be used from there.

The address is the connection's own, or behind a trusted proxy the last that `X-Forwarded-For` names: the one that the
proxy itself has seen. What stands before it was written by the caller, who could name any address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts import site
from accounts.models import ApiToken
from accounts.permits import NotFromHere

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")
UNKNOWN = "unknown"
_HOUSEHOLD_BITS = 64
_MAPPED_BITS = 96
"""Of an IPv6 address stand before an IPv4 address that is written as one (`::ffff:192.0.2.1`)."""


@lru_cache(maxsize=1024)
def parse(text: str) -> Network:
    """A network in CIDR, or one address. Bits behind the prefix are cut off. Raises ValueError."""
    network = ip_network(text.strip(), strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


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
    text = text.strip()
    match = _WITH_PORT.fullmatch(text)
    if match:
        text = match[1] or match[2]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def household(request: HttpRequest) -> str:
    """Whose requests are counted together: one IPv4 address, or the /64 of an IPv6 one, whose devices choose the rest.

    `UNKNOWN` for all whose address cannot be told.
    """
    return household_of(client_address(request))


def household_of(address: Address | None) -> str:
    """The household of an address; see `household`."""
    if address is None:
        return UNKNOWN
    return str(address) if address.version == 4 else str(parse(f"{address}/{_HOUSEHOLD_BITS}"))


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
