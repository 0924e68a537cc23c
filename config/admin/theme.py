"""Unfold's settings: title, colours and sidebar of the admin. Data only; figures are in `dashboard`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: bool(getattr(request, "user", None) and request.user.has_perm(permission))


def _entry(title: Any, icon: str, model: str) -> dict[str, Any]:
    """A line of the side bar, shown to users with the permission to view that model; `model` is `app_name`."""
    app, name = model.split("_", 1)
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{model}_changelist"),
        "permission": _may(f"{app}.view_{name}"),
    }


def _page(title: Any, icon: str, name: str, permission: str) -> dict[str, Any]:
    """A sidebar entry of the side bar that links to another staff staff page."""
    return {"title": title, "icon": icon, "link": reverse_lazy(name), "permission": _may(permission)}


def _group(title: Any, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(entries)}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Darkroom",
    "SITE_HEADER": "Darkroom",
    "SITE_SUBHEADER": _("The desk"),
    "SITE_SYMBOL": "photo_camera",
    "SITE_URL": "/",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("icons/mark.svg")},
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "config.admin.dashboard.dashboard",
    "COLORS": {
        # The safelight of the pages, and their warm greys, as steps of one hue.
        "base": {
            "50": "oklch(.988 .003 75)", "100": "oklch(.968 .006 75)", "200": "oklch(.920 .008 70)",
            "300": "oklch(.860 .010 70)", "400": "oklch(.720 .012 60)", "500": "oklch(.560 .014 55)",
            "600": "oklch(.455 .014 55)", "700": "oklch(.360 .012 50)", "800": "oklch(.262 .009 45)",
            "900": "oklch(.182 .007 45)", "950": "oklch(.150 .006 45)",
        },
        "primary": {
            "50": "oklch(.975 .015 42)", "100": "oklch(.945 .035 42)", "200": "oklch(.890 .075 42)",
            "300": "oklch(.820 .120 42)", "400": "oklch(.760 .160 42)", "500": "oklch(.720 .180 42)",
            "600": "oklch(.560 .185 36)", "700": "oklch(.500 .165 36)", "800": "oklch(.430 .140 36)",
            "900": "oklch(.360 .110 36)", "950": "oklch(.260 .080 36)",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "",
                "items": [
                    {"title": _("Overview"), "icon": "dashboard", "link": reverse_lazy("admin:index")},
                    _page(_("Moderation"), "gavel", "moderation", "gallery.view_case"),
                    _page(_("Operations"), "monitoring", "operations", "predictions.view_usageday"),
                    _page(_("Members"), "groups", "members", "accounts.view_user"),
                    _page(_("House rules"), "tune", "house", "accounts.change_site"),
                    _page(_("Announcements"), "campaign", "announcements", "accounts.view_announcement"),
                ],
            },
            _group(
                _("Work"),
                _entry(_("Predictions"), "hourglass_top", "predictions_prediction"),
                _entry(_("Webhooks"), "webhook", "predictions_delivery"),
                _entry(_("Models"), "deployed_code", "predictions_hostedmodel"),
                _entry(_("Deployments"), "rocket_launch", "predictions_deployment"),
            ),
            _group(
                _("Upstreams"),
                {
                    "title": _("How they stand"),
                    "icon": "monitoring",
                    "link": reverse_lazy("upstreams_health"),
                    "permission": _may("predictions.view_upstream"),
                },
                _entry(_("Upstreams"), "cloud_sync", "predictions_upstream"),
                _entry(_("Keys"), "vpn_key", "predictions_upstreamkey"),
            ),
            _group(
                _("Gallery"),
                _entry(_("Items"), "photo_library", "gallery_item"),
                _entry(_("Share links"), "share", "gallery_sharelink"),
            ),
            _group(
                _("People"),
                _entry(_("Users"), "person", "accounts_user"),
                _entry(_("Groups"), "group", "auth_group"),
                _entry(_("Invitations"), "outgoing_mail", "accounts_invitation"),
                _entry(_("API tokens"), "key", "accounts_apitoken"),
                _entry(_("Sanctions"), "gavel", "accounts_sanction"),
                _entry(_("Evidence"), "inventory_2", "gallery_evidence"),
                _entry(_("Audit log"), "fact_check", "accounts_auditentry"),
            ),
            _group(
                _("Rules"),
                _entry(_("Prompt rules"), "rule", "predictions_promptrule"),
                _entry(_("Findings"), "flag", "predictions_rulehit"),
                _entry(_("Classifiers"), "visibility", "predictions_classifier"),
                _entry(_("Blocked pictures"), "hide_image", "predictions_blockedpicture"),
            ),
            _group(
                _("Money"),
                _entry(_("Accounts"), "account_balance", "accounts_account"),
                _entry(_("Plans"), "speed", "accounts_plan"),
                _entry(_("Ledger"), "receipt_long", "accounts_ledgerentry"),
                _entry(_("Batches of codes"), "confirmation_number", "accounts_codebatch"),
                _entry(_("Credit packs"), "shopping_bag", "accounts_creditpack"),
                _entry(_("Purchases"), "payments", "accounts_purchase"),
                _entry(_("Prices"), "sell", "predictions_price"),
            ),
            _group(
                _("System"),
                _entry(_("Failed tasks"), "error", "django_q_failure"),
            ),
        ],
    },
}  # fmt: skip
