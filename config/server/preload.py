"""Preloading: the process that forks all parts imports everything once, and each part settles what differs by part."""

from __future__ import annotations

import gc
import importlib
import os

MODULES = (
    "anyio._backends._asyncio",
    "config.middleware.access_log",
    "config.server.asgi_handler",
    "config.server.web_process",
    "config.management.commands.prepare",
    "django.core.management.commands.migrate",
    "gallery.search.sqlite_backend",
    "django.contrib.staticfiles.management.commands.collectstatic",
    "predictions.processes.parts",
    "predictions.tasks",
    "uvloop",
)
"""What the parts import beside Django, the apps and the URLconf. Nothing here may import NumPy or OpenCV, start a
thread or open a connection: `tests/deployment/test_preload.py` holds that.
"""


def load() -> None:
    """Import it. Raises what a wrong setting raises."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # django-q2 reads it while it is imported.
    os.environ.setdefault("Q_CLUSTER_NAME", "work")
    import django

    # Nothing of it is garbage, and the collector would look through all of it again and again.
    gc.disable()
    django.setup(set_prefix=False)
    from django.conf import settings
    from django.urls import get_resolver

    gc.disable()  # `config.apps` has switched it on again, for those to whom the apps are all
    for name in (*MODULES, *(one.rpartition(".")[0] for one in settings.MIDDLEWARE)):
        importlib.import_module(name)
    # Loads every view.
    _ = get_resolver().reverse_dict
    gc.enable()


def warm() -> None:
    """Build what the parts share, once static files and translations are there (after `prepare`)."""
    from config.server import warmup

    warmup.share()


def become_web() -> None:
    """In the process of a web part, before it asks the database: it keeps a pool of connections."""
    from django.conf import settings
    from django.db import connections

    os.environ["DARKROOM_PROCESS_ROLE"] = settings.PROCESS_ROLE = "web"
    if settings.ON_POSTGRES:
        default = connections.databases["default"]
        default["OPTIONS"]["pool"] = settings.DATABASE_POOL
        default["CONN_MAX_AGE"], default["CONN_HEALTH_CHECKS"] = 0, False
