"""Template filters that format micro-credits as credits: `{% load amounts %} {{ entry.balance_after|credits }}`."""

from __future__ import annotations

from django import template

from accounts.credits import amounts

register = template.Library()


@register.filter
def credits(micro: int | None) -> str:
    """Two to six decimals with thousands separators; empty for None."""
    return "" if micro is None else amounts.display(micro)


@register.filter
def credits_change(micro: int | None) -> str:
    """The same with a sign."""
    return "" if micro is None else amounts.display_change(micro)


@register.filter
def credits_short(micro: int | None) -> str:
    """One decimal, rounded down."""
    return "" if micro is None else amounts.display_short(micro)


@register.filter
def credits_plain(micro: int | None) -> str:
    """As typed into a field: no thousands separators, no trailing `.00`; empty for None."""
    if micro is None:
        return ""
    text = amounts.decimal_text(micro)
    return text.removesuffix(".00")
