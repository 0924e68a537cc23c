"""The admin's index page, and read-only admin of the task queue's tables.

The queue's models are looked up by name, since one module alone may import the queue.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from core.admin.model_admins import register_read_only
from gallery.moderation.staff_pages.views import landing

admin.site.index_title = _("Overview")

_index = admin.site.index


def _index_page(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The admin index, or the moderation page for staff who are moderators only."""
    return landing(request) or _index(request, extra_context)


admin.site.index = _index_page  # type: ignore[method-assign, assignment]

_TASK = ("name", "func", "cluster", "started", "stopped", "attempt_count")
_COLUMNS = {
    "OrmQ": ("key", "lock"),
    "Failure": _TASK,
    "Success": _TASK,
    "Schedule": ("name", "func", "schedule_type", "next_run"),
}

for _name, _columns in _COLUMNS.items():
    _model = apps.get_model("django_q", _name)
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
        register_read_only(_model, list_display=_columns, fields=None)
