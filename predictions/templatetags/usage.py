"""Template tags for usage charts."""

from __future__ import annotations

from django import template
from django.utils.formats import date_format
from django.utils.translation import pgettext

from accounts.credits.amounts import display_plain
from accounts.models import Account
from predictions.usage import account_usage

register = template.Library()


@register.simple_tag
def usage_chart(account: Account) -> account_usage.Chart:
    """The account's chart of the last thirty days."""
    return account_usage.chart(account)


@register.filter
def short_day(day: object) -> str:
    """Day label below a chart: `9 Nov`."""
    return date_format(day, pgettext("format of a day below a chart", "j M"))  # type: ignore[arg-type]


@register.filter
def axis(micro: int) -> str:
    """Amount label of a chart's axis: as short as it is exact."""
    return display_plain(micro)
