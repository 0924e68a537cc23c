"""Predictions of made-up history with files, runs and looks at the queue, in bulk. For `manage.py demo` alone.

All of them have ended, so no process finds work here; the upstreams serve no model, so nothing is ever sent to them.
Each output has stored files of its own: hard links of one picture where the storage is a folder, copies elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import transaction

from accounts.models import Account, User
from engine.performers import performer
from engine.protocol.job_output import JobOutput
from predictions.files import image_probe, media
from predictions.models import (
    HostedModel,
    Output,
    Phase,
    Prediction,
    Price,
    QueueLook,
    Status,
    StoredFile,
    Upstream,
    UpstreamDay,
    UpstreamKey,
    UpstreamRun,
    Version,
)
from predictions.submit import quotas
from predictions.upstreams import setup

_TOGETHER = 500
_FOLDER = 150
"""Files in one folder: to make one takes longer than to link a file."""
Outcome = UpstreamRun.Outcome


@dataclass(frozen=True)
class Stock:
    """One painted picture with its thumbnails, to be given to any number of outputs."""

    prompt: str
    files: tuple[tuple[bytes, str, str, int, int], ...]
    """Bytes, extension, type, width and height: the picture, the small and the medium one."""
    colour: str
    blur: str
    phash: str


@dataclass
class Made:
    """One prediction to be, with all that is known of it afterwards."""

    public_id: str
    account: Account
    user: User
    version: Version
    price: Price
    input: dict[str, Any]
    status: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime
    ceiling: int
    charge: int
    error: str | None = None
    source: str = "web"
    cost: int = 0
    key: UpstreamKey | None = None
    pictures: list[Stock] = field(default_factory=list)


class _Silent(JobOutput):
    """A painter's desk that keeps the name of the last file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(os.open(os.devnull, os.O_WRONLY), folder)
        self.names: list[str] = []

    def _send(self, event: dict[str, Any]) -> None:
        if "output" in event:
            self.names.append(event["output"]["name"])


