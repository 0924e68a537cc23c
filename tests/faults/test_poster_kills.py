"""The webhook sender is killed during a request: its successor delivers the message."""

from __future__ import annotations

import signal

import pytest

from tests.servers.installations import Installation, eventually
from tests.servers.webhook_receiver import WebhookReceiver

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
# The lease is half a minute: it is brought to its end by hand, as if that time had passed.
_LATER = """
from datetime import timedelta
from django.db.models import F
from predictions.models import Delivery
answer = Delivery.objects.filter(state="owed").update(due_at=F("due_at") - timedelta(seconds=40))
"""


def test_a_post_that_was_cut_off_is_made_again_and_the_log_tells_of_both(
    installation_to_kill: Installation,
) -> None:
    one = installation_to_kill
    with WebhookReceiver() as receiver:
        one.token = one.manage("token", "admin").stdout.split()[-1]
        receiver.open.clear()
        status, made = one.request("/api/webhooks/test", {"url": receiver.url})
        assert status == 202
        eventually(lambda: receiver.requests)
        [killed] = eventually(lambda: one.kinds().get("watcher"))
        killed.send_signal(signal.SIGKILL)
        receiver.open.set()
        assert one.python(_LATER) == 1
        whole = eventually(lambda: _delivered(one.request(f"/api/deliveries/{made['id']}")[1]), 60)
        assert [step["answer_code"] for step in whole["tries"]] == [None, 200]
        assert "nobody knows whether it arrived" in whole["tries"][0]["note"]
        first, second = receiver.requests
        assert first[0]["webhook-id"] == second[0]["webhook-id"] == made["id"] and first[1] == second[1]
        assert [after.pid for after in one.kinds()["watcher"]] != [killed.pid]


def _delivered(whole: dict[str, object]) -> dict[str, object] | None:
    return whole if whole["state"] == "delivered" else None
