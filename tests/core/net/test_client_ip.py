"""Where a request comes from, as far as one may believe it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from django.test import RequestFactory

from core.net import client_ip, ip_addresses


def address(settings: Any, *, proxy: bool, remote: str = "10.0.0.9", forwarded: str | None = None) -> str:
    settings.TRUST_PROXY = proxy
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    request = RequestFactory().get("/", REMOTE_ADDR=remote, headers=headers)
    return str(client_ip.client_address(request))


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"), ("", "None"), ("unix:", "None"),
    ],
)  # fmt: skip
def test_it_reads_the_connections_address(settings: Any, remote: str, expected: str) -> None:
    assert address(settings, proxy=False, remote=remote) == expected


def test_nobody_names_an_address_without_a_trusted_proxy(settings: Any) -> None:
    assert address(settings, proxy=False, forwarded="192.0.2.1") == "10.0.0.9"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"), ("127.0.0.1, 192.0.2.1", "192.0.2.1"), ("x, 192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::1]:443", "2001:db8::1"), (" ::ffff:192.0.2.1 ", "192.0.2.1"), ("192.0.2.1, evil", "None"),
        (None, "10.0.0.9"), ("", "None"),
    ],
)  # fmt: skip
def test_behind_a_proxy_only_what_the_proxy_saw_counts(
    settings: Any, forwarded: str | None, expected: str
) -> None:
    assert address(settings, proxy=True, forwarded=forwarded) == expected


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"), ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.0"), ("2001:db8::/32", "2001:db8::9", "10.0.0.1"),
        ("0.0.0.0/0", "8.8.8.8", "2001:db8::1"),
    ],
)  # fmt: skip
def test_a_network_contains_its_own(network: str, inside: str, outside: str) -> None:
    text = str(ip_addresses.parse(network))
    assert ip_addresses.contains([text], ip_address(inside))
    assert not ip_addresses.contains([text], ip_address(outside))
