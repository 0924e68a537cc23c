"""Amounts of money: in the smallest unit as providers count them, and as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class _Counted:
    """How payment services count a currency: units of one of it, decimals that are shown, units of the least step."""

    units: int = 100
    decimals: int = 2
    step: int = 1


_USUAL = _Counted()
# One to read each.
_OTHERS = {
    # The smallest unit is the whole one.
    **dict.fromkeys("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(), _Counted(1, 0)),  # noqa: SIM905
    # Whole ones too; yet counted in hundredths, as they were when they had some.
    **dict.fromkeys(("isk", "ugx"), _Counted(100, 0, 100)),
    # Thousandths, of which the banks take tens.
    **dict.fromkeys("bhd jod kwd omr tnd".split(), _Counted(1000, 3, 10)),  # noqa: SIM905
}
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "cny": "CN¥", "jpy": "¥"}
_WRITTEN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")
MOST = 99_999_999
"""In the smallest unit: what Stripe takes at most, and what fits the column."""


def figure(amount: int, currency: str) -> str:
    """An amount in the smallest unit as people read it, without its currency: `1,234.50`."""
    counted = _OTHERS.get(currency.lower(), _USUAL)
    return f"{Decimal(amount) / counted.units:,.{counted.decimals}f}"


def in_words(amount: int, currency: str) -> str:
    """The same with its currency: `$5.00`, `¥500`, `12.00 CHF`, `5.120 KWD`."""
    sign = _SIGNS.get(currency.lower())
    return f"{sign}{figure(amount, currency)}" if sign else f"{figure(amount, currency)} {currency.upper()}"


def whole(amount: int, currency: str) -> str:
    """An amount in the smallest unit as a plain number of the currency: `5.00`."""
    counted = _OTHERS.get(currency.lower(), _USUAL)
    return f"{Decimal(amount) / counted.units:.{counted.decimals}f}"


def smallest(text: str, currency: str) -> int:
    """The smallest units of what somebody wrote, more than none; ValueError where it is no such amount."""
    text = text.strip()
    if not _WRITTEN.fullmatch(text):
        raise ValueError(text)
    counted = _OTHERS.get(currency.lower(), _USUAL)
    value = Decimal(text) * counted.units
    if value != int(value) or int(value) % counted.step or not 0 < value <= MOST:
        raise ValueError(text)
    return int(value)
