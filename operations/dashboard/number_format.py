"""Number formats of the dashboard: credits, percentages, changes, currencies, seconds."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from accounts.billing.currencies import format_amount
from accounts.models import MICRO

_MINUS = "\u2212"


def credits(micro: float) -> str:
    """Two decimals, rounded half up; exact amounts are in the statement."""
    value = (Decimal(int(micro)) / MICRO).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return f"{_MINUS if value < 0 else ''}{abs(value):,.2f}"


def credits_round(micro: float) -> str:
    """For an axis: as few decimals as distinguish its steps."""
    value = micro / MICRO
    if abs(value) >= 10_000:
        return (
            f"{value / 1000:,.0f}k"
            if abs(value) % 1000 == 0 or abs(value) >= 100_000
            else f"{value / 1000:,.1f}k"
        )
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 4 else f"{value:,.2f}"


def percent(value: float | None) -> str:
    """`28.2%`; a dash for none."""
    return "–" if value is None else f"{_MINUS if value < 0 else ''}{abs(value):.1f}%"


def change(now: float, before: float) -> str:
    """`+8%` compared with the value before; empty where that was 0."""
    if not before:
        return ""
    return signed(round(100 * (now - before) / abs(before)), "%")


def points(now: float | None, before: float | None) -> str:
    """The change of a percentage, in points."""
    return "" if now is None or before is None else signed(round(now - before, 1))


def signed(value: float, unit: str = "") -> str:
    """With a sign, unless it is 0."""
    sign = "+" if value > 0 else _MINUS if value < 0 else ""
    return f"{sign}{abs(value):,}{unit}"


def money(amount: int, currency: str) -> str:
    """An amount in the smallest unit of its currency: `USD 5.00`; of yen, which have no smaller unit, `JPY 500`."""
    return f"{currency.upper()} {_MINUS if amount < 0 else ''}{format_amount(abs(amount), currency)}"


def seconds(value: float | None) -> str:
    """`11.2 s`; a dot for none."""
    return "·" if value is None else f"{value:.1f} s"
