"""The provider protocol: how Darkroom starts, polls, cancels and collects work at an engine or an upstream.

A provider is the embedded engine or an upstream service. Darkroom passes an `Order` to `start`, stores the `Job` that
comes back, polls `check` for `Update`s until one is final, reads each output through `fetch`, and calls `release` when
it has everything. This module knows nothing of databases, settings or HTTP; a provider turns its own errors into
`ProviderError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

Kind = Literal["starting", "processing", "succeeded", "failed", "canceled", "lost"]

ErrorKind = Literal[
    "key", "quota", "address", "rate", "channel", "safety", "bad_input", "transient", "permanent"
]
"""Kinds of errors by cause: the operator's key, quota or configured address; rate limit; a gateway that has no backend
for the model now; the caller's prompt or input; a transient failure of the service; a permanent failure.
"""

FileFault = Literal["missing", "cut", "slow", "busy", "unreachable"]
"""Reasons for a failed download; see `FileError`."""

FINAL: frozenset[Kind] = frozenset({"succeeded", "failed", "canceled", "lost"})
"""Final kinds: a job never changes after one of these."""


@dataclass(frozen=True)
class InputFile:
    """A file of the input, with its bytes."""

    name: str
    content_type: str
    data: bytes = field(repr=False)
    address: str | None = None
    """URL of this server that serves the same bytes for as long as the work may last; None where there is none."""
    source: str | None = None
    """Third-party URL that the file came from, for a provider that takes only URLs; None where it came otherwise."""


@dataclass(frozen=True)
class Order:
    """One run to be started.

    `input` is the caller's, validated, without nulls and with defaults NOT filled in: every provider knows the defaults
    of its models, and an upstream must see exactly what the caller wrote.
    """

    key: str
    """Idempotency key: public id, a hyphen, the run number. Letters, digits, `-` and `_`, at most 100."""
    model: str
    """`owner/name`."""
    version: str
    """64 hexadecimal digits, or "" for a model without versions."""
    input: dict[str, Any]
    deadline_s: float
    """Seconds of work allowed, from the beginning of the work itself; waiting for a slot does not count."""
    files: dict[str, InputFile] = field(default_factory=dict)
    """Files of this server and of data URIs by input field, for remote providers; `input` lacks these fields.
    Third-party URLs stay in `input` unchanged.
    """


@dataclass(frozen=True)
class Job:
    """Handle of a started order. Store both parts and pass them back unchanged."""

    id: str
    """The provider's own id of the job."""
    instance: str = ""
    """The engine's boot id; for upstreams, when the job was accepted and what was uploaded."""


@dataclass(frozen=True)
class OutputRef:
    """One output file of a job, readable through `Provider.fetch` until the job is released."""

    name: str
    """File name as published for the model, such as `out-0.png`."""
    content_type: str
    address: str
    """Opaque to all but its provider. From an upstream that finished within the start's response it may be a data URI
    of many megabytes, the only copy of these bytes: write it to storage at once.
    """
    size: int | None = None
    """Size in bytes, where known in advance."""
    sensitive: bool = False
    """Whether the provider flagged it as sensitive."""


@dataclass(frozen=True)
class Update:
    """The current state of a job at its provider. Kinds in `FINAL` never change again.

    `lost`: the provider does not know this job (any more), so it is neither finished nor running there.
    """

    kind: Kind
    logs: str = ""
    """The whole log so far, not only new lines; separated by line feeds."""
    progress: float | None = None
    """0 to 1, never decreasing; None where unknown."""
    output: Any = None
    """A list of `OutputRef` for files, else the model's JSON. While `processing`: the finished parts."""
    error: str | None = None
    """One sentence; set if and only if `kind` is `failed`."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """`predict_time` in seconds once ended, `upstream_cost` in US dollars where the service reports it, and further
    keys of the provider.
    """
    value: Any = None
    """The whole output as JSON where `output` holds references guessed from URLs in it: used for models whose schema
    declares no files, where a URL is plain text.
    """
    error_is_ours: bool = False
    """Whether `error` is Darkroom's own sentence; the model's own text reaches callers unchanged."""
    error_kind: ErrorKind | None = None
    """The cause of a failure, where known."""
    answer: str = ""
    """The provider's response to a failure, truncated and redacted, for operators."""
    job_id: str = ""
    """The provider's own job id, where `start` returned this update and the response had one."""
    preview: bytes | None = None
    """The latest preview while `processing`: a JPEG of at most 256 px a side and 24 KiB."""

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self.kind in FINAL


