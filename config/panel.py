"""The panel's site: unfold's, which lists its models without translating each name again at every comparison."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import sites
from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite


class Panel(UnfoldAdminSite):
    """What `admin.site` is here."""

    def _build_app_dict(self, request: HttpRequest, label: str | None = None) -> dict[str, Any]:
        # Every page of the panel sorts all models by name; a lazy name is translated anew whenever it is compared.
        found: dict[str, Any] = super()._build_app_dict(request, label)
        for app in found.values():
            for model in app["models"]:
                model["name"] = str(model["name"])
        return found


class PanelConfig(AppConfig):
    """Unfold, with our site in place of its own."""

    name = "unfold"

    def ready(self) -> None:
        """Put the site there before the panels register themselves."""
        admin.site = sites.site = Panel()
