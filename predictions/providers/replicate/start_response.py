"""Interprets the response to a start: a job, a result, a refusal, or an unusable response."""

from __future__ import annotations

import re

from predictions.providers.base import AnswerLost, ErrorKind, ProviderError
from predictions.providers.http import error_classifier
from predictions.providers.http.error_classifier import Verdict
from predictions.providers.http.response_reader import ApiResponse
from predictions.providers.replicate import job_states
from predictions.providers.upstream import UpstreamConfig

_ACCEPTED = (200, 201, 202)
# Cloudflare's own statuses for a service that was not reached. 520 and 524 come after it was.
_NEVER_REACHED = (521, 522, 523, 525, 526, 530)
_NOT_OURS = (501, 505)
_PERMANENT: frozenset[ErrorKind] = frozenset({"safety", "bad_input", "permanent"})
_PLAIN: frozenset[ErrorKind] = frozenset({"key", "quota", "rate", "channel", "safety", "bad_input"})
"""Kinds that a service detects before it begins, whatever the status."""


def outcome(answer: ApiResponse, config: UpstreamConfig) -> job_states.JobState:
    """The started job, or a final update. Raises ProviderError and AnswerLost."""
    if answer.status not in _ACCEPTED:
        raise _not_accepted(answer, config)
    state = None
    if not answer.unreadable:
        state = job_states.parse(answer.data, base=config.url, secret=config.secret, repeatable=False)
    if state is not None and (state.id or (state.update is not None and state.update.is_final)):
        return state
    verdict = _verdict(answer, config)
    if verdict.explicit and verdict.kind in _PLAIN and state is None:
        # Some gateways refuse with a 200.
        raise _refused(verdict)
    raise AnswerLost(
        f"The service answered {answer.status} without the id of a job"
        + (f": {answer.unreadable}." if answer.unreadable else "."),
        permanent=True,
        kind="permanent",
        answer=verdict.answer,
    )


def _not_accepted(answer: ApiResponse, config: UpstreamConfig) -> ProviderError:
    status, verdict = answer.status, _verdict(answer, config)
    if 200 <= status < 300:
        return AnswerLost(verdict.summary, permanent=True, kind="permanent", answer=verdict.answer)
    if status < 400:
        return error_classifier.redirected(status, answer.headers, config.secret)
    if status in (409, 422) and re.search("idempoten", verdict.answer.lower()):
        # The idempotency key is known: something runs, or ran, under it.
        return AnswerLost(verdict.summary, permanent=status == 422, answer=verdict.answer)
    if status < 500 or _is_refusal(status, verdict):
        return _refused(verdict)
    return AnswerLost(verdict.summary, answer=verdict.answer)


def _is_refusal(status: int, verdict: Verdict) -> bool:
    """Whether a server error means that nothing was started."""
    if status in _NEVER_REACHED or status in _NOT_OURS or (verdict.explicit and verdict.kind in _PLAIN):
        return True
    explicit = verdict.explicit or verdict.retry_after is not None
    return status == 503 and explicit


def _refused(verdict: Verdict) -> ProviderError:
    return ProviderError(
        verdict.summary,
        permanent=verdict.kind in _PERMANENT,
        refused=True,
        retry_after=verdict.retry_after,
        kind=verdict.kind,
        words=verdict.words,
        answer=verdict.answer,
    )


def _verdict(answer: ApiResponse, config: UpstreamConfig) -> Verdict:
    return error_classifier.classify(answer.status, answer.headers, answer.body, config.secret)
