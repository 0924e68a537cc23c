"""Page of the trash, newest first, and the choice of how long private items are kept."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import account_of, member_required, user_of
from core import pagination
from core.http.pages import page
from gallery.items import access, justified_rows, tiles
from gallery.library import item_filters, lifetime, trash
from gallery.library.views import COLLECTIONS, PAGE, row_height


@require_safe
@member_required
def trash_page(request: HttpRequest) -> HttpResponse:
    """What is in the trash, each with the days left."""
    items = access.for_tiles(trash.items_of(account_of(request)))
    found = pagination.page_or_newest(items, "trashed_at", PAGE, request.GET.get("after", ""))
    widths = justified_rows.scaled(justified_rows.LIBRARY, row_height(request))
    context: dict[str, Any] = {
        "group": tiles.group(found.rows, own=True, widths=widths, more=bool(found.next)),
        "collections": item_filters.collections_of(user_of(request))[:COLLECTIONS],
        "older": f"{reverse('library_trash')}?after={found.next}" if found.next else "",
        "trash_days": int(trash.lifetime_s() // 86400),
        "keep_choices": lifetime.CHOICES,
        "keep_days": lifetime.days_for(user_of(request)),
        "first": "after" not in request.GET,
    }
    part = request.headers.get("HX-Request") == "true" and "after" in request.GET
    return page(request, "library/_trash_rows.html" if part else "library/trash.html", context)


@require_POST
@member_required
def set_lifetime(request: HttpRequest) -> HttpResponse:
    """Choose after how many days unreferenced private items go to the trash."""
    days = request.POST.get("days", "")
    try:
        lifetime.set_days(user_of(request), int(days) if days else None)
    except ValueError:
        raise Http404 from None
    if days:
        message = ngettext(
            "Private pictures that you neither like, collect nor share go to the trash after %(days)s day.",
            "Private pictures that you neither like, collect nor share go to the trash after %(days)s days.",
            int(days),
        ) % {"days": days}
    else:
        message = _("Your pictures are kept until you delete them.")
    messages.success(request, message)
    return HttpResponseRedirect(reverse("library_trash"))


def days_left(item: Any) -> int:
    """Days, rounded up and at least one, that an item can still be restored."""
    elapsed = (timezone.now() - item.trashed_at).total_seconds()
    return max(1, -int(-(trash.lifetime_s() - elapsed) // 86400))
