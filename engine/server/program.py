"""Start of the engine's programs: process title, exit code, boolean environment variables.

No Django: `manage.py engine` and `manage.py work` translate Django's settings into the environment. The service of
local models is started in the same way.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from core.processes import session
from engine.protocol.service_address import EngineError
from engine.server import logs

_TRUE = ("1", "true", "yes", "on")


def flag(name: str) -> bool:
    """The value of a boolean environment variable; Django's settings have validated it."""
    return os.environ.get(name, "").strip().lower() in _TRUE


def run(name: str, serve: Callable[[], None]) -> int:
    """Run `serve` under the process title `dr-NAME`; returns the exit code, 1 for an `EngineError`."""
    os.umask(0o077)
    session.set_process_name(f"dr-{name}")
    level = os.environ.get("DARKROOM_LOG_LEVEL", "").strip().upper() or "INFO"
    logs.configure(level, as_json=flag("DARKROOM_LOG_JSON"))
    try:
        serve()
    except EngineError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0
