"""Django's own log of the panel says which row was touched, never what it was called.

Names and titles would outlive there whoever bore them; the record (`accounts.staff.audit_log`) is the log that is kept.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib.admin.models import LogEntry


def strip_names(sender: Any, instance: LogEntry, **kwargs: Any) -> None:
    """Receiver of `pre_save`: kind and number in the place of a name, in the message too."""
    kind = instance.content_type
    instance.object_repr = f"{kind.model if kind is not None else ''} {instance.object_id or ''}".strip()
    try:
        parts = json.loads(instance.change_message)
    except (TypeError, ValueError):
        return
    if not isinstance(parts, list):
        return
    for part in parts:
        for told in part.values() if isinstance(part, dict) else ():
            if isinstance(told, dict):
                told.update({"object": "…"} if "object" in told else {})
    instance.change_message = json.dumps(parts)


def connect_signals() -> None:
    """Connect the receiver; called once when the app is ready."""
    from django.db.models.signals import pre_save

    pre_save.connect(strip_names, sender=LogEntry, dispatch_uid="accounts.staff.logentry_privacy")
