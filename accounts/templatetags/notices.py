"""Template tag: the count of unread notices beside the bell."""

from __future__ import annotations

from typing import Any

from django import template

from accounts.models import User
from accounts.notifications import views

register = template.Library()


@register.simple_tag(takes_context=True)
def unread_notices(context: dict[str, Any]) -> str:
    """Unread notices of the reader, at most `99+`; empty for none."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return ""
    number = views.unread(user)
    return "" if not number else str(number) if number <= views.MAX_COUNTED else f"{views.MAX_COUNTED}+"
