"""Job states from upstream responses: complete or minimal predictions, OpenAI-style image lists, or anything else."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from predictions.providers.base import FINAL, ErrorKind, Kind, Update
from predictions.providers.http import error_classifier, output_references
from predictions.providers.replicate import safety_flags

MAX_LOGS = 1024 * 1024
"""Maximum bytes of logs, including the line that marks a cut."""
CUT = "\n[The log was cut here: it is longer than 1 MiB.]\n"
NO_REASON = "The provider gave no reason."
NO_IMAGE = "The provider answered without a picture."
TOO_MUCH = "The provider's answer was too large."
ITS_OWN_TROUBLE = "The provider could not do this work."
_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._:~-]{1,200}")
_KINDS: dict[str, Kind] = {
    "starting": "starting",
    "queued": "starting",
    "pending": "starting",
    "submitted": "starting",
    "created": "starting",
    "booting": "starting",
    "processing": "processing",
    "running": "processing",
    "in_progress": "processing",
    "succeeded": "succeeded",
    "success": "succeeded",
    "completed": "succeeded",
    "failed": "failed",
    "failure": "failed",
    "error": "failed",
    "canceled": "canceled",
    "cancelled": "canceled",
    "aborted": "canceled",
}
_OPERATORS: frozenset[ErrorKind] = frozenset({"key", "quota", "rate"})


@dataclass(frozen=True)
class JobState:
    """The content of one response. `update` is None where it names a job without a state."""

    id: str
    update: Update | None


def parse(data: Any, *, base: str, secret: str, repeatable: bool) -> JobState | None:
    """Parse a response; None where it is not the API's. `repeatable`: the same response can be requested again.

    Two forms: an object with `id` or `status`, and one with `data`, a list of images, which is a finished result.
    """
    body = _body(data)
    if body is None:
        return None
    name = _id(body)
    if _is_images(body):
        return JobState(name, _images(body, base=base, repeatable=repeatable))
    kind = _kind(body)
    if kind is None:
        return JobState(name, None) if name else None
    return JobState(name, _update(kind, body, base=base, secret=secret, repeatable=repeatable))


def status_of(data: Any) -> Kind | None:
    """The state named by a response, and nothing else of it; None where it names none."""
    body = _body(data)
    return None if body is None else _kind(body)


def inline_file(data: Any, index: int, base: str) -> str | None:
    """The data URI at `again:INDEX` of this response; None where there is none (any more)."""
    body = _body(data)
    if body is None:
        return None
    addresses = output_references.file_addresses(
        _image_values(body["data"] if _is_images(body) else body.get("output")), base
    )
    chosen = addresses[index] if 0 <= index < len(addresses) else ""
    return chosen if output_references.is_data(chosen) else None


def _body(data: Any) -> dict[str, Any] | None:
    """The job's object: the response, or its `data` where a gateway wraps it as `{"code": 0, "data": {…}}`."""
    if not isinstance(data, dict):
        return None
    inner = data.get("data")
    if (
        isinstance(inner, dict)
        and "status" not in data
        and "id" not in data
        and ("id" in inner or "status" in inner)
    ):
        return inner
    return data


def _id(data: dict[str, Any]) -> str:
    value = data.get("id")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18:
        value = str(value)
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _kind(data: dict[str, Any]) -> Kind | None:
    status = _status(data)
    if status:
        return _KINDS.get(status, "processing")
    # Work that finished within the request: some services then name no state.
    return "succeeded" if "status" not in data and data.get("output") not in (None, "", [], {}) else None


def _is_images(data: dict[str, Any]) -> bool:
    """Whether it is `{"created": …, "data": [{"url" or "b64_json": …}]}`."""
    entries = data.get("data")
    if not isinstance(entries, list) or isinstance(data.get("status"), str) or "output" in data:
        return False
    return (bool(entries) or "created" in data) and all(
        isinstance(one, dict) and (isinstance(one.get("url"), str) or isinstance(one.get("b64_json"), str))
        for one in entries[: output_references.MAX_FILES]
    )


def _images(data: dict[str, Any], *, base: str, repeatable: bool) -> Update:
    addresses = output_references.file_addresses(_image_values(data["data"]), base)
    if not addresses:
        return Update(
            "failed",
            error=NO_IMAGE,
            error_is_ours=True,
            error_kind="transient",
            answer=error_classifier.for_operators(data),
        )
    references = safety_flags.with_safety_flags(
        output_references.references(addresses, repeatable=repeatable), data, data["data"]
    )
    return Update("succeeded", output=references, metrics=_metrics(data))


def _image_values(output: Any) -> Any:
    """Entries of an image list, each as its one URL; anything else unchanged."""
    if not isinstance(output, list) or not output or not all(isinstance(one, dict) for one in output):
        return output
    return [
        {"url": one["url"]}
        if isinstance(one.get("url"), str) and one["url"]
        else {"b64_json": one["b64_json"]}
        if isinstance(one.get("b64_json"), str)
        else one
        for one in output
    ]


