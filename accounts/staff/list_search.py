"""Search of large admin lists: each condition by an index of its own, and free text in the newest rows only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.staff import people_search

if TYPE_CHECKING:
    from unfold.admin import ModelAdmin
else:
    ModelAdmin = object

NEWEST = 20_000
"""How many of the newest rows are searched for text without an index."""
_MAX_WORDS = 8


class IndexedSearchAdmin(ModelAdmin):
    """Admin mixin: searches indexed columns by separate conditions, plus text in the newest rows."""

    exactly: ClassVar[tuple[str, ...]] = ()
    """Indexed columns, also through a relation, that must equal the search text."""
    by_user: ClassVar[tuple[str, ...]] = ()
    by_account: ClassVar[tuple[str, ...]] = ()
    """Relations to a user or an account whose name starts with the search text."""
    in_newest: ClassVar[tuple[str, ...]] = ()
    """Columns that contain every word, in the newest rows only."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, with a message where older rows may match too or more match than are listed."""
        answer = super().changelist_view(request, extra_context)
        if getattr(request, "_words_fell_short", False):
            messages.info(
                request,
                _(
                    "Words are looked for in the newest %(rows)s rows, and the newest %(most)s that have them are "
                    "listed. A whole ID or the beginning of a name finds older ones."
                )
                % {"rows": f"{NEWEST:,}", "most": people_search.MAX_ROWS},
            )
        return answer

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = people_search.clean(search_term)
        if not words:
            return queryset, False
        # Staff who may not see addresses must not find anybody by one.
        by_address = bool(request.user.has_perm("accounts.view_account"))
        wanted = Q(pk__in=self.newest(request, queryset, words))
        for column in self.exactly:
            if column != "pk":
                # The condition of the partial index, so that it is used.
                wanted |= Q(~Q(**{column: ""}), **{column: words})
            elif people_search.is_number(words):
                wanted |= Q(pk=words)
        if self.by_user and (users := people_search.user_ids(words, by_address=by_address)):
            for column in self.by_user:
                wanted |= Q(**{f"{column}__in": users})
        if self.by_account and (accounts := people_search.account_ids(words, by_address=by_address)):
            for column in self.by_account:
                wanted |= Q(**{f"{column}__in": accounts})
        return queryset.filter(wanted), False

    def newest(self, request: HttpRequest, queryset: QuerySet[Any], words: str) -> list[Any]:
        """Keys of new rows that contain every word in some column."""
        all_rows = queryset.model._base_manager.order_by("-pk")
        last = all_rows.values_list("pk", flat=True).first()
        if not self.in_newest or last is None:
            return []
        rows = queryset.filter(pk__gt=last - NEWEST).order_by("-pk")
        for word in words.split()[:_MAX_WORDS]:
            anywhere = Q()
            for column in self.in_newest:
                anywhere |= Q(**{f"{column}__icontains": word})
            rows = rows.filter(anywhere)
        keys = list(rows.values_list("pk", flat=True)[: people_search.MAX_ROWS])
        if len(keys) == people_search.MAX_ROWS or all_rows.filter(pk__lte=last - NEWEST).exists():
            request._words_fell_short = True  # type: ignore[attr-defined]
        return keys
