"""Health check of a Replicate-compatible service and its key by `GET /account`, which starts nothing.

Every service of the kind has that path or answers 404, which proves it alive too. What the request cannot show, such as
used-up credit, is left to the next real start.
"""

from __future__ import annotations

from predictions.providers.base import ProviderError
from predictions.providers.http.api_client import Api
from predictions.providers.http.error_classifier import classify, redirected
from predictions.providers.http.response_reader import ApiResponse
from predictions.providers.upstream import UpstreamConfig

PATH = "/account"
_PATIENCE_S = 2.0
_KEY_KINDS = ("key", "quota", "rate", "transient")


async def check_key(config: UpstreamConfig, *, redirect_is_error: bool) -> ProviderError | None:
    """None where all is well.

    `redirect_is_error`: treat a redirect as an error, since a person who can fix the URL asks. In automatic checks a
    redirect of this one request, perhaps to a sign-in page, says nothing about starts.
    """
    try:
        return await Api(config).request_api(
            "GET",
            PATH,
            lambda answer: _verdict(answer, config.secret, redirect_is_error),
            patience=_PATIENCE_S,
        )
    except ProviderError as error:
        return error


def _verdict(answer: ApiResponse, secret: str, redirect_is_error: bool) -> ProviderError | None:
    """Any response below 500 shows a working service, unless it is about the key, credit or the rate limit."""
    if 300 <= answer.status < 400 and redirect_is_error:
        return redirected(answer.status, answer.headers, secret)
    if answer.is_success or 300 <= answer.status < 400:
        return None
    found = classify(answer.status, answer.headers, answer.body, secret)
    kind = found.kind
    if kind not in ("key", "quota", "rate"):
        kind = "transient" if answer.status >= 500 else "key" if answer.status in (401, 403) else kind
    if kind not in _KEY_KINDS or answer.status in (404, 405):
        return None
    return ProviderError(
        found.summary,
        permanent=False,
        refused=True,
        retry_after=found.retry_after,
        kind=kind,
        answer=found.answer,
    )
