"""Where somebody comes from and by what, as far as others may see it: a network and the name of a browser."""

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

_PREFIX = {4: 24, 6: 48}
_LONGEST = 1000
# In this order: most browsers also claim to be several of those below.
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
    """The /24 or /48 that an address is in, as people write it; empty where it is none."""
    if isinstance(address, str):
        try:
            address = ip_address(address)
        except ValueError:
            return ""
    if address is None or address.is_unspecified:
        return ""
    return str(ip_network(f"{address}/{_PREFIX[address.version]}", strict=False))


def network_of(request: HttpRequest) -> str:
    """The network that a request comes from."""
    return network(client_address(request))


def sign_up_keys(request: HttpRequest) -> list[str]:
    """A keyed hash of the request's network, which counts without telling, by each secret key, newest first.

    None for this very machine: who comes from it stands behind a proxy that was not named trusted, or has a shell on
    it.
    """
    address = client_address(request)
    if address is not None and address.is_loopback:
        return []
    known = network(address) or "nowhere"
    return [
        salted_hmac("accounts.auth.sign_up", known, secret=key, algorithm="sha256").hexdigest()
        for key in crypto.signing_keys()
    ]


def browser(user_agent: str) -> str:
    """A browser in words, such as `Firefox 128 · Linux`; what it calls itself first where it is no known one."""
    text = user_agent[:_LONGEST]
    name = next(
        (f"{known} {found[1]}" for known, pattern in _BROWSERS if (found := re.search(pattern, text))), ""
    )
    system = next((known for known, pattern in _SYSTEMS if re.search(pattern, text)), "")
    if name or system:
        return " · ".join(part for part in (name, system) if part)
    own = re.match(r"[A-Za-z][\w .-]{0,29}", text)
    return own[0].strip() if own else _("unknown")


def is_phone(user_agent: str) -> bool:
    """Whether it seems to be held in a hand."""
    return re.search(r"Mobi|iPhone|Android", user_agent[:_LONGEST]) is not None


def counted(request: HttpRequest) -> str:
    """The address by which tries are counted; of an IPv6 network, which is one household's, the first.

    One for all whose address cannot be told.
    """
    household = client_ip.household(request)
    return str(
        IPv4Address(0) if household == ip_addresses.UNKNOWN else ip_addresses.parse(household).network_address
    )
