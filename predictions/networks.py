"""Which network addresses are public, and connections that go nowhere else. Plain Python: settings are passed in."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
CONNECT_S = 5.0
LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost", "ip6-loopback"})
_CARRIED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


def may_reach(text: str, allowed: Iterable[Network] = ()) -> bool:
    """Whether an IP address is a public one, or within one of the networks `allowed`."""
    try:
        address: Address = ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return False
    if any(address in network for network in allowed if network.version == address.version):
        return True
    return all(_is_public(one) for one in _inner(address))


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


class Guard(httpcore.AsyncNetworkBackend):
    """Resolves a host, checks every address it names, and connects to the very address that was checked.

    Checking a name and letting somebody resolve it again would let the answer change in between. Failures are
    httpcore.ConnectError with the text `no_name` or `inner`.
    """

    def __init__(
        self,
        may_connect: Callable[[str], bool],
        look_up: Callable[[str, int], Awaitable[list[str]]],
        *,
        no_name: str,
        inner: str,
    ) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._may_connect = may_connect
        self._look_up = look_up
        self._no_name = no_name
        self._inner_text = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            found = await asyncio.wait_for(self._look_up(host, port), timeout or CONNECT_S)
        except TimeoutError:
            raise httpcore.ConnectTimeout("The name could not be resolved in time.") from None
        except (OSError, UnicodeError):
            raise httpcore.ConnectError(self._no_name) from None
        if not found or not all(self._may_connect(address) for address in found):
            # One inner address among several is enough: which of them is used must not be left to chance.
            raise httpcore.ConnectError(self._inner_text)
        error: Exception = httpcore.ConnectError("The name has no address.")
        for address in found[:3]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("Only network addresses may be reached.")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


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