def _update(kind: Kind, data: dict[str, Any], *, base: str, secret: str, repeatable: bool) -> Update:
    logs = log_text(data.get("logs"), secret)
    metrics = _metrics(data)
    output = _image_values(data.get("output"))
    if kind == "failed":
        return failure(data, logs, metrics, secret)
    if kind == "succeeded" and output in (None, "", [], {}) and data.get("error"):
        # Reported as a success although it has an error.
        return failure(data, logs, metrics, secret)
    progress = 1.0 if kind == "succeeded" else _progress(data)
    if kind not in FINAL:
        metrics = _with_status(metrics, data)
    addresses = output_references.file_addresses(output, base)
    if addresses:
        references = safety_flags.with_safety_flags(
            output_references.references(addresses, repeatable=repeatable), data, data.get("output")
        )
        value = None if len(addresses) == output_references.MAX_FILES else _small(output, addresses)
        return Update(kind, logs=logs, progress=progress, output=references, value=value, metrics=metrics)
    try:
        return Update(
            kind, logs=logs, progress=progress, output=output_references.clean(output), metrics=metrics
        )
    except output_references.TooMuch:
        answer = error_classifier.for_operators(data, secret)
        return Update(
            "failed", logs=logs, error=TOO_MUCH, error_is_ours=True, error_kind="permanent", answer=answer
        )


def _small(output: Any, addresses: list[str]) -> Any:
    """The output as received where it has only URLs; None where it holds file contents or much more than URLs."""
    if any(output_references.is_data(address) for address in addresses):
        return None
    try:
        return output_references.clean(output)
    except output_references.TooMuch:
        return None


def failure(data: dict[str, Any], logs: str, metrics: dict[str, Any], secret: str) -> Update:
    """A failed run, in the service's words where they concern the caller."""
    text = error_classifier.one_line(
        _error_text(data.get("error") or data.get("detail") or data.get("message")), secret
    )
    kind = error_classifier.kind_of_text(text) or "transient"
    return Update(
        "failed",
        logs=logs,
        error=ITS_OWN_TROUBLE if kind in _OPERATORS else text or NO_REASON,
        error_is_ours=kind in _OPERATORS or not text,
        error_kind=kind,
        answer=error_classifier.for_operators(
            {name: value for name, value in data.items() if name not in ("input", "logs")}, secret
        ),
        metrics=metrics,
    )


def _error_text(error: Any) -> str:
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        for name in ("message", "detail", "msg", "title", "code"):
            if isinstance(error.get(name), str):
                return str(error[name])
    if isinstance(error, list) and error:
        return _error_text(error[0])
    return ""


def log_text(logs: Any, secret: str = "") -> str:
    """Logs as text of at most 1 MiB; the last line marks a cut."""
    if isinstance(logs, list) and all(isinstance(line, str) for line in logs[:1000]):
        logs = "\n".join(line for line in logs if isinstance(line, str))
    if not isinstance(logs, str):
        return ""
    is_cut = len(logs) > MAX_LOGS
    coded = logs[: MAX_LOGS + 1].replace("\x00", "").encode(errors="replace")
    if is_cut or len(coded) > MAX_LOGS:
        coded = coded[: MAX_LOGS - len(CUT)]
        return error_classifier.scrub(coded.decode(errors="ignore"), secret) + CUT
    return error_classifier.scrub(coded.decode(), secret)


def _progress(data: dict[str, Any]) -> float | None:
    """`progress` as a fraction, a percentage, or `37%`; None where there is no valid one."""
    value = data.get("progress")
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}(\.\d{1,6})?%", value.strip()):
        return min(float(value.strip()[:-1]) / 100, 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        return None
    return float(value) if value <= 1 else value / 100


def _with_status(metrics: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """An unknown status is kept unchanged."""
    if _status(data) in _KINDS or not _status(data):
        return metrics
    return {**metrics, "upstream_status": error_classifier.one_line(str(data["status"]), most=40)}


def _status(data: dict[str, Any]) -> str:
    """The status in our spelling; "" where there is none."""
    status = data.get("status")
    if not isinstance(status, str):
        return ""
    return status[:100].replace("\x00", "").strip().lower().replace("-", "_").replace(" ", "_")


def _metrics(data: dict[str, Any]) -> dict[str, Any]:
    """Numeric metrics, and as `upstream_cost` the cost that the service reports: a number, or its `usage`."""
    theirs = data.get("metrics")
    theirs = theirs if isinstance(theirs, dict) else {}
    numbers = {
        name: value
        for name, value in list(theirs.items())[:40]
        if isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) and _is_number(value)
    }
    cost = _cost(theirs, data)
    return numbers if cost is None else {**numbers, "upstream_cost": cost}


def _cost(theirs: dict[str, Any], data: dict[str, Any]) -> Any:
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    for place in (theirs, data, usage):
        for name in ("cost", "total_cost", "cost_usd"):
            value = place.get(name)
            if isinstance(value, str) and re.fullmatch(r"\d{1,9}(\.\d{1,12})?", value):
                return float(value)
            if _is_number(value):
                return value
    small = {str(name)[:40]: value for name, value in list(usage.items())[:20] if _is_number(value)}
    return small or None


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value < 1e15
        and math.isfinite(value)
    )
