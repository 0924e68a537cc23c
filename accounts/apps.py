"""The accounts app: users, accounts, credits, API tokens."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import provisioning, signup

        provisioning.connect()
        signup.connect()
