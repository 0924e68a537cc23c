"""The contract between Darkroom and whatever can do the work.

A provider is the embedded engine or an upstream service. Darkroom hands it an `Order`, keeps the `Job` that
comes back, asks for `Update`s until one is final, reads each output through `fetch`, and says `release` when
it has everything. Nothing in here knows about databases, settings or HTTP; a provider turns its own troubles
into `ProviderError`.
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
"""Whose fault it is: the operator's key, its quota or the address that was given, too many requests, nobody behind a
gateway who takes this model now, the caller's words or input, a passing trouble of the service, or something that no
repeat there will mend.
"""

FileFault = Literal["missing", "cut", "slow", "busy", "unreachable"]
"""Why a file did not come; `FileError` says what each means."""

FINAL: frozenset[Kind] = frozenset({"succeeded", "failed", "canceled", "lost"})
"""Kinds after which a job never changes again."""


@dataclass(frozen=True)
class InputFile:
    """A file that an input names, with its bytes at hand."""

    name: str
    content_type: str
    data: bytes = field(repr=False)
    address: str | None = None
    """Where the provider can fetch the same bytes from this server for as long as the work may last; None: nowhere."""
    source: str | None = None
    """Where a stranger keeps them, for a provider that reads from addresses alone; None: they came otherwise."""


@dataclass(frozen=True)
class Order:
    """One piece of work to be started.

    `input` is what the caller sent, validated, with defaults NOT filled in and no null values: every provider
    knows the defaults of the models that it serves, and an upstream must see exactly what the caller wrote.
    """

    key: str
    """Idempotency key: public id, a hyphen, the run number. Letters, digits, `-` and `_`, at most 100."""
    model: str
    """`owner/name`."""
    version: str
    """64 hexadecimal digits, or "" for a model without versions."""
    input: dict[str, Any]
    deadline_s: float
    """Seconds of work allowed, counted from when the work itself begins (waiting for a slot is not work)."""
    files: dict[str, InputFile] = field(default_factory=dict)
    """Files of this server and of data URIs, by the input's field, for providers elsewhere; `input` lacks these fields.
    What strangers' public addresses name stays in `input` as it was written.
    """


@dataclass(frozen=True)
class Job:
    """Where the work of one order went. Store both parts; hand them back unchanged."""

    id: str
    """The provider's own id of the job."""
    instance: str = ""
    """Which start of the engine took it (its boot id); of upstreams, when it was accepted and what was uploaded."""


@dataclass(frozen=True)
class OutputRef:
    """One file that a job has made, readable through `Provider.fetch` until the job is released."""

    name: str
    """File name as published for the model, such as `out-0.png`."""
    content_type: str
    address: str
    """Opaque to everybody but the provider that gave it. From an upstream that finished while it answered, it may be a
    data URI of many megabytes: nobody else holds those bytes, so put them into the storage at once.
    """
    size: int | None = None
    """Bytes, where known beforehand."""
    sensitive: bool = False
    """Whether the provider itself calls it sensitive."""


