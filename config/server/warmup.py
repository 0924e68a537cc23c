"""Warm-up: what the first requests would load or build is there before a web process starts its first thread.

Several threads that load one module, or build one object, at the same time may each see half of it: with Redis the
first forty requests after a start were answered with errors once, because `limits` had looked into a half-loaded
`redis`. And nobody who comes first waits for what everybody needs.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable

import structlog
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache
from django.template import engines
from django.urls import reverse
from django.utils import translation
from django.utils.formats import iter_format_modules
from django.utils.module_loading import import_string

from predictions.api_dialects.common import rate_limits
from predictions.dispatch import provider_lookup

log = structlog.get_logger(__name__)
LAZY = (
    "cryptography.fernet",
    "disposable_email_domains",
    "django.contrib.sessions.serializers",
    "django.db.models.sql.compiler",
    "django.views.debug",
)
"""Modules that are loaded inside functions, by us or by what we stand on, and that no setting names."""


def run() -> None:
    """All of it, in a web process."""
    _take((*SHARED, *OWN))
    # All of that stays, and the collector need not look through it: that would stop every request for some tenths.
    gc.collect()
    gc.freeze()


def share() -> None:
    """What processes forked from this one may share: nothing that holds a connection."""
    _take(SHARED)


def _take(steps: tuple[Callable[[], object], ...]) -> None:
    """Load and build it. A part that fails is logged, and left to the request that needs it."""
    for step in steps:
        try:
            step()
        except Exception as error:
            log.warning("warmup_incomplete", part=step.__name__.strip("_"), exc_info=error)


def _modules() -> None:
    for name in LAZY:
        importlib.import_module(name)
    for path in _named():
        import_string(path)


def _named() -> list[str]:
    """What the settings name by its dotted path and Django loads when it is first needed."""
    validators = [one["NAME"] for one in settings.AUTH_PASSWORD_VALIDATORS]
    processors = settings.TEMPLATES[0]["OPTIONS"]["context_processors"]
    adapters = [settings.ACCOUNT_ADAPTER, settings.MFA_ADAPTER, settings.SOCIALACCOUNT_ADAPTER]
    others = [settings.MESSAGE_STORAGE, settings.EMAIL_BACKEND, settings.CACHES["default"]["BACKEND"]]
    return [*settings.AUTHENTICATION_BACKENDS, *validators, *processors, *adapters, *others]


def _counters() -> None:
    if settings.REDIS_URL:
        importlib.import_module("redis")
        # Any question: the driver is loaded and its pool made by the first one.
        cache.get("warm-up")
    rate_limits.limiter()


def _addresses() -> None:
    # `reverse` keeps a table for each language.
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            reverse("home")
            list(iter_format_modules(language))


def _templates() -> None:
    for engine in engines.all():
        engine.get_template("base.html")


def _static_files() -> None:
    staticfiles_storage.url("css/base.css")


def _providers() -> None:
    provider_lookup.registry()


SHARED: tuple[Callable[[], object], ...] = (_modules, _addresses, _templates, _static_files)
OWN: tuple[Callable[[], object], ...] = (_counters, _providers)
