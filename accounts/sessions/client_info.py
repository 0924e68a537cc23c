"""Client information of a request: network, browser name, and keys that sign-ups and attempts are counted by."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, ip_address, ip_network

from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from core import crypto
from core.net import client_ip, ip_addresses
from core.net.client_ip import client_address
from core.net.ip_addresses import Address

_PREFIX_LENGTH = {4: 24, 6: 48}
_LONGEST = 1000
# In this order: most browsers' user agents also name several of those below.
_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"(?:OPR|Opera)/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("WeChat", r"MicroMessenger/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Chrome|CriOS|HeadlessChrome)/(\d+)"),
    ("Safari", r"Version/(\d+)[.\d]* (?:Mobile/\S+ )?Safari/"),
)
_SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("HarmonyOS", r"HarmonyOS|OpenHarmony"),
    ("Windows", r"Windows"),
    ("macOS", r"Macintosh|Mac OS X"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
)


def network(address: Address | str | None) -> str:
    """The /24 or /48 network of an address, in CIDR; empty for an invalid one."""
    if isinstance(address, str):
        try:
            address = ip_address(address)
        except ValueError:
            return ""
    if address is None or address.is_unspecified:
        return ""
    return str(ip_network(f"{address}/{_PREFIX_LENGTH[address.version]}", strict=False))


def network_of(request: HttpRequest) -> str:
    """The network of a request."""
    return network(client_address(request))


def sign_up_keys(request: HttpRequest) -> list[str]:
    """Keyed hashes of the request's network, one per secret key, newest first: to count without storing it.

    Empty for loopback: such a client is behind a proxy that is not configured as trusted, or on the machine itself.
    """
    address = client_address(request)
    if address is not None and address.is_loopback:
        return []
    text = network(address) or "nowhere"
    return [
        salted_hmac("accounts.auth.sign_up", text, secret=key, algorithm="sha256").hexdigest()
        for key in crypto.signing_keys()
    ]


def browser(user_agent: str) -> str:
    """Browser and system as text, such as `Firefox 128 · Linux`; an unknown client by its own first word."""
    text = user_agent[:_LONGEST]
    name = next(
        (f"{name} {found[1]}" for name, pattern in _BROWSERS if (found := re.search(pattern, text))), ""
    )
    system = next((name for name, pattern in _SYSTEMS if re.search(pattern, text)), "")
    if name or system:
        return " · ".join(part for part in (name, system) if part)
    own = re.match(r"[A-Za-z][\w .-]{0,29}", text)
    return own[0].strip() if own else _("unknown")


def is_phone(user_agent: str) -> bool:
    """Whether the user agent looks like a phone or tablet."""
    return re.search(r"Mobi|iPhone|Android", user_agent[:_LONGEST]) is not None


def rate_limit_address(request: HttpRequest) -> str:
    """The address by which attempts are counted; for IPv6 the first of its household's network.

    One value for all whose address is unknown.
    """
    household = client_ip.rate_limit_key(request)
    return str(
        IPv4Address(0) if household == ip_addresses.UNKNOWN else ip_addresses.parse(household).network_address
    )
