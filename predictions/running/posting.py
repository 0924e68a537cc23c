"""Posts webhooks to strangers' servers: together, each with its own limits, and reports what became of each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx
import structlog

from predictions import lifecycle
from predictions.delivery import outbound, webhooks
from predictions.delivery.webhooks import Claimed

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0
BATCH = 16
READ_AT_MOST = 16 * 1024


@dataclass(frozen=True)
class _Outcome:
    code: int | None
    note: str = ""
    retry_after_s: float | None = None


def one_round() -> bool:
    """Deliver what is due; whether there was anything."""
    claimed = webhooks.claim_due(BATCH)
    if not claimed:
        return False
    for one, outcome in zip(claimed, asyncio.run(_post_all(claimed)), strict=True):
        _report(one, outcome)
    return True


async def _post_all(claimed: list[Claimed]) -> list[_Outcome]:
    return await asyncio.gather(*(_post(one) for one in claimed))


async def _post(one: Claimed) -> _Outcome:
    try:
        async with asyncio.timeout(TIMEOUT_S), outbound.client(timeout_s=TIMEOUT_S) as client:
            request = client.build_request("POST", one.url, content=one.body.encode(), headers=one.headers)
            answer = await client.send(request, stream=True)
            try:
                await _drain(answer)
            finally:
                await answer.aclose()
    except (TimeoutError, httpx.TimeoutException):
        return _Outcome(None, f"No answer within {TIMEOUT_S:.0f} s.")
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError, ValueError, OSError) as error:
        return _Outcome(None, str(error)[:200] or type(error).__name__)
    return _Outcome(answer.status_code, _note(answer), _retry_after(answer))


async def _drain(answer: httpx.Response) -> None:
    """A little of the body, so that a receiver that writes one sees no broken connection; never all of a large one."""
    size = 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if size > READ_AT_MOST:
            return


def _note(answer: httpx.Response) -> str:
    if answer.is_redirect:
        return "The receiver answered with a redirect, which is not followed."
    return ""


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _report(one: Claimed, outcome: _Outcome) -> None:
    code = outcome.code
    if code is not None and 200 <= code < 300:
        webhooks.delivered(one, code)
        return
    retry = code is None or code in {408, 429} or code >= 500
    webhooks.failed(
        one, code=code, note=outcome.note, retry=retry, wait_s=outcome.retry_after_s if code == 429 else None
    )
    if code == 410:
        lifecycle.turn_webhook_off(one.delivery.prediction_id)
    log.info("webhook_not_delivered", message=one.delivery.message_id, code=code, note=outcome.note)
