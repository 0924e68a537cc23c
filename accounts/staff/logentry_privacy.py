"""Strip names from Django's admin log (`LogEntry`): it says which row was touched, never what it was called.

Names and titles would outlive their owners there; the audit log (`accounts.staff.audit_log`) is the one that is kept.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db.models.signals import pre_save


def strip_names(sender: Any, instance: LogEntry, **kwargs: Any) -> None:
    """Receiver of `pre_save`: replace names by kind and primary key, in the message too."""
    kind = instance.content_type
    instance.object_repr = f"{kind.model if kind is not None else ''} {instance.object_id or ''}".strip()
    try:
        parts = json.loads(instance.change_message)
    except (TypeError, ValueError):
        return
    if not isinstance(parts, list):
        return
    for part in parts:
        for values in part.values() if isinstance(part, dict) else ():
            if isinstance(values, dict):
                values.update({"object": "…"} if "object" in values else {})
    instance.change_message = json.dumps(parts)


def connect_signals() -> None:
    """Connect the receiver; called from AppConfig.ready."""
    pre_save.connect(strip_names, sender=LogEntry, dispatch_uid="accounts.staff.logentry_privacy")
