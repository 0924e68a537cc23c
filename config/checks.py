"""System checks: combinations of settings that would break an invariant stop the start, with ids."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError, InterfaceError

from config.health import readiness
from core.db.checks import DATABASE_IS_OURS
from engine.local.config import settings_file
from engine.local.config.settings_table import LocalSettingsError
from gallery.provenance import content_credentials
from predictions.dispatch import provider_lookup
from predictions.execution.task_queue import SILENT_S


@register()
def queue_is_safe(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A task must not be handed out again while it still runs."""
    timeout, retry = settings.Q_CLUSTER.get("timeout") or 0, settings.Q_CLUSTER.get("retry") or 0
    if 0 < timeout < SILENT_S < retry:
        return []
    words = f"timeout ({timeout} s) must be less than {SILENT_S:.0f} s, and retry ({retry} s) more."
    return [Error(f"The queue's {words}", id="darkroom.E001")]


@register()
def pool_only_in_web(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A connection pool made before a fork would be shared by the workers."""
    options = settings.DATABASES["default"].get("OPTIONS", {})
    if options.get("pool") and settings.PROCESS_ROLE != "web":
        return [Error("A connection pool belongs to web processes only.", id="darkroom.E003")]
    return []


@register()
def outputs_are_private(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Pictures are reached through a view that checks, never by their place."""
    if settings.STORAGES["outputs"].get("OPTIONS", {}).get("base_url"):
        return [Error("The storage `outputs` must have no base_url.", id="darkroom.E004")]
    return []


@register(deploy=True)
def public_url_is_safe(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Over plain http on a public address the clients hand out strings instead of files, and tokens travel in clear."""
    url = settings.PUBLIC_URL
    if url.startswith("http://") and not any(host in url for host in ("//127.", "//localhost", "//[::1]")):
        return [
            Warning(
                "DARKROOM_PUBLIC_URL is plain http and not loopback; put TLS in front.", id="darkroom.W001"
            )
        ]
    return []


@register()
def mails_lead_here(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Where every host is answered, none of them can be the one that links in mails lead to."""
    if not settings.EMAIL_URL:
        return []
    if "*" in settings.ALLOWED_HOSTS and not settings.PUBLIC_URL:
        words = "DARKROOM_HOSTS is * and DARKROOM_PUBLIC_URL is not set: the links in mails would lead to"
        return [Error(f"{words} {settings.ORIGIN}, which nobody else can reach.", id="darkroom.E007")]
    if not settings.PUBLIC_URL:
        words = f"DARKROOM_PUBLIC_URL is not set: {', '.join(settings.ALLOWED_HOSTS)} are answered, and no other host."
        return [Warning(words, id="darkroom.W005")]
    return []


@register()
def payments_are_whole(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """With one half of what Stripe needs nobody can buy anything, and no page says why."""
    given = settings.PAYMENTS["stripe"]
    if bool(given["key"]) == bool(given["webhook_secret"]):
        return []
    missing = "DARKROOM_STRIPE_WEBHOOK_SECRET" if given["key"] else "DARKROOM_STRIPE_KEY"
    return [Warning(f"{missing} is not set: nobody can buy credits.", id="darkroom.W006")]


@register(Tags.database)
def secrets_fit_the_keys(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """An upstream whose key cannot be read is silently none. No error: all else must still start."""
    from predictions.upstreams import key_rotation

    if not databases:
        return []
    try:
        lost = key_rotation.unreadable()
    except DatabaseError:
        return []  # before the first migration there are no such tables
    if not lost:
        return []
    words = "These secrets fit none of the keys in DARKROOM_KEYS: " + "; ".join(lost) + "."
    return [Warning(words, hint="Put the old key back, or enter the secrets again.", id="darkroom.W002")]


@register(DATABASE_IS_OURS)
def database_is_ours(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A process that does not fit its database would do harm there. A database that is away is for others to tell."""
    found: list[CheckMessage] = []
    for ask, kind, number in (
        (readiness.foreign_secrets, Error, "darkroom.E008"),
        (readiness.later_migrations, Error, "darkroom.E009"),
        (readiness.broken_pooler, Error, "darkroom.E010"),
        (readiness.clock_difference, Warning, "darkroom.W007"),
    ):
        try:
            words = ask()
        except (DatabaseError, InterfaceError):
            return found
        if words:
            found.append(kind(words, id=number))
    return found


@register()
def local_models_can_be_run(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A file that cannot be read stops the start; a web server alone needs no torch."""
    try:
        found = provider_lookup.local_settings()
    except LocalSettingsError as error:
        return [Error(f"DARKROOM_LOCAL_MODELS: {error}", id="darkroom.E005")]
    missing = settings_file.missing_packages() if found is not None else []
    return [Warning(settings_file.install_hint(missing), id="darkroom.W004")] if missing else []


@register()
def keys_are_private(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Who reads the keys reads every secret."""
    path = settings.VAULT_KEYS_FILE
    if path is not None and path.is_file() and path.stat().st_mode & 0o007:
        return [Warning(f"{path} can be read by everybody on this machine.", id="darkroom.W003")]
    return []


@register()
def credentials_can_be_signed(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A certificate that cannot sign would leave every published picture without credentials, silently."""
    try:
        content_credentials.identity()
    except content_credentials.BadIdentity as error:
        return [Error(str(error), id="darkroom.E006")]
    return []
