"""Put upstreams behind a Darkroom: `python -m benchmarks.parts.behind --port N` in its environment.

Migrates, makes an account with credits and a token and so many upstreams at that port of this machine, and with
`--flights` that many predictions that run there. Prints the token as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import redirect_stdout
from datetime import timedelta
from typing import Any

MODEL = "stability-ai/stable-diffusion"
CHUNK = 2_000
FASTEST = 1000.0
MOST_IN_FLIGHT = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstreams", type=int, default=1)
    parser.add_argument("--flights", type=int, default=0)
    given = parser.parse_args()
    # Here and not above: who only imports this must not hand it to its children.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["DARKROOM_PROCESS_ROLE"] = "work"
    import django

    with redirect_stdout(sys.stderr):
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        token = prepare(given.port, given.upstreams)
        if given.flights:
            fly(given.flights)
    json.dump({"token": token}, sys.stdout)


def prepare(port: int, upstreams: int) -> str:
    """Catalogue, an account, a token of it, and the upstreams; the token. What is there already stays."""
    from accounts import credits
    from accounts.models import MICRO, User
    from accounts.personal_accounts import ensure_account
    from accounts.tokens import api_tokens
    from predictions.catalogue import loader
    from predictions.upstreams import setup

    loader.load()
    user = User.objects.filter(username="bench").first()
    if user is None:
        user = User.objects.create_user("bench", "bench@example.org", "not used")
        credits.grant(ensure_account(user), 10**9 * MICRO, reason="benchmark")
    columns = {"requests_per_second": FASTEST, "in_flight_limit": MOST_IN_FLIGHT, "idempotent": True}
    for number in range(upstreams):
        url = f"http://127.0.0.1:{port}/v1"
        keys = {"key": f"not-a-secret-{number}"}
        setup.apply(f"loopback-{number}", setup.UpstreamSettings(url=url, settings=columns, keys=keys))
    return api_tokens.issue(user, "bench")[1]


def fly(count: int) -> None:
    """Predictions that run at the upstreams, in turn, all due for a first look now."""
    from django.db import connection

    from accounts.models import MICRO, User
    from predictions.catalogue import lookup
    from predictions.models import Prediction, Price, UpstreamKey

    user = User.objects.get(username="bench")
    version = lookup.find_version(MODEL)
    if version is None:
        raise SystemExit(f"The catalogue has no {MODEL}.")
    price = Price.objects.filter(model=version.model).latest("number")
    names = [key.provider_name for key in UpstreamKey.objects.order_by("pk")]
    same = {"account": user.account, "user": user, "model": version.model, "version": version, "price": price}
    for start in range(0, count, CHUNK):
        Prediction.objects.bulk_create(
            Prediction(**same, ceiling=MICRO, **_flight(number, names))
            for number in range(start, min(count, start + CHUNK))
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _flight(number: int, names: list[str]) -> dict[str, Any]:
    from django.utils import timezone

    from predictions.models import Phase, Status

    now = timezone.now()
    return {
        "input": {"prompt": "an astronaut riding a horse on mars, hd, dramatic lighting", "seed": number},
        "status": Status.PROCESSING,
        "phase": Phase.RUNNING,
        "provider": names[number % len(names)],
        "job_id": f"job{number:023d}",
        "job_instance": str(int(now.timestamp())),
        "started_at": now,
        "job_seen_at": now,
        "look_at": now,
        "must_end_by": now + timedelta(days=1),
        "upstream_open": True,
        "start_attempts": 1,
    }


if __name__ == "__main__":
    main()
