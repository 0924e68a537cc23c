"""Fill an empty database for the serving benchmark, and write down what its requests do there.

`python -m benchmarks.parts.fill` migrates, loads the catalogue, makes an account with a token and 200 ended
predictions, then serves each request once in this process and prints as JSON: the request, its answer and its SQL.
The controls replay those statements without any framework.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from datetime import datetime
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.parts.settings")

INPUT = {"prompt": "an astronaut riding a horse on mars, hd, dramatic lighting", "width": 768, "height": 768}
MODEL = "stability-ai/stable-diffusion"
PREDICTIONS = 200


def main() -> None:
    import django

    with redirect_stdout(sys.stderr):
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        filled = fill()
    json.dump(filled, sys.stdout)


def fill() -> dict[str, Any]:
    """Make the rows; the token, and by the name of each request what it is and does."""
    from django.conf import settings
    from django.utils import timezone

    from accounts import credits
    from accounts.models import MICRO, User
    from accounts.tokens import api_tokens
    from predictions.catalogue import loader, lookup
    from predictions.models import Phase, Prediction, Price, Status

    loader.load()
    user = User.objects.create_user("bench", "bench@example.org", "not used")
    credits.grant(user.account, 10**9 * MICRO, reason="benchmark")
    token, plain = api_tokens.issue(user, "bench")
    version = lookup.find_version(MODEL)
    now = timezone.now()
    Prediction.objects.bulk_create(
        Prediction(
            account=user.account,
            user=user,
            token=token,
            model=version.model,
            version=version,
            input={**INPUT, "seed": number},
            status=Status.SUCCEEDED,
            phase=Phase.ENDED,
            output=[f"/f/{number:040d}/out-0.png"],
            logs="Using seed: 1\n" + "".join(f"{step:3d}% of the picture\n" for step in range(0, 100, 5)),
            metrics={"predict_time": 1.5},
            created_at=now,
            started_at=now,
            completed_at=now,
            must_end_by=now,
            price=Price.objects.filter(model=version.model).latest("number"),
            ceiling=MICRO,
            charge=MICRO,
        )
        for number in range(PREDICTIONS)
    )
    public_id = Prediction.objects.latest("pk").public_id
    body = json.dumps({"version": f"{MODEL}:{version.pk}", "input": INPUT})
    requests = {
        "hello": ("GET", "/hello", ""),
        "get": ("GET", f"/v1/predictions/{public_id}", ""),
        "list": ("GET", "/v1/predictions", ""),
        "create": ("POST", "/v1/predictions", body),
    }
    return {
        "token": plain,
        "postgres": settings.ON_POSTGRES,
        "requests": {name: _recorded(plain, *request) for name, request in requests.items()},
    }


def _recorded(token: str, method: str, path: str, body: str) -> dict[str, Any]:
    from django.db import connection
    from django.test import Client

    from predictions.models import Prediction

    statements: list[tuple[str, list[Any]]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        rows = params if many else [params]
        statements.extend((sql, [_plain(value) for value in row or ()]) for row in rows)
        return execute(sql, params, many, context)

    client = Client(headers={"Authorization": f"Bearer {token}"})
    call = {"data": body, "content_type": "application/json"} if body else {}
    # The first time fills caches and notes the token's use.
    client.generic(method, path, **call)
    with connection.execute_wrapper(note):
        answer = client.generic(method, path, **call)
    if answer.status_code not in {200, 201}:
        raise SystemExit(f"{method} {path}: {answer.status_code} {answer.content[:500]!r}")
    made = Prediction.objects.filter(public_id=answer.json()["id"]).first() if method == "POST" else None
    return {
        "method": method,
        "path": path,
        "body": body,
        "status": answer.status_code,
        "answer": answer.content.decode(),
        "statements": statements,
        # What must differ from one create to the next.
        "unique": [made.public_id, made.stream_token] if made else [],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "obj"):
        # psycopg's wrapper around JSON.
        return json.dumps(value.obj)
    if isinstance(value, str | int | float | None):
        return value
    return str(value)


if __name__ == "__main__":
    main()
