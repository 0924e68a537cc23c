"""The accounts app: users, accounts, credits, API tokens."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import counters, panel_log, provisioning, staff
        from accounts.entrance import devices, history, sessions

        counters.connect()
        provisioning.connect()
        staff.connect()
        history.connect()
        sessions.connect()
        devices.connect()
        panel_log.connect()
