"""Claims in a process of their own: `python -m benchmarks.parts.claims --waiting N` prints their milliseconds as JSON.

The database is filled with that many waiting predictions of fifty accounts, two users each and three models.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import redirect_stdout
from datetime import timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.parts.settings")
os.environ["DARKROOM_PROCESS_ROLE"] = "work"

ACCOUNTS = 50
USERS = 2
MODELS = 3
CHUNK = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, required=True)
    parser.add_argument("--claims", type=int, default=50, help="claims of one prediction; as many of sixteen")
    given = parser.parse_args()
    import django

    with redirect_stdout(sys.stderr):
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        fill(given.waiting)
        times = {"control": control(given.claims)}
        times |= {str(most): claims(most, given.claims) for most in (1, 16)}
    json.dump(times, sys.stdout)


def fill(waiting: int) -> None:
    """Make the rows: accounts with users and models in turn, so that every lane is as long as the others."""
    from django.db import connection
    from django.utils import timezone

    from accounts.models import MICRO, Account, User
    from accounts.personal_accounts import ensure_account
    from predictions.catalogue import loader
    from predictions.dispatch import provider_lookup
    from predictions.models import HostedModel, Prediction

    loader.load()
    owners: list[tuple[Account, User]] = []
    for number in range(ACCOUNTS):
        users = [User.objects.create_user(f"u{number}-{one}") for one in range(USERS)]
        owners += [(ensure_account(users[0]), user) for user in users]
    models = [
        (model, model.versions.latest("created_at"), model.prices.latest("number"))
        for model in HostedModel.objects.order_by("pk")
        if any(provider.serves(model.ref) for provider in provider_lookup.all_providers())
    ][:MODELS]
    far = timezone.now() + timedelta(days=1)
    for start in range(0, waiting, CHUNK):
        Prediction.objects.bulk_create(
            _waiting(number, owners, models, far, MICRO)
            for number in range(start, min(waiting, start + CHUNK))
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _waiting(number: int, owners: Any, models: Any, far: Any, ceiling: int) -> Any:
    from predictions.models import Prediction

    account, user = owners[number % len(owners)]
    model, version, price = models[number // len(owners) % len(models)]
    return Prediction(
        account=account, user=user, model=model, version=version, price=price, ceiling=ceiling, must_end_by=far,
        input={"prompt": "a red lighthouse"},
    )  # fmt: skip


def claims(most: int, count: int) -> list[float]:
    """Milliseconds of each claim. What was claimed is put back where it was, unmeasured."""
    from predictions import lifecycle
    from predictions.models import Phase, Prediction

    times = []
    for _ in range(count):
        began = time.perf_counter()
        claimed = lifecycle.claim_starts(most)
        times.append((time.perf_counter() - began) * 1000)
        if not claimed:
            raise SystemExit("Nothing was claimed.")
        Prediction.objects.filter(pk__in=[one.prediction.pk for one in claimed]).update(
            phase=Phase.WAITING,
            claim="",
            lease_until=None,
            start_attempts=0,
            provider="",
            upstream_open=False,
        )
    return times


def control(count: int) -> list[float]:
    """Milliseconds of the least that a claim can be: one row by its key, changed and committed."""
    from django.db import connection

    from predictions.models import Prediction

    public_ids = list(Prediction.objects.values_list("public_id", flat=True)[:count])
    times = []
    for public_id in public_ids:
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE predictions_prediction SET claim = claim || '' WHERE public_id = %s", [public_id]
            )
        times.append((time.perf_counter() - began) * 1000)
    return times


if __name__ == "__main__":
    main()
