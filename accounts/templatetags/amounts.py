"""Filters that show micro-credits as credits: `{% load amounts %} {{ entry.balance_after|credits }}`."""

from __future__ import annotations

from django import template

from accounts import amounts

register = template.Library()


@register.filter
def credits(micro: int | None) -> str:
    """Two to six decimals, thousands apart; nothing for nothing."""
    return "" if micro is None else amounts.shown(micro)


@register.filter
def credits_change(micro: int | None) -> str:
    """The same with its sign."""
    return "" if micro is None else amounts.shown_change(micro)


@register.filter
def credits_short(micro: int | None) -> str:
    """One decimal, rounded down."""
    return "" if micro is None else amounts.shown_short(micro)
