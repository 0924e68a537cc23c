"""Client of one image classifier: a signed HTTP POST, or a Python function in this process, within limits.

Uses no database. A service gets a POST with JSON, signed by Standard Webhooks with its own secret:

    {"type": "picture.judge",
     "picture": {"content_type": "image/jpeg", "data": BASE64},     (at most 640 px a side)
     "context": {"kind": "output" or "upload", "prediction", "index", "model"}}

and answers 200 with `{"labels": {NAME: SCORE, …}}`, scores from 0 to 1. A Python classifier is called as
`function(picture: bytes, context: dict)` and returns the same mapping of labels to scores.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from core import crypto
from core.net import http_client
from predictions.image_safety.classifiers import ClassifierConfig
from predictions.inputs import user_urls
from predictions.models import Classifier
from predictions.webhooks import failure_reasons, signatures

MOST_LABELS = 100
MAX_RESPONSE_BYTES = 64 * 1024
"""Bytes of an answer."""
MAX_TIMEOUT_S = 20.0
"""Seconds that any classifier gets at most, whatever its row says: a worker waits for it."""
MAX_FUNCTION_CALLS = 4
"""Concurrent calls of Python classifiers in one process; one that hangs keeps its slot."""
_slots = threading.BoundedSemaphore(MAX_FUNCTION_CALLS)


class ClassifierDown(Exception):
    """The classifier gave no usable answer; one line for operators, without secrets."""


async def classify(
    config: ClassifierConfig, image: bytes, content_type: str, context: Mapping[str, Any]
) -> dict[str, float]:
    """Its scores from 0 to 1 by label. Raises ClassifierDown."""
    seconds = min(config.timeout, MAX_TIMEOUT_S)
    try:
        async with asyncio.timeout(seconds):
            if config.kind == Classifier.Kind.PYTHON:
                response = await _call_function(config.target, image, dict(context))
            else:
                response = await _post(config, image, content_type, context, seconds)
    except TimeoutError:
        raise ClassifierDown(f"It did not answer within {seconds:.0f} seconds.") from None
    return _scores(response)


async def _post(
    config: ClassifierConfig, image: bytes, content_type: str, context: Mapping[str, Any], seconds: float
) -> Any:
    if not user_urls.looks_reachable(config.target):
        raise ClassifierDown(
            "Its address is not one that may be reached: DARKROOM_OUTBOUND_ALLOW names inner ones."
        )
    body = json.dumps(
        {
            "type": "picture.judge",
            "picture": {"content_type": content_type, "data": base64.b64encode(image).decode()},
            "context": dict(context),
        }
    )
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
    }
    if config.secret:
        try:
            secret = crypto.decrypt(config.secret)
        except crypto.NoMatchingKey as error:
            raise ClassifierDown(str(error)) from None
        headers |= signatures.headers(secret, f"msg_{secrets.token_urlsafe(18)}", body, timezone.now())
    try:
        async with user_urls.http_client_for_users(timeout_s=seconds) as client:
            request = client.build_request("POST", config.target, content=body.encode(), headers=headers)
            response = await client.send(request, stream=True)
            try:
                return await _read(response)
            finally:
                await response.aclose()
    except (*http_client.CONNECTION_ERRORS, ValueError) as error:
        raise ClassifierDown(_reason(error)) from None


async def _read(response: http_client.Response) -> Any:
    if response.status_code != 200:
        raise ClassifierDown(f"It answered {response.status_code}.")
    chunks, size = [], 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            raise ClassifierDown(f"Its answer is larger than {MAX_RESPONSE_BYTES // 1024} KiB.")
        chunks.append(chunk)
    try:
        return json.loads(b"".join(chunks))
    except (ValueError, RecursionError):
        raise ClassifierDown("Its answer is no JSON.") from None


def _reason(error: Exception) -> str:
    text = str(error)
    if text in (failure_reasons.NO_NAME, failure_reasons.INNER):
        return f"It could not be reached: {text}"[:300]
    return (
        "It could not be reached."
        if not isinstance(error, http_client.TimeoutException)
        else "It took too long."
    )


def load_callable(target: str) -> Callable[[bytes, dict[str, Any]], Any]:
    """The function of a Python classifier.

    Raises ClassifierDown where the operator did not allow it or it cannot be loaded.
    """
    if target not in settings.CLASSIFIERS:
        raise ClassifierDown("DARKROOM_CLASSIFIERS does not name it.")
    try:
        function = import_string(target)
    except Exception as error:  # a module of somebody else's may break in any way
        raise ClassifierDown(f"It could not be imported ({type(error).__name__}).") from None
    if not callable(function):
        raise ClassifierDown("It is no function.")
    typed: Callable[[bytes, dict[str, Any]], Any] = function
    return typed


async def _call_function(target: str, image: bytes, context: dict[str, Any]) -> Any:
    """Call it in a daemon thread, which the process does not wait for at exit: a model may hang."""
    function = load_callable(target)
    if not _slots.acquire(blocking=False):
        raise ClassifierDown("Too many of its calls are still under way.")
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def call() -> None:
        try:
            result, error_name = function(image, context), None
        except Exception as error:  # whatever it raises is its own trouble
            result, error_name = None, type(error).__name__
        finally:
            _slots.release()
        try:
            loop.call_soon_threadsafe(_settle, future, result, error_name)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=call, name="classifier", daemon=True).start()
    return await future


def _settle(future: asyncio.Future[Any], result: Any, error_name: str | None) -> None:
    if future.done():
        return
    if error_name is None:
        future.set_result(result)
    else:
        future.set_exception(ClassifierDown(f"It broke ({error_name})."))


def _scores(response: Any) -> dict[str, float]:
    """The scores of an answer. Raises ClassifierDown where it is invalid."""
    labels = response.get("labels") if isinstance(response, Mapping) and "labels" in response else response
    if not isinstance(labels, Mapping) or len(labels) > MOST_LABELS:
        raise ClassifierDown("Its answer holds no labels with scores.")
    scores: dict[str, float] = {}
    for name, score in labels.items():
        if not isinstance(name, str) or not 0 < len(name) <= 60 or "\x00" in name:
            raise ClassifierDown("Its answer holds a label that is none.")
        number = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
        if not number or not 0 <= score <= 1:
            raise ClassifierDown("Its answer holds a score that is not between 0 and 1.")
        scores[name] = round(float(score), 4)
    return scores
