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
    """For an axis: as few decimals as tell the steps apart."""
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
    """`28.2%`, a dash where nothing can be said."""
    return "–" if value is None else f"{_MINUS if value < 0 else ''}{abs(value):.1f}%"


def change(now: float, before: float) -> str:
    """`+8%` against what was before; empty where there was nothing to compare with."""
    if not before:
        return ""
    return signed(round(100 * (now - before) / abs(before)), "%")


def points(now: float | None, before: float | None) -> str:
    """The change of a percentage, in points."""
    return "" if now is None or before is None else signed(round(now - before, 1))


def signed(value: float, unit: str = "") -> str:
    """With its sign always, but for nothing."""
    sign = "+" if value > 0 else _MINUS if value < 0 else ""
    return f"{sign}{abs(value):,}{unit}"


def money(amount: int, currency: str) -> str:
    """An amount of a currency in its smallest unit: `USD 5.00`; of yen and their like as it is."""
    return f"{currency.upper()} {_MINUS if amount < 0 else ''}{format_amount(abs(amount), currency)}"


def seconds(value: float | None) -> str:
    """`11.2 s`, or the mock-up's dot where there is nothing."""
    return "·" if value is None else f"{value:.1f} s"
