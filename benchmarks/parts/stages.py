"""Where the time of predictions went: `python -m benchmarks.parts.stages --after N` in Darkroom's environment.

Prints as JSON medians in milliseconds over the newest runs at upstreams after the Nth that succeeded, by the times in
their rows, and which run was the last.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from typing import Any

NEWEST = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--after", type=int, default=0)
    given = parser.parse_args()
    # Here and not above: who only imports this must not hand it to its children.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["DARKROOM_PROCESS_ROLE"] = "work"
    import django

    django.setup()
    json.dump(stages(given.after), sys.stdout)


def stages(after: int) -> dict[str, float]:
    """Until it was sent, until the upstream's answer was there, and until its outputs were stored."""
    from predictions.models import Status, UpstreamRun

    last = UpstreamRun.objects.order_by("-id").values_list("pk", flat=True).first() or 0
    runs = UpstreamRun.objects.filter(pk__gt=after, prediction__status=Status.SUCCEEDED).select_related(
        "prediction"
    )
    found: dict[str, list[float]] = {"queued": [], "upstream": [], "stored": []}
    for run in runs.order_by("-id")[:NEWEST]:
        row = run.prediction
        if row.started_at is None or row.completed_at is None:
            continue
        found["queued"].append(_ms(run.sent_at - row.created_at))
        found["upstream"].append(float(run.answered_ms or 0))
        found["stored"].append(_ms(row.completed_at - row.started_at))
    return {"last": last} | {name: statistics.median(values) for name, values in found.items() if values}


def _ms(span: Any) -> float:
    return float(span.total_seconds() * 1000)


if __name__ == "__main__":
    main()
