"""Messages shown after an action in the library, with an undo button where it can be undone."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.library import selection


def show_moved_to_trash(request: HttpRequest, count: int, at: datetime, then: str = "") -> None:
    """Show how many items went to the trash at that moment, with a button that restores them and leads to
    `then`."""
    if not count:
        return
    undo = format_html(
        '<form class="undo" method="post" action="{}">'
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}"><input type="hidden" name="at" value="{}">'
        '<input type="hidden" name="next" value="{}"><button class="link" data-undo>{}</button></form>',
        reverse("library_restore"),
        get_token(request),
        selection.to_param(at),
        then or reverse("library"),
        _("Undo"),
    )
    messages.success(request, format_html("{} {}", in_trash(count), undo))


def in_trash(count: int) -> str:
    """`6 moved to the trash for 30 days.`"""
    message = ngettext(
        "%(count)s moved to the trash for %(days)s days.",
        "%(count)s moved to the trash for %(days)s days.",
        count,
    )
    return message % {"count": f"{count:,}", "days": settings.TRASH_DAYS}


def restored(count: int) -> str:
    """`6 brought back.`"""
    message = ngettext("%(count)s picture brought back.", "%(count)s pictures brought back.", count)
    return message % {"count": f"{count:,}"}


def deleted(count: int) -> str:
    """`6 deleted for good.`"""
    message = ngettext("%(count)s picture deleted for good.", "%(count)s pictures deleted for good.", count)
    return message % {"count": f"{count:,}"}


def published(count: int, selected: int, waiting: int = 0) -> str:
    """How many of the `asked` are published, how many wait for a moderator, how many were left out."""
    words = ngettext("%(count)s picture is published now.", "%(count)s pictures are published now.", count)
    message = words % {"count": f"{count:,}"}
    if waiting:
        wait = ngettext("%(count)s waits for a moderator.", "%(count)s wait for a moderator.", waiting)
        message = f"{message} {wait % {'count': f'{waiting:,}'}}"
    return _with_left_out(message, selected - count - waiting)


def unpublished(count: int) -> str:
    """How many are private now."""
    message = ngettext("%(count)s picture is private now.", "%(count)s pictures are private now.", count)
    return message % {"count": f"{count:,}"}


def collected(count: int, selected: int, title: str) -> str:
    """How many of the `asked` were added to a collection, and how many were in it already."""
    words = ngettext(
        "%(count)s picture added to “%(title)s”.", "%(count)s pictures added to “%(title)s”.", count
    )
    message = words % {"count": f"{count:,}", "title": title}
    if selected == count:
        return message
    note = ngettext("%(count)s was in it already.", "%(count)s were in it already.", selected - count)
    return f"{message} {note % {'count': f'{selected - count:,}'}}"


def _with_left_out(message: str, count: int) -> str:
    if count <= 0:
        return message
    note = ngettext(
        "%(count)s that a moderator hid was left out.", "%(count)s that a moderator hid were left out.", count
    )
    return f"{message} {note % {'count': f'{count:,}'}}"
