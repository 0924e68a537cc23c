"""IP addresses and networks: parsing, IPv4 mapped into IPv6, and rate limit keys (an IPv6 /64 counts as one client).

Plain Python, so that the web process has it before there is a request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")
UNKNOWN = "unknown"
_IPV6_PREFIX_BITS = 64
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


def read(text: str) -> Address | None:
    """The address in a text, with or without a port; None where there is none."""
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


def rate_limit_key(address: Address | None) -> str:
    """The rate limit key of a client: its IPv4 address, or the /64 of its IPv6 address; else `UNKNOWN`."""
    if address is None:
        return UNKNOWN
    return str(address) if address.version == 4 else str(parse(f"{address}/{_IPV6_PREFIX_BITS}"))


def contains(networks: Sequence[str], address: Address) -> bool:
    """Whether one of the networks has the address."""
    return any(address.version == network.version and address in network for network in map(parse, networks))