def paint(ref: str, given: dict[str, Any]) -> Stock:
    """Paint one picture with the embedded engine's own painter, in this process, and make its thumbnails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        desk = _Silent(folder)
        performer(ref)(given, desk, 0)
        return from_file(str(given.get("prompt", "")), folder / desk.names[-1])


def from_file(prompt: str, path: Path) -> Stock:
    """The stock that a file is, with thumbnails made as of any output."""
    with tempfile.TemporaryDirectory() as name:
        look = image_probe.probe(path, Path(name))
        files = [(path.read_bytes(), path.suffix[1:], look.content_type, look.width or 1, look.height or 1)]
        files += [
            (one.path.read_bytes(), one.path.suffix[1:], one.content_type, one.width, one.height)
            for one in (look.small, look.medium)
            if one is not None
        ]
    return Stock(prompt, tuple(files), look.colour, look.blur, look.phash)


def write(rows: Sequence[Made]) -> list[tuple[Made, list[Output]]]:
    """Insert predictions with their outputs and files. What is charged stands in the ledger already."""
    done: list[tuple[Made, list[Output]]] = []
    with _Storing() as storing:
        for at in range(0, len(rows), _TOGETHER):
            done += _batch(rows[at : at + _TOGETHER], storing)
    for account_id in {one.account.pk for one in rows}:
        quotas.recount(account_id)
    return done


def _batch(rows: Sequence[Made], storing: _Storing) -> list[tuple[Made, list[Output]]]:
    files: dict[str, list[list[StoredFile]]] = {
        one.public_id: [storing.files_of(picture, one.completed_at, one.account) for picture in one.pictures]
        for one in rows
    }
    with transaction.atomic():
        made = Prediction.objects.bulk_create(_row(one) for one in rows)
        StoredFile.objects.bulk_create(file for sets in files.values() for three in sets for file in three)
        outputs = [
            _output(prediction, one, index, three, picture)
            for prediction, one in zip(made, rows, strict=True)
            for index, (three, picture) in enumerate(zip(files[one.public_id], one.pictures, strict=True))
        ]
        Output.objects.bulk_create(outputs)
        by_prediction: dict[int, list[Output]] = defaultdict(list)
        for output in outputs:
            by_prediction[output.prediction_id].append(output)
        for prediction in made:
            prediction.output = [
                media.output_path(one.token, one.name) for one in by_prediction[prediction.pk]
            ] or None
        Prediction.objects.bulk_update([one for one in made if one.output], ["output"])
        UpstreamRun.objects.bulk_create(
            _run(prediction, one) for prediction, one in zip(made, rows, strict=True) if one.key is not None
        )
    return [(one, by_prediction[prediction.pk]) for prediction, one in zip(made, rows, strict=True)]


def _row(one: Made) -> Prediction:
    return Prediction(
        public_id=one.public_id,
        stream_token=secrets.token_urlsafe(),
        account=one.account,
        user=one.user,
        model_id=one.version.model_id,
        version=one.version,
        source=one.source,
        input=one.input,
        status=one.status,
        phase=Phase.ENDED,
        error=one.error,
        metrics={"predict_time": round((one.completed_at - one.started_at).total_seconds(), 3)}
        if one.started_at
        else {},
        delivered=len(one.pictures) if one.status == Status.SUCCEEDED else None,
        created_at=one.created_at,
        started_at=one.started_at,
        completed_at=one.completed_at,
        must_end_by=one.completed_at,
        price=one.price,
        ceiling=one.ceiling,
        charge=one.charge,
        run=1,
        provider=one.key.provider_name if one.key is not None else "embedded",
        logs=f"Using seed: {one.input.get('seed', 1)}\n",
        revision=3,
    )


def _output(prediction: Prediction, one: Made, index: int, files: list[StoredFile], picture: Stock) -> Output:
    return Output(
        prediction=prediction,
        index=index,
        name=f"out-{index}.{picture.files[0][1]}",
        token=media.new_token(),
        file=files[0],
        small=files[1] if len(files) > 1 else None,
        medium=files[2] if len(files) > 2 else None,
        colour=picture.colour,
        blur=picture.blur,
        phash=picture.phash,
        created_at=one.completed_at,
    )


def _run(prediction: Prediction, one: Made) -> UpstreamRun:
    assert one.key is not None
    ended = {Status.SUCCEEDED: Outcome.SUCCEEDED, Status.FAILED: Outcome.FAILED}.get(
        Status(one.status), Outcome.CANCELED
    )
    start = one.started_at or one.created_at
    return UpstreamRun(
        prediction=prediction,
        upstream_id=one.key.upstream_id,
        key=one.key,
        run=1,
        outcome=ended,
        job_id=one.public_id[:20],
        reserved=0,
        cost=one.cost,
        answered_ms=180 + hash_of(one.public_id) % 700,
        sent_at=start,
        ended_at=one.completed_at,
    )


def hash_of(text: str) -> int:
    """A number that is always the same for a text."""
    return sum((at + 1) * ord(letter) for at, letter in enumerate(text))


def sum_upstream_days() -> None:
    """Write the days of upstreams: each the sum of its runs, as the audit wants it."""
    sums: dict[tuple[int, date], int] = defaultdict(int)
    for upstream, at, cost in UpstreamRun.objects.values_list("upstream_id", "sent_at", "cost").iterator():
        sums[(upstream, at.astimezone(UTC).date())] += cost or 0
    UpstreamDay.objects.bulk_create(
        UpstreamDay(upstream_id=upstream, day=day, spent=spent) for (upstream, day), spent in sums.items()
    )


def upstream(
    name: str, *, priority: int, rng: random.Random, rests_until: datetime | None = None
) -> UpstreamKey:
    """An upstream that serves no model, with one key; resting until then, if it is to."""
    row = Upstream.objects.create(
        name=name,
        url=f"https://{name}.demo.invalid",
        serves_all=False,
        priority=priority,
        paused=rests_until is not None,
    )
    key = UpstreamKey(upstream=row, label="key")
    setup.seal(key, f"made-{rng.getrandbits(64):016x}")
    if rests_until is not None:
        key.state, key.failures, key.open_until = UpstreamKey.State.OPEN, 5, rests_until
        key.error_kind, key.error, key.error_at = "unavailable", "503 Service Unavailable", rests_until
    key.save()
    return key


def looks(rows: Iterable[tuple[datetime, int, int, int]]) -> None:
    """Looks at the queue: when, how many waited, how many were under way, milliseconds to start."""
    QueueLook.objects.bulk_create(
        (
            QueueLook(at=at, waiting=waiting, running=running, oldest_s=p95 // 900, start_p95_ms=p95)
            for at, waiting, running, p95 in rows
        ),
        batch_size=2000,
    )


def versions() -> dict[str, tuple[HostedModel, Version, Price]]:
    """Every model of the catalogue with its newest version and price, by `owner/name`."""
    found = {}
    for model in HostedModel.objects.filter(enabled=True):
        version = model.versions.filter(enabled=True).order_by("-created_at", "id").first()
        price = model.prices.order_by("-number").first()
        if version is not None and price is not None:
            version.model = model
            found[model.ref] = (model, version, price)
    return found


class _Storing:
    """Puts the bytes of a picture into the storage again and again."""

    def __enter__(self) -> _Storing:
        self._storage = media.storage()
        self._first: dict[int, list[str]] = {}
        self._digests: dict[int, list[str]] = {}
        self._count, self._folder = 0, ""
        return self

    def __exit__(self, *args: object) -> None:
        self._first.clear()

    def files_of(self, picture: Stock, at: datetime, account: Account) -> list[StoredFile]:
        """Stored files of a picture that has its place from now on; rows that are still to be inserted."""
        return [self._file(picture, number, at, account) for number in range(len(picture.files))]

    def _file(self, picture: Stock, number: int, at: datetime, account: Account) -> StoredFile:
        data, extension, content_type, width, height = picture.files[number]
        name = media.new_token()
        self._count += 1
        if self._count % _FOLDER == 1:
            self._folder = name
        key = f"{self._folder[:2]}/{self._folder[2:4]}/{name}.{extension}"
        known = self._first.setdefault(id(picture), [""] * len(picture.files))
        if known[number] and isinstance(self._storage, FileSystemStorage):
            path = Path(self._storage.path(key))
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(self._storage.path(known[number]), path)
        else:
            self._storage.save(key, ContentFile(data))
            known[number] = key
        digests = self._digests.setdefault(
            id(picture), [hashlib.sha256(one[0]).hexdigest() for one in picture.files]
        )
        return StoredFile(
            key=key,
            account=account,
            state=StoredFile.State.KEPT,
            size=len(data),
            sha256=digests[number],
            content_type=content_type,
            width=width,
            height=height,
            created_at=at,
        )


PROMPTS = (
    "a lighthouse on a cliff at dawn, oil painting", "an orange cat, studio photograph, blue backdrop",
    "a sailboat on a mountain lake at sunset", "an astronaut in front of a striped planet",
    "a castle with blue roofs in a green valley", "a yellow flower in the mountains, macro",
    "a night city, neon, rain, a blue car", "a white dog in the alps, sunny day",
    "a hot air balloon over green hills, evening", "a penguin on an iceberg", "樱花树下的小屋，水彩",
    "雪山下的湖，黄昏",
    "a red barn in a wheat field, thunderstorm", "a fox in an autumn forest, mist", "a fishing boat at dawn",
    "a windmill among tulips", "a desert with dunes and two moons", "a waterfall in a jungle, morning light",
    "竹林里的灯笼，夜晚", "an old bridge over a river, autumn", "a volcano at night, lava",
    "a robot watering flowers", "a beach with palm trees, poster", "a snowy village, warm windows",
    "a whale under a full moon", "a field of lavender at dusk", "a tiger in tall grass", "海边的灯塔，版画",
    "a cactus in bloom, white background", "a train crossing a viaduct, winter", "a cup of tea by a window, rain",
    "an owl on a branch, moonlight", "a spaceship over the sea, sunset", "a mountain hut, stars",
    "a horse on a beach, black and white", "金鱼在荷塘，工笔画", "a garden gate with roses", "a rainbow over hills",
    "a pine forest from above, fog", "a bicycle against a yellow wall",
)  # fmt: skip
