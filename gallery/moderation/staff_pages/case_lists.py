"""What stands in which tab of the desk, newest first, by keyset; counts that never read more than they show."""

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
"""Cases on one page."""
MOST = 999
"""What a count tells; more is `999+`."""
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
    """What is looked at: a tab, one reason or all, and how far down."""

    tab: str = "open"
    reason: str = ""
    after: str = ""

    @classmethod
    def read(cls, given: Any) -> Filter:
        """From an address; what is none of ours is left out."""
        tab, reason = given.get("tab", ""), given.get("reason", "")
        known = {*Report.Reason.values, FLAGGED}
        return cls(
            tab=tab if tab in TITLES else "open",
            reason=reason if reason in known else "",
            after=given.get("after", "")[:60],
        )

    def query(self, **more: Any) -> str:
        """The address's end for it, with more or other values; empty ones are left out."""
        values = {"tab": self.tab, "reason": self.reason, "after": self.after, **more}
        return urlencode({name: value for name, value in values.items() if value and value != "open"})

    def address(self, **more: Any) -> str:
        """The desk's address for it."""
        query = self.query(**more)
        return reverse("moderation") + (f"?{query}" if query else "")


def rows(wanted: Filter) -> QuerySet[Case]:
    """All cases of a tab."""
    found = Case.objects.filter(decided_at__isnull=wanted.tab != "closed")
    if wanted.tab in _KINDS:
        found = found.filter(kind__in=_KINDS[wanted.tab])
    if wanted.reason == FLAGGED:
        found = found.filter(kind=Case.Kind.FLAG)
    elif wanted.reason:
        found = found.filter(reason=wanted.reason)
    return found


def page(wanted: Filter, size: int = SIZE) -> pagination.RowsPage[Case]:
    """Some of them, with all that a tile shows."""
    field = "decided_at" if wanted.tab == "closed" else "opened_at"
    return pagination.page_or_newest(rows(wanted).select_related(*_RELATED), field, size, wanted.after)


def one(number: int) -> Case | None:
    """A case with all that its tile and its panel show."""
    more = ("comment__item", "opened_by", "account", "parent__decided_by", "sanction__made_by")
    return Case.objects.select_related(*_RELATED, *more).filter(pk=number).first()


def next_open(wanted: Filter, case: Case) -> Case | None:
    """The open case that stands behind this one in its tab, else the first that is open."""
    found = rows(Filter(wanted.tab, wanted.reason)).filter(decided_at__isnull=True).exclude(pk=case.pk)
    found = found.order_by("-opened_at", "-id")
    behind = found.filter(
        pagination.older_than("opened_at", pagination.Place(case.opened_at, case.pk))
    ).first()
    return behind or found.first()


@dataclass(frozen=True)
class Tab:
    """One tab of the desk."""

    name: str
    title: str
    count: str
    address: str
    here: bool


def tabs(wanted: Filter) -> list[Tab]:
    """The tabs with how many cases wait in each; of closed ones nobody counts all."""
    return [
        Tab(
            name,
            str(title),
            counted(rows(Filter(name))) if name != "closed" else "",
            Filter(name).address(),
            name == wanted.tab,
        )
        for name, title in TITLES.items()
    ]


def counted(found: QuerySet[Any]) -> str:
    """How many there are, up to as many as anybody wants to read."""
    number = found.order_by().values("pk")[: MOST + 1].count()
    return f"{MOST}+" if number > MOST else str(number)


def reason_choices() -> list[tuple[str, str]]:
    """The reasons to filter by."""
    named = [(value, reasons.short(value)) for value in Report.Reason.values]
    return [("", _("Any reason")), *named, (FLAGGED, _("Found by a rule"))]


def newer(wanted: Filter, after: int) -> int:
    """How many cases came into a tab since the case of that number, up to a hundred."""
    found = rows(Filter(wanted.tab, wanted.reason)).filter(pk__gt=after)
    return int(found.order_by().values("pk")[:100].count())
