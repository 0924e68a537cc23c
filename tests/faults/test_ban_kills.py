"""A ban with work in the queue, in a working installation, while the processes that end the work are killed."""

from __future__ import annotations

import contextlib
from typing import Any

import psutil
import pytest

from tests.faults.harness import BODY, Database
from tests.runner.sampling import short_or_whole
from tests.servers.installations import Installation, eventually

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
MANY = short_or_whole(40, 120)
MAKE = """
from accounts import credits
from accounts.tokens import api_tokens
from accounts.models import MICRO, User
from accounts.personal_accounts import ensure_account
user = User.objects.create_user("mallory")
boss = User.objects.create_superuser("boss")
credits.grant(ensure_account(user), 1000 * MICRO, reason="faults")
answer = api_tokens.issue(user, "faults")[1]
"""
BAN = f"""
from accounts.staff import sanctions
from accounts.models import User
from predictions.submit import acceptance, work_request
from predictions.models import Version
user = User.objects.get(username="mallory")
version = Version.objects.select_related("model").get(pk={BODY["version"].partition(":")[2]!r})
acceptance.accept_all([
    work_request.Request(
        account=user.account, user=user, version=version, input={{**{BODY["input"]!r}, "seed": number}},
        webhook="https://hooks.example.org/told", webhook_events=("start", "completed"),
        origin="http://testserver", mount="/v1",
    )
    for number in range({MANY})
])
answer = sanctions.consequences(user)
sanctions.ban(user, User.objects.get(username="boss"), "Spam.")
"""
STATE = """
from accounts.models import Account, Sanction, User
from predictions.models import Delivery, Prediction
user = User.objects.get(username="mallory")
account = Account.objects.get(pk=user.account_id)
rows = Prediction.objects.filter(user=user)
answer = {
    "live": rows.exclude(phase="ended").count(), "all": rows.count(), "held": account.held,
    "spent": 1000_000_000 - account.balance - account.held,
    "charged": sum(rows.exclude(charge=None).values_list("charge", flat=True)),
    "owed": Delivery.objects.filter(account=account, state="owed").count(),
    "canceled": rows.filter(status__in=["canceled", "aborted"]).count(),
    "work_owed": Sanction.objects.get(user=user).work_owed if Sanction.objects.filter(user=user).exists() else None,
}
"""
LEFT = """
SELECT (SELECT count(*) FROM predictions_prediction WHERE user_id = mallory.id AND phase <> 'ended'),
       (SELECT count(*) FROM predictions_delivery WHERE account_id = mallory.account_id AND state = 'owed')
FROM accounts_user mallory WHERE mallory.username = 'mallory'
"""


def kill(one: Installation, kind: str) -> int:
    killed = 0
    for process in one.kinds().get(kind, []):
        with contextlib.suppress(psutil.Error):
            process.kill()
            killed += 1
    return killed


def test_a_ban_ends_all_that_waits_and_runs_though_its_workers_are_killed(
    installation_to_kill: Installation,
) -> None:
    one = installation_to_kill
    token, told = one.python(f"{MAKE}\ntoken = answer\n{BAN}\nanswer = [token, answer]")
    assert told["waiting"] + told["running"] > 0 and told["tokens"] == 1
    assert kill(one, "sweep") > 0
    status, _answer = one.request("/v1/predictions", BODY, token)
    assert status == 403
    eventually(lambda: kill(one, "sweep") or one.kinds().get("sweep"), 60)
    database = Database(one)
    eventually(lambda: not any(database.rows(LEFT)[0]), 120, lambda: str(one.python(STATE)))
    state: dict[str, Any] = one.python(STATE)
    assert (state["live"], state["held"], state["owed"]) == (0, 0, 0)
    assert state["spent"] == state["charged"]
    assert state["canceled"] > 0 and state["work_owed"]
    assert one.manage("audit", "--quick").returncode == 0
