"""Currencies: amounts in the smallest unit, as providers count them, and as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class _Currency:
    """How providers count a currency: smallest units in one, decimals displayed, multiple that amounts must be of."""

    units: int = 100
    decimals: int = 2
    step: int = 1


_DEFAULT = _Currency()
# ISO codes.
_OTHERS = {
    # Zero-decimal currencies.
    **dict.fromkeys("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(), _Currency(1, 0)),  # noqa: SIM905
    # Zero-decimal as well, but still counted in hundredths.
    **dict.fromkeys(("isk", "ugx"), _Currency(100, 0, 100)),
    # Three decimals, of which the last must be zero.
    **dict.fromkeys("bhd jod kwd omr tnd".split(), _Currency(1000, 3, 10)),  # noqa: SIM905
}
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "cny": "CN¥", "jpy": "¥"}
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")
MAX_AMOUNT = 99_999_999
"""Largest amount in the smallest unit: Stripe's maximum, which fits the column."""


def format_amount(amount: int, currency: str) -> str:
    """An amount in the smallest unit as text without its currency: `1,234.50`."""
    unit = _OTHERS.get(currency.lower(), _DEFAULT)
    return f"{Decimal(amount) / unit.units:,.{unit.decimals}f}"


def format_money(amount: int, currency: str) -> str:
    """The same with its currency: `$5.00`, `¥500`, `12.00 CHF`, `5.120 KWD`."""
    sign = _SIGNS.get(currency.lower())
    return (
        f"{sign}{format_amount(amount, currency)}"
        if sign
        else f"{format_amount(amount, currency)} {currency.upper()}"
    )


def plain_amount(amount: int, currency: str) -> str:
    """An amount in the smallest unit as a plain decimal: `5.00`."""
    unit = _OTHERS.get(currency.lower(), _DEFAULT)
    return f"{Decimal(amount) / unit.units:.{unit.decimals}f}"


def parse(text: str, currency: str) -> int:
    """Parse a positive amount into smallest units; ValueError where it is no valid amount."""
    text = text.strip()
    if not _AMOUNT.fullmatch(text):
        raise ValueError(text)
    unit = _OTHERS.get(currency.lower(), _DEFAULT)
    value = Decimal(text) * unit.units
    if value != int(value) or int(value) % unit.step or not 0 < value <= MAX_AMOUNT:
        raise ValueError(text)
    return int(value)
