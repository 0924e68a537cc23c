"""Which addresses are public, by our own list of special-purpose ranges."""

from __future__ import annotations

import ipaddress

import pytest

from core.net import ssrf
from core.net.ssrf import SPECIAL_PURPOSE, literal, may_reach
from predictions.inputs import user_urls

PUBLIC = ipaddress.ip_address("8.8.8.8")
OUTSIDE_2000 = ("::", "::1", "::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808", "100::1", "100:0:0:1::1", "5f00::1",
                "1fff:ffff::1", "4000::1", "fc00::1", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "feff::1",
                "ff02::1", "::ffff:0:808:808")  # fmt: skip


def _edges(text: str) -> tuple[str, str]:
    network = ipaddress.ip_network(text)
    return str(network[0]), str(network[-1])


def _beside(text: str) -> list[str]:
    """The addresses right before and right behind a range, where they are in no other range of the list."""
    network = ipaddress.ip_network(text)
    kind = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
    near = [int(network[0]) - 1, int(network[-1]) + 1]
    found = [kind(one) for one in near if 0 <= one < 2**network.max_prefixlen]
    others = [ipaddress.ip_network(other) for other in SPECIAL_PURPOSE]
    return [
        str(one)
        for one in found
        if not any(one in other for other in others if other.version == one.version)
        and (one.version == 4 or one in ipaddress.ip_network("2000::/3"))
    ]


@pytest.mark.parametrize("text", sorted(SPECIAL_PURPOSE))
def test_a_special_purpose_range_is_private_from_its_first_address_to_its_last(text: str) -> None:
    assert [may_reach(edge) for edge in _edges(text)] == [False, False]
    assert all(may_reach(one) for one in _beside(text))


@pytest.mark.parametrize("text", [one for one in sorted(SPECIAL_PURPOSE) if ":" not in one])
def test_a_special_purpose_range_is_private_in_every_form_that_carries_ipv4(text: str) -> None:
    for edge in map(ipaddress.IPv4Address, _edges(text)):
        low = f"{int(edge) >> 16:x}:{int(edge) & 0xFFFF:x}"
        carried = [f"::ffff:{edge}", f"::{edge}", f"::ffff:0:{edge}", f"64:ff9b::{low}", f"2002:{low}::1",
                   f"2a00:1450::5efe:{low}", f"2a00:1450::200:5efe:{low}"]  # fmt: skip
        assert [one for one in carried if may_reach(one)] == []


@pytest.mark.parametrize("text", OUTSIDE_2000)
def test_what_is_no_global_unicast_is_private(text: str) -> None:
    assert not may_reach(text)


@pytest.mark.parametrize(
    "text",
    [
        "64:ff9b:1:7f00:0:100:808:808",
        "64:ff9b:1:0:7f:0:108:808",
        "64:ff9b:1::7f00:1",
        "64:ff9b:1:808:8:800::",
    ],
)
def test_a_translators_own_network_is_private_wherever_the_ipv4_address_stands(text: str) -> None:
    assert not may_reach(text)


@pytest.mark.parametrize(
    "text",
    ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
     "2a00:1450::5efe:808:808", "168.63.129.17"],
)  # fmt: skip
def test_public_addresses_are_public(text: str) -> None:
    assert may_reach(text)


@pytest.mark.parametrize("text", ["fe80::1%eth0", "fec0::1%1", "::1%lo", "fe80::1%25eth0"])
def test_a_zone_makes_no_address_public(text: str) -> None:
    assert not may_reach(text)
    assert not user_urls.looks_reachable(f"http://[{text}]/")


@pytest.mark.parametrize(
    "host",
    [
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0300.0250.1",
        "0xc0.0x58.0x63.1",
    ],
)
def test_octal_short_and_hexadecimal_forms_are_read_as_a_resolver_would(host: str) -> None:
    found = literal(host)
    assert found is not None and not may_reach(str(found))
    assert not user_urls.looks_reachable(f"http://{host}/")


def test_the_answer_does_not_change_with_what_python_calls_global(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Whatever a patch level of Python says of an address, the answer is ours.
    for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address):
        for name in ("is_global", "is_reserved", "is_multicast"):
            monkeypatch.setattr(kind, name, property(lambda address: True))
    assert not may_reach("127.0.0.1") and not may_reach("fec0::1") and may_reach(str(PUBLIC))


def test_what_python_holds_for_private_is_private() -> None:
    kinds = (ipaddress._IPv4Constants, ipaddress._IPv6Constants)  # type: ignore[attr-defined]
    known = [network for kind in kinds for network in kind._private_networks]
    assert [str(one) for one in known if may_reach(str(one[0])) or may_reach(str(one[-1]))] == []


def test_an_allowed_network_holds_its_mapped_addresses_too() -> None:
    allowed = [ipaddress.ip_network("10.1.0.0/16")]
    assert ssrf.may_reach("::ffff:10.1.2.3", allowed) and not ssrf.may_reach("::ffff:10.2.0.1", allowed)
