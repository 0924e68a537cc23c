"""The ASGI application. Marks the process as web before Django reads its settings."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DARKROOM_PROCESS_ROLE", "web")

import django

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402

from config.middleware.access_log import AccessLog  # noqa: E402
from config.server import warmup  # noqa: E402
from config.server.asgi_handler import LeanHandler  # noqa: E402

application = AccessLog(LeanHandler(), logs=settings.ACCESS_LOG)
warmup.run()
