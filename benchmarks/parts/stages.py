"""Where the time of predictions went: `python -m benchmarks.parts.stages` in Darkroom's environment prints JSON.

Medians in milliseconds over the newest that succeeded at an upstream, by the times in their rows.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from typing import Any

NEWEST = 200


def main() -> None:
    # Here and not above: who only imports this must not hand it to its children.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["DARKROOM_PROCESS_ROLE"] = "work"
    import django

    django.setup()
    json.dump(stages(), sys.stdout)


def stages() -> dict[str, float]:
    """Until it was sent, until the upstream's answer was there, and until its outputs were stored."""
    from predictions.models import Status, UpstreamRun

    runs = UpstreamRun.objects.filter(prediction__status=Status.SUCCEEDED).select_related("prediction")
    found: dict[str, list[float]] = {"queued": [], "upstream": [], "stored": []}
    for run in runs.order_by("-id")[:NEWEST]:
        row = run.prediction
        if row.started_at is None or row.completed_at is None:
            continue
        found["queued"].append(_ms(run.sent_at - row.created_at))
        found["upstream"].append(float(run.answered_ms or 0))
        found["stored"].append(_ms(row.completed_at - row.started_at))
    return {name: statistics.median(values) for name, values in found.items() if values}


def _ms(span: Any) -> float:
    return float(span.total_seconds() * 1000)


if __name__ == "__main__":
    main()
