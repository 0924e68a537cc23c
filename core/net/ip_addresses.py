"""IP addresses and networks: IPv4 also where it comes mapped into IPv6, and an IPv6 /64 counted as one household.

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


def read(text: str) -> Address | None:
    """The address that a text tells, with or without a port; None where it is none."""
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


def household(address: Address | None) -> str:
    """Whose requests are counted together: one IPv4 address, or the /64 of an IPv6 one; else `UNKNOWN`."""
    if address is None:
        return UNKNOWN
    return str(address) if address.version == 4 else str(parse(f"{address}/{_HOUSEHOLD_BITS}"))


def contains(networks: Sequence[str], address: Address) -> bool:
    """Whether one of the networks has the address."""
    return any(address.version == network.version and address in network for network in map(parse, networks))
