"""Amounts in words: integer micro-credits in, what people read out.

Thousands are set apart by a comma in both of our languages, as in `1,284.6`.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from django.conf import settings
from django.utils.translation import ngettext

from accounts.models import MICRO

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
    """The word behind an amount: the operator's own, or credits."""
    if settings.CREDIT_NAME:
        return str(settings.CREDIT_NAME)
    return ngettext("credit", "credits", 1 if micro == MICRO else 2)


def words(micro: int) -> str:
    """Amount and unit: `15.2 credits`."""
    return f"{exact(micro)} {unit(micro)}"
