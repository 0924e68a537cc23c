"""Staff groups (moderators, operators) and their permissions, synchronised after each `migrate`.

*Moderators* decide cases: they read what is reported, hide and restore it, warn, mute and ban users. They see no
money, keys or prices, and edit no user. *Operators* run the site: money, prices, plans, codes, upstreams, models, site
rules and announcements; they remove items for good, open sealed evidence and read the audit log. Neither grants
permissions: users, groups, addresses and tokens of others are for administrators (superusers) alone.

Both groups are synchronised with this module; administrators make groups of their own for anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from allauth.account.signals import user_logged_in
from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_migrate
from django.http import HttpRequest
from django.utils.translation import gettext_noop

from accounts.models import User
from accounts.staff import audit_log, log_triggers
from core.net import client_ip

MODERATORS = "Moderators"
OPERATORS = "Operators"
NAMES = (gettext_noop("Moderators"), gettext_noop("Operators"))

_MODERATION = (
    "accounts.view_user", "accounts.view_sanction", "accounts.add_sanction", "accounts.change_sanction",
    "gallery.decide_case", "gallery.view_case", "gallery.change_case",
    "gallery.view_item", "gallery.change_item", "gallery.view_collection", "gallery.change_collection",
    "gallery.view_comment", "gallery.change_comment", "gallery.view_report", "gallery.change_report",
    "gallery.view_sharelink", "gallery.change_sharelink", "gallery.view_itemtag",
    "gallery.view_collectionitem",
    "predictions.view_output",
)  # fmt: skip

_OPERATION = (
    "gallery.remove_item", "gallery.view_evidence",
    "accounts.view_auditentry",
    "accounts.view_account", "accounts.change_account", "accounts.adjust_credits",
    "accounts.view_ledgerentry", "accounts.view_accountspending", "accounts.view_tokenspending",
    "accounts.view_membership", "accounts.view_organizationinvitation",
    "accounts.view_plan", "accounts.add_plan", "accounts.change_plan",
    "accounts.view_codebatch", "accounts.add_codebatch", "accounts.change_codebatch",
    "accounts.view_redeemcode", "accounts.view_redemption", "accounts.view_gift", "accounts.change_gift",
    "accounts.view_creditpack", "accounts.add_creditpack", "accounts.change_creditpack",
    "accounts.view_paymentevent", "accounts.view_purchase", "accounts.change_purchase",
    "accounts.view_dispute", "accounts.view_endedallowance",
    "accounts.view_invitation", "accounts.add_invitation", "accounts.change_invitation",
    "accounts.view_announcement", "accounts.add_announcement", "accounts.change_announcement",
    "accounts.view_site", "accounts.add_site", "accounts.change_site",
    "accounts.view_notice", "accounts.view_apitoken",
    "gallery.view_export", "gallery.view_closure", "gallery.view_preset", "gallery.view_searchrow",
)  # fmt: skip
_ALL_OF = ("predictions",)
"""Apps in which operators have every permission: models, prices, upstreams, prompt rules, running work."""
_NEVER = ("delete_",)


def permissions_of(group: str) -> set[str]:
    """A group's permissions as `app.codename`, of those that exist in this installation."""
    return {f"{row.content_type.app_label}.{row.codename}" for row in _permissions(group)}


def sync() -> None:
    """Synchronise both groups with this module: manual additions are removed, missing permissions added."""
    with transaction.atomic():
        for name in NAMES:
            group, _made = Group.objects.get_or_create(name=name)
            permission_ids = {row.pk for row in _permissions(name)}
            if permission_ids != set(group.permissions.values_list("pk", flat=True)):
                group.permissions.set(permission_ids)


def connect_signals() -> None:
    """Connect the receivers; called from AppConfig.ready."""
    post_migrate.connect(after_migrate, dispatch_uid="accounts.staff.groups")
    user_logged_in.connect(log_sign_in, dispatch_uid="accounts.staff.groups")


def log_sign_in(request: HttpRequest, user: User, **_signal: Any) -> None:
    """Receiver of `user_logged_in`: write sign-ins of staff to the audit log, with address and user agent."""
    if user.is_staff or user.is_superuser:
        detail = {
            "from": str(client_ip.client_address(request)),
            "with": request.headers.get("User-Agent", "")[:200],
        }
        audit_log.write(user, "staff.sign_in", user, detail=detail)


def after_migrate(app_config: Any, **_signal: Any) -> None:
    """Receiver of `post_migrate`: `restore` once the last app has its permissions."""
    # The signal is sent only for apps with models.
    if app_config == [config for config in apps.get_app_configs() if config.models_module is not None][-1]:
        restore()


def restore() -> None:
    """Synchronise both groups and install the audit log's triggers."""
    log_triggers.install()
    sync()


def permissions_are_complete() -> bool:
    """Whether the last `migrate` completed: Django makes the permissions at its end, just before the groups."""
    expected = {
        (model._meta.app_label, codename)
        for model in apps.get_models()
        for codename in (
            *(get_permission_codename(action, model._meta) for action in model._meta.default_permissions),
            *(codename for codename, _words in model._meta.permissions),
        )
    }
    return expected <= set(Permission.objects.values_list("content_type__app_label", "codename"))


def _permissions(group: str) -> Iterator[Permission]:
    names = _MODERATION if group == MODERATORS else (*_MODERATION, *_OPERATION)
    rows = Permission.objects.select_related("content_type")
    chosen = Q(pk__in=())
    for name in names:
        app, codename = name.split(".")
        chosen |= Q(content_type__app_label=app, codename=codename)
    if group == OPERATORS:
        chosen |= Q(content_type__app_label__in=_ALL_OF)
    for row in rows.filter(chosen):
        if not row.codename.startswith(_NEVER):
            yield row
