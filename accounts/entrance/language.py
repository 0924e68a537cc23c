"""The language that somebody chose: for their mails too."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.views.i18n import set_language as switch

from accounts.models import User


def set_language(request: HttpRequest) -> HttpResponseBase:
    """Switch the pages' language as Django does, and remember it with the user."""
    answer = switch(request)
    chosen = request.POST.get("language", "")
    if request.method == "POST" and request.user.is_authenticated and chosen in dict(settings.LANGUAGES):
        User.objects.filter(pk=request.user.pk).exclude(language=chosen).update(language=chosen)
    return answer
