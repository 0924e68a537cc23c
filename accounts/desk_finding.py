"""Searches and filters of the panel's lists that read no whole table, however many rows it has."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin, messages
from django.db.models import DateTimeField, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import finding
from accounts.models import LedgerQuerySet

if TYPE_CHECKING:
    from unfold.admin import ModelAdmin
else:
    ModelAdmin = object

NEWEST = 20_000
"""Of so many rows the words are read, where no index has them."""
_WORDS = 8
_SLACK = timedelta(hours=1)
"""By so much a time may be before that of a row with a lower number."""


class Finds(ModelAdmin):
    """For a panel: what a search asks, each by an index of its own, and what it finds in the newest rows besides."""

    exactly: ClassVar[tuple[str, ...]] = ()
    """Columns with an index, or through a relation, that bear exactly the words."""
    by_user: ClassVar[tuple[str, ...]] = ()
    by_account: ClassVar[tuple[str, ...]] = ()
    """Relations to a user or an account whose name begins with the words."""
    in_newest: ClassVar[tuple[str, ...]] = ()
    """Columns that have the words anywhere, in the newest rows alone."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list; it says so where words may stand in more rows than were read or are listed."""
        answer = super().changelist_view(request, extra_context)
        if getattr(request, "_words_fell_short", False):
            messages.info(
                request,
                _(
                    "Words are looked for in the newest %(rows)s rows, and the newest %(most)s that have them are "
                    "listed. A whole ID or the beginning of a name finds older ones."
                )
                % {"rows": f"{NEWEST:,}", "most": finding.MOST},
            )
        return answer

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = finding.clean(search_term)
        if not words:
            return queryset, False
        # Who may not see addresses finds nobody by one: a search is an answer too.
        by_address = bool(request.user.has_perm("accounts.view_account"))
        wanted = Q(pk__in=self.newest(request, queryset, words))
        for column in self.exactly:
            if column != "pk":
                # Said as an index that leaves out rows without words says it.
                wanted |= Q(~Q(**{column: ""}), **{column: words})
            elif finding.is_number(words):
                wanted |= Q(pk=words)
        if self.by_user and (users := finding.people(words, by_address=by_address)):
            for column in self.by_user:
                wanted |= Q(**{f"{column}__in": users})
        if self.by_account and (accounts := finding.accounts(words, by_address=by_address)):
            for column in self.by_account:
                wanted |= Q(**{f"{column}__in": accounts})
        return queryset.filter(wanted), False

    def newest(self, request: HttpRequest, queryset: QuerySet[Any], words: str) -> list[Any]:
        """Keys of new rows that have every word somewhere."""
        everything = queryset.model._base_manager.order_by("-pk")
        last = everything.values_list("pk", flat=True).first()
        if not self.in_newest or last is None:
            return []
        rows = queryset.filter(pk__gt=last - NEWEST).order_by("-pk")
        for word in words.split()[:_WORDS]:
            anywhere = Q()
            for column in self.in_newest:
                anywhere |= Q(**{f"{column}__icontains": word})
            rows = rows.filter(anywhere)
        found = list(rows.values_list("pk", flat=True)[: finding.MOST])
        if len(found) == finding.MOST or everything.filter(pk__lte=last - NEWEST).exists():
            request._words_fell_short = True  # type: ignore[attr-defined]
        return found


class ChoiceOf(admin.ChoicesFieldListFilter):
    """A choice of which a subclass says how rows with it are found."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = cast("QuerySet[Any]", super().queryset(request, queryset))
        for value in self.lookup_val or ():
            found = self.narrowed(found, value)
        return found

    def narrowed(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Rows with that value, said so that an index is used."""
        return rows


class AwareDateFilter(admin.DateFieldListFilter):
    """Django's filter for times, where an address written by hand names one without a zone: the reader's is meant."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, values in cast("dict[str, list[Any]]", self.used_parameters).items():
            self.used_parameters[name] = [(isinstance(one, str) and _moment(one)) or one for one in values]


admin.FieldListFilter.register(
    lambda field: isinstance(field, DateTimeField), AwareDateFilter, take_priority=True
)


class When(AwareDateFilter):
    """A time that grows with the row's number: the rows are entered where the period begins."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = cast("QuerySet[Any]", super().queryset(request, queryset))
        begin = _moment(self.date_params.get(self.lookup_kwarg_since))
        if begin is None:
            return found
        first = first_since(queryset.model, self.field_path, begin - _SLACK)
        return found.filter(pk__gte=first) if first is not None else found.none()


def first_since(model: type[Model], column: str, at: datetime) -> int | None:
    """The number of a table's first row of that time or later, by halving; None where there is none."""
    rows = model._base_manager.order_by("pk").values_list("pk", column)
    newest = rows.order_by("-pk").first()
    if newest is None or newest[1] < at:
        return None
    low, high = 0, newest[0]
    while low < high:
        middle = (low + high) // 2
        found = rows.filter(pk__gt=middle).first()
        if found is None or found[1] >= at:
            high = middle
        else:
            low = found[0]
    first = rows.filter(pk__gt=low).first()
    return int(first[0]) if first is not None else None


def _moment(words: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(words))
    except ValueError:
        return None
    return found if timezone.is_aware(found) else timezone.make_aware(found)


class KindFilter(ChoiceOf):
    """The kind of a movement; kinds that are no work by their own index."""

    def narrowed(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        return cast(LedgerQuerySet, rows).of_kinds(value)
