"""Which addresses given by users may be reached: public ones, and what the operator allows by name."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings

from predictions.validation import is_unicode

MAX_LENGTH = 2000
"""Characters of an address."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_LOOPBACK_NAMES = {"localhost", "ip6-localhost", "ip6-loopback"}
_CARRIED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class Forbidden(Exception):
    """The address leads to where users may not reach; the text names no inner detail."""


def may_reach(text: str) -> bool:
    """Whether an IP address may be connected to."""
    try:
        address: Address = ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return False
    if any(address in network for network in _allowed() if network.version == address.version):
        return True
    return all(_is_public(one) for one in _inner(address))


def looks_reachable(url: str) -> bool:
    """What can be told without resolving: an http(s) address whose literal host is no inner one."""
    if any(ord(sign) < 0x20 or ord(sign) == 0x7F for sign in url):
        # Parsers drop some of them and keep others: nobody could say what was checked.
        return False
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip(".").lower(), parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        return False
    if host in _LOOPBACK_NAMES or host.endswith(".localhost"):
        return may_reach("127.0.0.1")
    literal = _literal(host)
    return literal is None or may_reach(str(literal))


def objection(url: str) -> str:
    """Why an address cannot be one that webhooks go to, in a sentence; empty where it can."""
    if len(url) > MAX_LENGTH:
        return f"The address is longer than {MAX_LENGTH} characters."
    if not is_unicode(url) or not looks_reachable(url):
        return "An http(s) address on the public network is expected."
    return ""


def _literal(host: str) -> Address | None:
    """The IP address that a host names without a resolver, in any spelling that a resolver would take as one."""
    import socket

    try:
        return ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        pass
    try:
        # `127.1`, `0x7f000001`, `2130706433` and their like are loopback to every system library.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError, UnicodeEncodeError):
        return None


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: Address) -> list[Address]:
    """The address, and every other that is hidden in it: IPv4 in IPv6, by mapping, 6to4, Teredo or NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    # A mapped address counts as what it carries: as IPv6 it is never global.
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    found: list[Address] = [address]
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found += list(address.teredo)
    if any(address in network for network in _CARRIED):
        found = [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return found


def _allowed() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    names: list[str] = list(settings.OUTBOUND_ALLOW)
    if settings.CONFORMANCE:
        names.append("127.0.0.1/32")
    return [ipaddress.ip_network(name) for name in names]
