"""Webhooks as Standard Webhooks signs them, and as somebody else would."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx

from tests.loopback_upstream.jobs import FINAL, Job
from tests.loopback_upstream.journal import Journal
from tests.loopback_upstream.settings import Settings

EVENTS = ("start", "output", "logs", "completed")
OTHER_SECRET = "whsec_" + base64.b64encode(b"somebody else's secret, not ours").decode()
SEND_S = 5.0
LOOK_S = 0.02


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Announcer:
    """Sends what callers asked to be told."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings, self._journal = settings, journal
        self._running: set[asyncio.Task[None]] = set()

    def follow(self, job: Job, origin: str, mount: str) -> None:
        """Tell the job's webhook of its life until it has ended; nothing where none is asked for."""
        if not job.webhook or not self._settings.hooks or job.hook("never"):
            return
        task = asyncio.get_running_loop().create_task(self._follow(job, origin, mount))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _follow(self, job: Job, origin: str, mount: str) -> None:
        if job.hook("early"):
            stolen = {**job.shown(origin, mount, "succeeded"), "output": ["https://example.com/stranger.png"]}
            await self._tell(job, "completed", stolen)
        begun = False
        while True:
            status = job.state()
            if not begun and status != "starting":
                begun = True
                await self._tell(job, "start", job.shown(origin, mount, "processing"))
            if status in FINAL:
                break
            await asyncio.sleep(LOOK_S if job.seconds < 5 else 0.25)
        if late := job.hook("late"):
            await asyncio.sleep(late.number(1.0))
        if "succeeded" in job.state():
            await self._tell(job, "output", job.shown(origin, mount))
        await self._tell(job, "completed", job.shown(origin, mount))

    async def _tell(self, job: Job, event: str, body: dict[str, Any]) -> None:
        if event not in job.events:
            return
        content = b"{no json" if job.hook("garbage") else json.dumps(body).encode()
        message_id = f"msg_{job.id}{event}"
        for _ in range(2 if job.hook("twice") else 1):
            await self._send(job, event, message_id, content)

    async def _send(self, job: Job, event: str, message_id: str, content: bytes) -> None:
        secret = OTHER_SECRET if job.hook("forged") else self._settings.secret
        timestamp = int(time.time())
        headers = {"content-type": "application/json"}
        if not job.hook("unsigned"):
            headers |= {
                "webhook-id": message_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(secret, message_id, timestamp, content),
            }
        status: int | str
        try:
            async with httpx.AsyncClient(timeout=SEND_S, trust_env=False) as client:
                status = (await client.post(job.webhook, content=content, headers=headers)).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            status = type(error).__name__
        self._journal.note("hook", id=job.id, event=event, status=status)