@dataclass(frozen=True)
class Update:
    """The state of a job as its provider sees it now. Kinds in `FINAL` never change again.

    `lost` means: the provider does not know this job (any more), so it is neither done nor under way there.
    """

    kind: Kind
    logs: str = ""
    """Everything logged so far, not only what is new; lines parted by line feeds."""
    progress: float | None = None
    """0 to 1 and never falling, or None where the provider cannot tell."""
    output: Any = None
    """A list of `OutputRef` for files, else the model's JSON. While `processing`: what is whole already."""
    error: str | None = None
    """One plain sentence; set exactly when `kind` is `failed`."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """`predict_time` in seconds once ended, and `upstream_cost` in US dollars where a service says what it charged;
    more keys as the provider likes.
    """
    value: Any = None
    """The whole output as JSON where `output` holds references that a provider took for files by their looks alone: for
    models whose schema promises none, where an address is a text like any other.
    """
    error_is_ours: bool = False
    """Whether `error` is a sentence of Darkroom's, not the model's own text, which callers get letter by letter."""
    error_kind: ErrorKind | None = None
    """Whose fault a failure is, where the provider can tell."""
    answer: str = ""
    """What the provider said of a failure, cut and scrubbed, for operators."""
    job_id: str = ""
    """The provider's own id, where `start` gave this update and an id came with it."""
    preview: bytes | None = None
    """The newest look at the unfinished picture, while `processing`: a JPEG of at most 256 px a side and 24 KiB."""

    @property
    def is_final(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self.kind in FINAL


class ProviderError(Exception):
    """The provider could not be asked, or refused. Its text is for operators and never holds a secret.

    refused: the order was surely not started, so it may go elsewhere, or here again later.
    permanent: the same request will fail again; do not repeat it at this provider.
    retry_after: seconds that the provider asked to be left alone, where it said so.
    kind: whose fault it is. For `safety` and `bad_input`, `words` is one sentence for the caller.
    answer: what the provider said, cut and scrubbed, for operators.
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
    """A file did not come, and may yet.

    fault: `missing` where its server says that there is none, or none for us, as storage does that has not got it yet;
    `cut` where what came was not whole; `slow` where it did not come in time; `busy` where its server answered with an
    error; `unreachable` where no server could be asked.
    """

    def __init__(self, message: str, fault: FileFault, *, retry_after: float | None = None) -> None:
        super().__init__(message, permanent=False, retry_after=retry_after)
        self.fault: FileFault = fault


class AnswerLost(ProviderError):
    """The order was sent and its answer never came: it may or may not be running.

    Repeat it with the same key where `start_is_idempotent`; never send it to another provider. Where `permanent`, the
    answer came and cannot be used: a repeat would bring the same.
    """

    def __init__(
        self, message: str, *, permanent: bool = False, kind: ErrorKind = "transient", answer: str = ""
    ) -> None:
        super().__init__(message, permanent=permanent, refused=False, kind=kind, answer=answer)


@runtime_checkable
class Provider(Protocol):
    """What Darkroom asks of a provider. Methods raise `ProviderError` and `asyncio.CancelledError` only."""

    name: str
    """The name under which the operator configured it; unique in the registry."""
    is_remote: bool
    """Whether it is an upstream, a service elsewhere that is reached with a key: each start there is on record with its
    cost, its errors count against the key, and it may go on with work that nobody follows. False: an engine of ours.
    """
    start_is_idempotent: bool
    """Whether a repeated `start` with the same key finds the first job again instead of starting a second."""
    repeats_exactly: bool
    """Whether a run that is made again gives the same, at no cost: what was lost of a result is then made anew, and of
    files nothing less than all is taken.
    """
    job_id_is_key: bool
    """Whether it calls a job by its order's key; otherwise nobody knows the job's id before `start` has answered."""
    fetches_inputs: bool
    """Whether it reads by itself what public addresses in an input name; otherwise the input holds their files."""
    reports_run_time: bool
    """Whether each success says how long the work took; False: nobody knows before one was seen."""
    limit: int
    """Jobs that it may have under way at once."""
    group: str
    """The upstream that the key belongs to, by name; "" for engines."""
    group_limit: int
    """Jobs that all keys of the group may have under way at once; 0 for engines, whose own limit is all."""
    priority: int
    """Among upstreams the lowest number comes first."""
    weight: int
    """Share of the work among upstreams of the same priority."""
    requests_per_second: float
    """Calls that it takes; infinite where it sets no pace."""
    keeps_its_models: bool
    """Of engines: whether its models wait for it while it is busy, rather than go to an engine that comes after it."""

    def serves(self, model: str) -> bool:
        """Whether it can work on `owner/name`. Answers from configuration, without asking anybody."""
        ...

    def takes_pictures(self, model: str) -> bool:
        """Whether it can work on `owner/name` from a picture that is given with it. Asks nobody either."""
        ...

    def start_limit_s(self, order: Order) -> float:
        """Seconds within which `start` is expected to answer; infinite where nothing is configured."""
        ...

    def session(self) -> AbstractAsyncContextManager[None]:
        """Keep connections open inside the block, for the tasks that start in it; belongs to one event loop.

        Optional: outside a session each call opens and closes its own connection. Sessions nest.
        """
        ...

    async def start(self, order: Order) -> Job | Update:
        """Hand the work over. A provider that works while it answers gives the final `Update` at once.

        Raises `ProviderError` (with `refused` where nothing was started) or `AnswerLost`.
        """
        ...

    async def check(self, job: Job) -> Update:
        """The job's present state. Raises `ProviderError` where the provider cannot be asked right now."""
        ...

    async def cancel(self, job: Job) -> bool:
        """Ask the provider to stop. True: surely no longer running (stopped, ended before, or unknown).

        False: it was told and has not confirmed yet; ask again.
        """
        ...

    def fetch(self, job: Job, ref: OutputRef) -> AsyncIterator[bytes]:
        """The bytes of one output, in chunks.

        Raises `ProviderError` while iterating: `permanent` where the file is gone for good (then `check` says
        what became of the job), otherwise try again from the beginning, for as long as the fault of a
        `FileError` lets one hope. A short read is an error, never a quiet end.
        """
        ...

    async def release(self, job: Job) -> None:
        """Darkroom has what it needs: the provider may delete the job's files. Unknown jobs are no error."""
        ...
