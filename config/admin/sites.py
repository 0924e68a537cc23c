"""The admin site: unfold's, with the pages' sign-in, sign-out and change of password in place of Django's own."""

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
    """What `admin.site` is here.

    Django's form takes a password alone: it asks for no second factor, counts no tries and keeps no record. So none of
    its views of that kind can be reached, by staff as little as by strangers.
    """

    def get_urls(self) -> list[URLPattern | URLResolver]:
        # Before Django's, which ask for staff first and would lead members round in a circle.
        return [
            path("logout/", self.logout, name="logout"),
            path("password_change/", self.password_change, name="password_change"),
            path("password_change/done/", self.password_change, name="password_change_done"),
            *super().get_urls(),
        ]

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Lead to the pages' sign-in and from there to `next`. Whatever was posted is looked at by nobody."""
        # Not at the top: this module is loaded before there are models.
        from allauth.account.utils import get_next_redirect_url

        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        back = get_next_redirect_url(request) or reverse("admin:index")
        return redirect(reverse("account_login", query={"next": back}))

    @method_decorator(never_cache)
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The pages' sign-out: a form that was posted here is posted there."""
        return redirect(reverse("account_logout", query=request.GET), preserve_request=True)

    @method_decorator(never_cache)
    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The pages' change of password."""
        return redirect("account_change_password")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """All models by app, sought where they are shown: every page is given them, and few show more than a menu."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def _build_app_dict(self, request: HttpRequest, label: str | None = None) -> dict[str, Any]:
        # All models are sorted by name; a lazy name is translated anew whenever it is compared.
        found: dict[str, Any] = super()._build_app_dict(request, label)
        for app in found.values():
            for model in app["models"]:
                model["name"] = str(model["name"])
        return found


class AdminSiteConfig(AppConfig):
    """Unfold, with our site in place of its own."""

    name = "unfold"

    def ready(self) -> None:
        """Put the site there before the panels register themselves."""
        admin.site = sites.site = DarkroomAdminSite()
