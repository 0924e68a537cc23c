"""HTTP client of an upstream's API with one key: rate limit, size and time limits, no key in any error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from core import redaction
from core.http import request_ids
from core.net import http_client
from predictions.providers.base import ProviderError
from predictions.providers.http import connection_pool, error_classifier
from predictions.providers.http.rate_limiter import pace_of, rest_by_limits
from predictions.providers.http.response_reader import ApiResponse, ResultSlot, Turn, read
from predictions.providers.upstream import UpstreamConfig

T = TypeVar("T")
_FIRST_REST_S = 1.0
_POLLS_REST_S = 60.0


class Unsent(ProviderError):
    """Nothing of the request was sent."""

    def __init__(self, message: str, *, retry_after: float | None = None, waits: bool = False) -> None:
        super().__init__(
            message,
            permanent=False,
            refused=True,
            retry_after=retry_after,
            kind="rate" if waits else "transient",
        )


class Broken(ProviderError):
    """The request was sent, in whole or in part, and no complete response came back."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=False)


class Api:
    """The API of one upstream with one key. Holds configuration only; connections belong to `clients`."""

    def __init__(self, config: UpstreamConfig) -> None:
        self._config = config
        self._auth = connection_pool.Bearer(config.secret)
        # Shared by all providers of this key, however often they are rebuilt.
        self._pace = pace_of(config)
        redaction.remember(config.secret)

    async def request_api(
        self,
        method: str,
        path: str,
        use: Callable[[ApiResponse], T],
        *,
        patience: float,
        content: bytes | None = None,
        files: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        starts: bool = False,
        fresh: bool = False,
        result_slot: ResultSlot | None = None,
    ) -> T:
        """Send one request and return `use(response)`, whatever the status. Redirects are not followed.

        `use` runs while a large response is the only one in this process's memory: return something small. Raises
        Unsent and Broken. `patience`: seconds to wait for the rate limit. `starts`: the request starts work, so every
        requested pause is kept. `fresh`: use a new connection. `result_slot`: where the result of `use` is large.
        """
        config, pace = self._config, self._pace
        longest = _POLLS_REST_S if not starts else 3600.0
        granted, wait = pace.take(patience, rests_at_most=longest)
        if not granted:
            raise Unsent("Too many requests for this key right now.", retry_after=wait, waits=True)
        if wait:
            await asyncio.sleep(wait)
        # Whether anything was sent matters only to starts, and costs something for each request.
        sent = _Sent(anything=not starts)
        try:
            async with (
                asyncio.timeout(config.connect_s + config.read_s),
                connection_pool.borrowed_client(config, fresh=fresh) as client,
            ):
                request = client.build_request(
                    method,
                    config.url.rstrip("/") + path,
                    content=content,
                    files=files,
                    headers=_headers(headers, content),
                    extensions={"trace": sent.note} if starts else None,
                )
                response = await client.send(request, stream=True, auth=self._auth)
                try:
                    with Turn(result_slot) as turn:
                        answer = await read(response, self._hide, turn)
                        self._rest(answer)
                        return use(answer)
                finally:
                    await response.aclose()
        except http_client.CONNECTION_ERRORS as error:
            reason = _reason(error)
        # Raised outside the block: inside, it would keep the other error, whose frames hold the data received.
        if sent.anything:
            raise Broken(f"The service's answer did not come: {reason}.")
        raise Unsent(f"The service cannot be reached: {reason}.")

    def _hide(self, body: bytes) -> bytes:
        """The body without the key; a short key would match parts of a Base64 picture."""
        secret = self._config.secret.encode()
        is_found = len(secret) >= redaction.SHORTEST and secret in body
        return body.replace(secret, redaction.PLACEHOLDER.encode()) if is_found else body

    def _rest(self, answer: ApiResponse) -> None:
        """Pause the key where the response asks for it."""
        pace = self._pace
        if answer.status in (429, 503):
            verdict = error_classifier.classify(answer.status, answer.headers, answer.body)
            if verdict.kind == "rate" or (answer.status == 503 and verdict.retry_after):
                pace.rest(_FIRST_REST_S if verdict.retry_after is None else verdict.retry_after)
            return
        seconds = rest_by_limits(answer.headers)
        if seconds:
            pace.rest(seconds)


class _Sent:
    """Whether anything of a request has left this machine."""

    def __init__(self, *, anything: bool) -> None:
        self.anything = anything

    async def note(self, event: str, _info: Mapping[str, Any]) -> None:
        """httpcore's trace callback, called at each step of the transport."""
        if event.endswith("send_request_headers.started"):
            self.anything = True


def _headers(headers_of_call: Mapping[str, str] | None, content: bytes | None) -> dict[str, str]:
    # Request ids, to follow one request through both logs.
    headers = {"Accept": "application/json", **request_ids.header(), **(headers_of_call or {})}
    if content is not None:
        headers["Content-Type"] = "application/json"
    return headers


def _reason(error: BaseException) -> str:
    # The class name only: transport errors repeat URLs, which may contain secrets.
    if connection_pool.INNER in str(error):
        return connection_pool.INNER
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
