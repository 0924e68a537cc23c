"""The ASGI application. Marks the process as web before Django reads its settings."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DARKROOM_PROCESS_ROLE", "web")

from django.core.asgi import get_asgi_application  # noqa: E402

application = get_asgi_application()
