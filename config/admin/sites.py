"""The admin site: Unfold's, with the site's own sign-in, sign-out and password change in place of Django's."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import sites
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite


class DarkroomAdminSite(UnfoldAdminSite):
    """The site's `admin.site`.

    Django's own sign-in form asks for no second factor, counts no attempts and logs nothing, so it is not reachable;
    nor are its sign-out and password change.
    """

    def get_urls(self) -> list[URLPattern | URLResolver]:
        # Before Django's, which check for staff first and would redirect members in a circle.
        return [
            path("logout/", self.logout, name="logout"),
            path("password_change/", self.password_change, name="password_change"),
            path("password_change/done/", self.password_change, name="password_change_done"),
            *super().get_urls(),
        ]

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the site's sign-in, and from there to `next`. Posted data is ignored."""
        # Not at the top: this module is loaded before the models.
        from allauth.account.utils import get_next_redirect_url

        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        back = get_next_redirect_url(request) or reverse("admin:index")
        return redirect(reverse("account_login", query={"next": back}))

    @method_decorator(never_cache)
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the site's sign-out; a POST stays a POST."""
        return redirect(reverse("account_logout", query=request.GET), preserve_request=True)

    @method_decorator(never_cache)
    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to the site's password change."""
        return redirect("account_change_password")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """All models by app, evaluated lazily: every page gets them, and few show them."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def _build_app_dict(self, request: HttpRequest, label: str | None = None) -> dict[str, Any]:
        # Models are sorted by name, and a lazy name would be translated at every comparison.
        apps: dict[str, Any] = super()._build_app_dict(request, label)
        for app in apps.values():
            for model in app["models"]:
                model["name"] = str(model["name"])
        return apps


class AdminSiteConfig(AppConfig):
    """Unfold, with `DarkroomAdminSite` in place of its own."""

    name = "unfold"

    def ready(self) -> None:
        """Set the site before ModelAdmins are registered."""
        admin.site = sites.site = DarkroomAdminSite()
