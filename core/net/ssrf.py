"""Guard against server-side request forgery: which network addresses are public. Settings are passed in."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost", "ip6-loopback"})

# The IANA special-purpose address registries of IPv4 and IPv6 (RFC 6890, as of 2025) and what they leave out, with the
# document of each. Our own list, whole blocks: the answers of `ipaddress` change with Python's patch level, and the
# few exceptions inside the blocks are relays and sinks that no file and no webhook comes from.
SPECIAL_PURPOSE: dict[str, str] = {
    "0.0.0.0/8": "this network, RFC 791",
    "10.0.0.0/8": "private use, RFC 1918",
    "100.64.0.0/10": "shared address space of providers, RFC 6598",
    "127.0.0.0/8": "loopback, RFC 1122",
    "168.63.129.16/32": "platform services inside Azure, by Microsoft's documentation",
    "169.254.0.0/16": "link-local, RFC 3927; metadata of clouds",
    "172.16.0.0/12": "private use, RFC 1918",
    "192.0.0.0/24": "IETF protocol assignments, RFC 6890",
    "192.0.2.0/24": "documentation, RFC 5737",
    "192.31.196.0/24": "AS112, RFC 7535",
    "192.52.193.0/24": "multicast relays (AMT), RFC 7450",
    "192.88.99.0/24": "6to4 relays, RFC 7526",
    "192.168.0.0/16": "private use, RFC 1918",
    "192.175.48.0/24": "AS112, RFC 7534",
    "198.18.0.0/15": "benchmarks, RFC 2544",
    "198.51.100.0/24": "documentation, RFC 5737",
    "203.0.113.0/24": "documentation, RFC 5737",
    "224.0.0.0/4": "multicast, RFC 5771",
    "240.0.0.0/4": "reserved and broadcast, RFC 1112 and RFC 919",
    "2001::/23": "IETF protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID, relays",
    "2001:db8::/32": "documentation, RFC 3849",
    "2002::/16": "6to4, RFC 7526: an IPv4 address in disguise",
    "2620:4f:8000::/48": "AS112, RFC 7534",
    "3fff::/20": "documentation, RFC 9637",
}
_SPECIAL = tuple(ipaddress.ip_network(text) for text in SPECIAL_PURPOSE)
# Everything else of IPv6 is loopback, local (fc00::/7, fe80::/10, fec0::/10), multicast, a way to write IPv4 or not
# given out (RFC 4291 and IANA's IPv6 address space).
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Of a network that translates to IPv4 (RFC 6052). 64:ff9b:1::/48 (RFC 8215) is each network's own, and where in it the
# IPv4 address stands is known to that network alone: like all that is outside of 2000::/3 it is no public one.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def may_reach(text: str, allowed: Iterable[Network] = ()) -> bool:
    """Whether an IP address is a public one, or within one of the networks `allowed`."""
    try:
        address = _plain(ipaddress.ip_address(text.split("%")[0]))
    except ValueError:
        return False
    if any(address in network for network in allowed if network.version == address.version):
        return True
    return _is_public(address)


def literal(host: str) -> Address | None:
    """The IP address that a host names without a resolver, in any spelling that a resolver would take as one."""
    try:
        return ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        pass
    try:
        # `127.1`, `0x7f000001`, `2130706433` and their like are loopback to every system library.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError, UnicodeEncodeError):
        return None


def is_loopback_name(host: str) -> bool:
    """Whether every machine takes this name (lower case, no dot at the end) for itself."""
    return host in LOOPBACK_NAMES or host.endswith(".localhost")


async def resolve(host: str, port: int) -> list[str]:
    """Every IP address of a host, in the resolver's order. Raises OSError and UnicodeError."""
    loop = asyncio.get_running_loop()
    rows = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return _is_public(_low_32_bits(address))
        # The host's half of an ISATAP address (RFC 5214) names the IPv4 address that packets are wrapped for.
        if int(address) >> 32 & 0xFFFFFFFF in _ISATAP and not _is_public(_low_32_bits(address)):
            return False
        if address not in _GLOBAL_UNICAST:
            return False
    return not any(address in network for network in _SPECIAL if network.version == address.version)


def _plain(address: Address) -> Address:
    """An IPv4 address that is written as one of IPv6 (`::ffff:192.0.2.1`), as what it is."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _low_32_bits(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