class ProviderError(Exception):
    """The provider could not be reached, or refused. The text is for operators and never holds a secret.

    refused: the order was certainly not started, so it may go to another provider, or here again later.
    permanent: the same request will fail again; do not repeat it at this provider.
    retry_after: seconds to wait, where the provider said so.
    kind: the cause. For `safety` and `bad_input`, `words` is one sentence for the caller.
    answer: the provider's response, truncated and redacted, for operators.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool,
        refused: bool = False,
        retry_after: float | None = None,
        kind: ErrorKind = "transient",
        words: str = "",
        answer: str = "",
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.refused = refused
        self.retry_after = retry_after
        self.kind: ErrorKind = kind
        self.words = words
        self.answer = answer


class FileError(ProviderError):
    """A download failed and may succeed later.

    fault: `missing`: not found or not permitted, as from storage that does not have it yet; `cut`: incomplete; `slow`:
    timed out; `busy`: the server answered with an error; `unreachable`: no connection.
    """

    def __init__(self, message: str, fault: FileFault, *, retry_after: float | None = None) -> None:
        super().__init__(message, permanent=False, retry_after=retry_after)
        self.fault: FileFault = fault


class AnswerLost(ProviderError):
    """The order was sent and its response lost: it may or may not be running.

    Repeat it with the same key where `start_is_idempotent`; never send it to another provider. If `permanent`, the
    response came but is unusable, and a repeat would return the same.
    """

    def __init__(
        self, message: str, *, permanent: bool = False, kind: ErrorKind = "transient", answer: str = ""
    ) -> None:
        super().__init__(message, permanent=permanent, refused=False, kind=kind, answer=answer)


@runtime_checkable
class Provider(Protocol):
    """The provider protocol. Methods raise only `ProviderError` and `asyncio.CancelledError`."""

    name: str
    """The name under which the operator configured it; unique in the registry."""
    is_remote: bool
    """Whether it is an upstream, reached with a key: each start is recorded with its cost, errors count against the
    key, and abandoned work may go on there. False for this installation's engines.
    """
    start_is_idempotent: bool
    """Whether repeating `start` with the same key returns the first job instead of starting a second."""
    repeats_exactly: bool
    """Whether a rerun gives the same result at no cost: lost parts of a result are then made again, and an incomplete
    set of files is never accepted.
    """
    job_id_is_key: bool
    """Whether the order's key is the job's id; otherwise the id is unknown until `start` has returned."""
    fetches_inputs: bool
    """Whether it downloads public URLs in an input itself; otherwise the input has their files."""
    reports_run_time: bool
    """Whether every success reports its duration; False where that is unknown until one was seen."""
    limit: int
    """Maximum jobs at a time."""
    group: str
    """The upstream that the key belongs to, by name; "" for engines."""
    group_limit: int
    """Maximum jobs at a time of all keys of the upstream; 0 for engines, which have only `limit`."""
    priority: int
    """Among upstreams the lowest number comes first."""
    weight: int
    """Share of the work among upstreams of the same priority."""
    requests_per_second: float
    """Rate limit of its calls; infinite where it has none."""
    keeps_its_models: bool
    """For engines: whether its models wait for it while it is busy instead of going to a later engine."""

    def serves(self, model: str) -> bool:
        """Whether it serves `owner/name`, from configuration alone, without any request."""
        ...

    def takes_pictures(self, model: str) -> bool:
        """Whether it serves `owner/name` with an input image, without any request.

        Pages and lists of models ask. Dispatch does not look at inputs: an order with pictures may arrive all the same.
        """
        ...

    def start_limit_s(self, order: Order) -> float:
        """Seconds within which `start` should return; infinite where nothing is configured.

        Every start is cut off after `starts.LONGEST_START_S`, 40 seconds: what may take longer returns a `Job`.
        """
        ...

    def session(self) -> AbstractAsyncContextManager[None]:
        """Keep connections open inside the block, for tasks started in it; belongs to one event loop.

        Optional: outside a session each call opens and closes its own connection. Sessions nest.
        """
        ...

    async def start(self, order: Order) -> Job | Update:
        """Start the order. A provider that finishes within the request returns the final `Update` at once.

        Raises `ProviderError` (with `refused` where nothing was started) or `AnswerLost`.
        """
        ...

    async def check(self, job: Job) -> Update:
        """The job's current state. Raises `ProviderError` where the provider cannot be reached now."""
        ...

    async def cancel(self, job: Job) -> bool:
        """Cancel the job. True: certainly not running any more (stopped, ended before, or unknown).

        False: requested but not confirmed yet; call it again.
        """
        ...

    def fetch(self, job: Job, ref: OutputRef) -> AsyncIterator[bytes]:
        """The bytes of one output, in chunks.

        Raises `ProviderError` while iterating: `permanent` where the file is gone for good (`check` then gives the
        job's state), otherwise retry from the beginning for as long as the `fault` of a `FileError` suggests. A short
        read is an error, never a silent end.
        """
        ...

    async def release(self, job: Job) -> None:
        """Let the provider delete the job's files, which Darkroom needs no longer. Unknown jobs are no error."""
        ...
