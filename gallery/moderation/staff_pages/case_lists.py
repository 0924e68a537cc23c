"""Lists of cases on the moderation pages: tabs, filters, keyset pages, bounded counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from core import pagination
from gallery.models import Case, Report
from gallery.moderation import reasons
from gallery.moderation.cases import OPEN_KINDS

SIZE = 24
"""Cases per page."""
MAX_COUNTED = 999
"""The highest number counted; beyond it the page shows `999+`."""
TITLES: dict[str, str | Promise] = {
    "open": pgettext_lazy("cases", "Open"),
    "appeals": gettext_lazy("Appeals"),
    "review": gettext_lazy("Waiting for review"),
    "closed": gettext_lazy("Closed"),
}
_KINDS: dict[str, tuple[str, ...]] = {
    "open": OPEN_KINDS,
    "appeals": (Case.Kind.APPEAL,),
    "review": (Case.Kind.REVIEW,),
}
FLAGGED = "flagged"
_RELATED = (
    "item__output__file", "item__output__small", "item__output__medium", "item__model", "comment", "collection__cover",
    "user", "decided_by", "parent__look", "look", "sanction",
)  # fmt: skip


@dataclass(frozen=True)
class Filter:
    """What is listed: a tab, one reason or all, and the page's cursor."""

    tab: str = "open"
    reason: str = ""
    after: str = ""

    @classmethod
    def read(cls, params: Any) -> Filter:
        """Parse query parameters; invalid ones are ignored."""
        tab, reason = params.get("tab", ""), params.get("reason", "")
        valid_reasons = {*Report.Reason.values, FLAGGED}
        return cls(
            tab=tab if tab in TITLES else "open",
            reason=reason if reason in valid_reasons else "",
            after=params.get("after", "")[:60],
        )

    def query(self, **more: Any) -> str:
        """The query string, with `more` added or replaced; empty values are left out."""
        values = {"tab": self.tab, "reason": self.reason, "after": self.after, **more}
        return urlencode({name: value for name, value in values.items() if value and value != "open"})

    def address(self, **more: Any) -> str:
        """The URL of the moderation page with this filter."""
        query = self.query(**more)
        return reverse("moderation") + (f"?{query}" if query else "")


def rows(filter_: Filter) -> QuerySet[Case]:
    """All cases of a tab with that reason."""
    queryset = Case.objects.filter(decided_at__isnull=filter_.tab != "closed")
    if filter_.tab in _KINDS:
        queryset = queryset.filter(kind__in=_KINDS[filter_.tab])
    if filter_.reason == FLAGGED:
        queryset = queryset.filter(kind=Case.Kind.FLAG)
    elif filter_.reason:
        queryset = queryset.filter(reason=filter_.reason)
    return queryset


def page(filter_: Filter, size: int = SIZE) -> pagination.Page[Case]:
    """One page of them, with all that a tile shows."""
    field = "decided_at" if filter_.tab == "closed" else "opened_at"
    return pagination.page_or_newest(rows(filter_).select_related(*_RELATED), field, size, filter_.after)


def get_case(number: int) -> Case | None:
    """A case with all that its tile and panel show."""
    related = ("comment__item", "opened_by", "account", "parent__decided_by", "sanction__made_by")
    return Case.objects.select_related(*_RELATED, *related).filter(pk=number).first()


def next_open(filter_: Filter, case: Case) -> Case | None:
    """The open case after this one in its tab, else the first open one."""
    queryset = rows(Filter(filter_.tab, filter_.reason)).filter(decided_at__isnull=True).exclude(pk=case.pk)
    queryset = queryset.order_by("-opened_at", "-id")
    behind = queryset.filter(
        pagination.older_than("opened_at", pagination.Place(case.opened_at, case.pk))
    ).first()
    return behind or queryset.first()


@dataclass(frozen=True)
class Tab:
    """One tab of the moderation pages."""

    name: str
    title: str
    count: str
    address: str
    here: bool


def tabs(filter_: Filter) -> list[Tab]:
    """The tabs with their counts; closed cases are not counted."""
    return [
        Tab(
            name,
            str(title),
            capped_count(rows(Filter(name))) if name != "closed" else "",
            Filter(name).address(),
            name == filter_.tab,
        )
        for name, title in TITLES.items()
    ]


def capped_count(found: QuerySet[Any]) -> str:
    """The number of rows as text, at most `999+`."""
    number = found.order_by().values("pk")[: MAX_COUNTED + 1].count()
    return f"{MAX_COUNTED}+" if number > MAX_COUNTED else str(number)


def reason_choices() -> list[tuple[str, str]]:
    """The reasons to filter by."""
    named = [(value, reasons.short(value)) for value in Report.Reason.values]
    return [("", _("Any reason")), *named, (FLAGGED, _("Found by a rule"))]


def count_newer(filter_: Filter, after: int) -> int:
    """How many cases were added to a tab since the one with that id, up to a hundred."""
    found = rows(Filter(filter_.tab, filter_.reason)).filter(pk__gt=after)
    return int(found.order_by().values("pk")[:100].count())
