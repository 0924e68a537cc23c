"""The ASGI application. Marks the process as web before Django reads its settings."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DARKROOM_PROCESS_ROLE", "web")

import django

django.setup(set_prefix=False)

from config import warmup  # noqa: E402
from config.serving import LeanHandler  # noqa: E402

application = LeanHandler()
warmup.run()
