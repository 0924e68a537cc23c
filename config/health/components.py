"""`/health`: the state of each part of the installation, from the heartbeats that the processes leave.

Anybody may ask, so that no monitor needs a secret: it says whether each part works, and neither what it is made of nor
how much there is to do. That stands on the admin's first page, and in the log.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from core.clock import Now
from predictions.files import media
from predictions.models import Beat

log = structlog.get_logger(__name__)
FRESH = {
    "queue": ("cluster-work", timedelta(seconds=60)),
    "watcher": ("watcher", timedelta(seconds=30)),
    "sweep": ("sweep", timedelta(seconds=30)),
    "poster": ("poster", timedelta(seconds=30)),
}


def report() -> tuple[bool, dict[str, Any]]:
    """Whether all is well, and each part `ok` or what is wrong with it."""
    parts: dict[str, dict[str, Any]] = {}
    try:
        parts["database"] = {"ok": True}
        parts |= _beats()
        _tell_away(None)
    except (DatabaseError, InterfaceError) as error:
        _tell_away(error)
        parts["database"] = {"ok": False, "detail": "cannot be reached"}
        parts |= {name: {"ok": False, "detail": "unknown"} for name in FRESH if name not in parts}
    parts["storage"] = _storage()
    ok = all(part["ok"] for part in parts.values() if not part.get("optional"))
    for part in parts.values():
        part["state"] = "ok" if part["ok"] else "down"
    return ok, {"status": "ok" if ok else "unavailable", **parts}


_is_away = False


def _tell_away(error: Exception | None) -> None:
    """Log that the database went away, or is back: once, however often somebody asks meanwhile."""
    global _is_away
    if error is not None and not _is_away:
        log.error("health_database", reason=str(error).strip().partition("\n")[0])
    elif error is None and _is_away:
        log.info("health_database_back")
    _is_away = error is not None


def silent() -> list[str]:
    """Names of the parts that must be alive and show no sign of life, and of optional ones that are switched on."""
    return [name for name, part in _beats().items() if not part["ok"]]


def _beats() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for part, (kind, fresh) in FRESH.items():
        alive = Beat.objects.filter(kind=kind, at__gte=Now() - fresh).exists()
        found[part] = {"ok": alive}
    audit = Beat.objects.filter(kind="audit").order_by("-at").values_list("detail", flat=True).first()
    if audit is not None:
        found["audit"] = {"ok": bool(audit.get("ok")), "optional": True}
    if settings.ENGINE["enabled"]:
        alive = Beat.objects.filter(kind="engine", at__gte=Now() - timedelta(seconds=30)).exists()
        found["engine"] = {"ok": alive, "optional": True}
    if settings.LOCAL["models"] is not None:
        alive = Beat.objects.filter(kind="local", at__gte=Now() - timedelta(seconds=30)).exists()
        found["local"] = {"ok": alive, "optional": True}
    for part in _backing_off():
        state = found.setdefault(part, {"ok": True, "optional": True})
        state["detail"] = "crashes too often; it is started again after a pause"
    return found


def _backing_off() -> set[str]:
    """The parts that a supervisor gives pauses between crashes."""
    supervisors = Beat.objects.filter(kind="supervisor", at__gte=Now() - timedelta(seconds=30))
    return {
        "queue" if name.startswith("worker-") else name
        for detail in supervisors.values_list("detail", flat=True)
        for name, state in detail.get("parts", {}).items()
        if state.get("state") == "backing off"
    }


def _storage() -> dict[str, Any]:
    try:
        room = media.has_free_disk()
    except OSError:
        return {"ok": False, "detail": "cannot be reached"}
    return {"ok": room} if room else {"ok": False, "detail": "too little free space"}
