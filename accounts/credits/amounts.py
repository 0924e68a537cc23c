"""Parsing and formatting of credit amounts: decimal text for people, integer micro-credits inside.

Exact: no binary fractions anywhere.
"""

from __future__ import annotations

import re
from decimal import ROUND_DOWN, Decimal

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.credits import LARGEST
from accounts.models import MICRO

_MINUS = "\u2212"
# ASCII digits only; no exponent, no underscore, no digits of other scripts, all of which int() or Decimal()
# takes.
_FORM = re.compile(r"([+-]?)(?=\.?[0-9])([0-9]{0,20})(?:\.([0-9]{0,6}))?")


class NotAnAmount(ValueError):
    """The text is not an amount of credits; the message says what is expected."""


def parse(text: str) -> int:
    """Micro-credits for a decimal number of credits such as `12`, `0.5` or `-3.25`; NotAnAmount otherwise."""
    match = _FORM.fullmatch(text.strip())
    if not match:
        raise NotAnAmount(
            _("An amount is a decimal number of credits, such as 12 or 0.5, with at most six decimals.")
        )
    sign, whole, decimals = match.groups()
    micro = int(whole or "0") * MICRO + int((decimals or "").ljust(6, "0"))
    if micro > LARGEST:
        raise NotAnAmount(_("An amount is at most %(most)s credits.") % {"most": f"{LARGEST // MICRO:,}"})
    return -micro if sign == "-" else micro


def decimal_text(micro: int) -> str:
    """Credits with two to six decimals and a plain minus, for machines: `-0.25`, `12.00`,
    `0.002200`→`0.0022`.
    """
    whole, rest = divmod(abs(micro), MICRO)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micro < 0 else ''}{whole}.{decimals}"


def display(micro: int) -> str:
    """Credits for a statement: thousands separated, two to six decimals, the minus sign U+2212."""
    whole, _point, decimals = decimal_text(abs(micro)).partition(".")
    return f"{_MINUS if micro < 0 else ''}{int(whole):,}.{decimals}"


def display_plain(micro: int) -> str:
    """Credits in a sentence: thousands separated, no trailing zeros: `1,000`, `0.5`."""
    text = display(micro)
    return text.rstrip("0").rstrip(".") if "." in text else text


def display_change(micro: int) -> str:
    """Credits for a statement, always signed: `+5.00`, `−1.00`."""
    return f"+{display(micro)}" if micro > 0 else display(micro)


def display_short(micro: int) -> str:
    """Credits for the top bar: one decimal, rounded down so that nobody sees more than there is."""
    tenths = micro * 10 // MICRO
    whole, tenth = divmod(abs(tenths), 10)
    return f"{_MINUS if tenths < 0 else ''}{whole:,}.{tenth}"


_EXACT = Decimal("0.0001")
_BAR = Decimal("0.1")


def exact(micro: int) -> str:
    """A price: up to four decimals, zeros trimmed; never rounded up."""
    value = (Decimal(micro) / MICRO).quantize(_EXACT, rounding=ROUND_DOWN).normalize()
    return f"{value:,f}"


def short(micro: int) -> str:
    """A balance in the bar: one decimal, rounded down."""
    value = (Decimal(micro) / MICRO).quantize(_BAR, rounding=ROUND_DOWN)
    return f"{value:,f}"


def unit(micro: int) -> str:
    """The unit's name: the operator's own, or "credits"."""
    if settings.CREDIT_NAME:
        return str(settings.CREDIT_NAME)
    return ngettext("credit", "credits", 1 if micro == MICRO else 2)


def with_unit(micro: int) -> str:
    """Amount and unit: `15.2 credits`."""
    return f"{exact(micro)} {unit(micro)}"
