"""The accounts app: users, accounts, credits, API tokens."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import personal_accounts
        from accounts.auth import attempt_limits
        from accounts.billing import reconciliation, refunds
        from accounts.credits import allowances
        from accounts.notifications import low_balance, mail_queue
        from accounts.sessions import known_devices, login_history, login_sessions
        from accounts.staff import audit_log, groups, logentry_privacy, sanctions
        from core.admin import change_log
        from core.cache import counters
        from core.jobs import scheduler

        counters.connect_allauth()
        change_log.use(audit_log)
        personal_accounts.connect_signals()
        groups.connect_signals()
        login_history.connect_signals()
        login_sessions.connect_signals()
        known_devices.connect_signals()
        logentry_privacy.connect_signals()
        scheduler.register("sign_ins", login_history.prune, every_s=600.0)
        scheduler.register("tries", attempt_limits.prune, due=attempt_limits.expired, every_s=60.0)
        scheduler.register("sessions", login_sessions.prune, every_s=3600.0)
        scheduler.register("payments", reconciliation.run_once, every_s=300.0)
        scheduler.register("payments back", refunds.run_once, due=refunds.due, every_s=30.0)
        scheduler.register("mail", mail_queue.run_once, due=mail_queue.due, every_s=1.0)
        scheduler.register("old notices", mail_queue.prune, every_s=3600.0)
        scheduler.register("allowances", allowances.run_once, due=allowances.due_soonest, every_s=5.0)
        scheduler.register(
            "low balances", low_balance.run_once, due=low_balance.due, every_s=10.0, max_interval_s=60.0
        )
        scheduler.register("sanctions", sanctions.lift_ended, due=sanctions.ended, every_s=5.0)
