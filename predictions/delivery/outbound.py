"""The client for addresses that users gave: connects only to what it has checked, within limits."""

from __future__ import annotations

from predictions import http_client, networks
from predictions.delivery import addresses, reasons


async def _resolve(host: str, port: int) -> list[str]:
    return await networks.resolve(host, port)


def client(*, timeout_s: float) -> http_client.AsyncClient:
    """A client that reaches public addresses only, and what the operator allows by name."""
    guard = http_client.Guard(addresses.may_reach, _resolve, no_name=reasons.NO_NAME, inner=reasons.INNER)
    return http_client.client(timeout_s=timeout_s, guard=guard)
