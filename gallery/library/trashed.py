"""The page of the trash: what can still be brought back, the last deleted first."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from gallery import access, paging, rows, tiles
from gallery.library import filters, trash
from gallery.library.views import COLLECTIONS, PAGE, row_height
from gallery.pages import account_of, member, page, user_of


@require_safe
@member
def trashed(request: HttpRequest) -> HttpResponse:
    """What is in the trash, each with the days that are left."""
    items = access.for_tiles(trash.holds(account_of(request)))
    found = paging.page(items, "trashed_at", PAGE, request.GET.get("after", ""))
    widths = rows.scaled(rows.LIBRARY, row_height(request))
    context: dict[str, Any] = {
        "group": tiles.group(found.rows, own=True, widths=widths, more=bool(found.older)),
        "collections": filters.collections_of(user_of(request))[:COLLECTIONS],
        "older": f"{reverse('library_trash')}?after={found.older}" if found.older else "",
        "trash_days": int(trash.life_s() // 86400),
        "first": "after" not in request.GET,
    }
    part = request.headers.get("HX-Request") == "true" and "after" in request.GET
    return page(request, "library/_trash_rows.html" if part else "library/trash.html", context)


def days_left(item: Any) -> int:
    """Days, begun ones too, that an item of the trash can still be brought back."""
    gone = (timezone.now() - item.trashed_at).total_seconds()
    return max(1, -int(-(trash.life_s() - gone) // 86400))
