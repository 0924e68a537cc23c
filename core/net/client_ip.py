"""The client's IP address of a request.

It is the connection's own, or behind a trusted proxy the last that `X-Forwarded-For` names: the one that the proxy
itself has seen. What stands before it was written by the caller, who could name any address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from core.net import ip_addresses
from core.net.ip_addresses import UNKNOWN, Address, Network, parse

__all__ = ["UNKNOWN", "Address", "Network", "parse"]


def client_address(request: HttpRequest) -> Address | None:
    """The caller's address, IPv4-mapped ones as IPv4; None where it is unknown."""
    return _address(request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For"))


def scope_address(scope: Mapping[str, Any]) -> Address | None:
    """The caller's address by an ASGI scope, before there is a request."""
    forwarded = [value.decode("latin1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    remote = (scope.get("client") or [""])[0]
    return _address(remote, ",".join(forwarded) if forwarded else None)


def _address(remote: str, forwarded: str | None) -> Address | None:
    text = remote
    if settings.TRUST_PROXY and forwarded is not None:
        text = forwarded.rpartition(",")[2]
    return ip_addresses.read(text)


def rate_limit_key(request: HttpRequest) -> str:
    """The rate limit key of a client: its IPv4 address, or the /64 of its IPv6 address, whose devices choose the rest.

    `UNKNOWN` where the address is unknown.
    """
    return ip_addresses.rate_limit_key(client_address(request))
