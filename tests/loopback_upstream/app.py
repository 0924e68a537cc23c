"""The service itself: an ASGI application with Replicate's paths, under `/v1` and under `/replicate/v1`."""

from __future__ import annotations

import json
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from tests.loopback_upstream import error_bodies, input_files, malformed_answers, output_files, sample_outputs
from tests.loopback_upstream.faults import Fault, Rules, UnknownFault
from tests.loopback_upstream.http_exchange import Exchange, Receive, Scope, Send, TooLarge
from tests.loopback_upstream.jobs import FINAL, Job, new_id
from tests.loopback_upstream.journal import Journal, starts
from tests.loopback_upstream.settings import Settings
from tests.loopback_upstream.uploads import Uploads
from tests.loopback_upstream.webhooks import EVENTS, Announcer

MOUNTS = ("/replicate/v1", "/v1")
ACCOUNT = {"type": "organization", "username": "loopback", "name": "Loopback", "github_url": None}
HARDWARE = [{"sku": "cpu", "name": "CPU"}]
_PART = r"([^/]+)"
Handler = Callable[["Service", Exchange, str, tuple[str, ...]], Awaitable[None]]


class Service:
    """All of its state; one event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rules = Rules(settings.seed)
        self.journal = Journal(settings.most, settings.journal)
        self.jobs: OrderedDict[str, Job] = OrderedDict()
        self.by_key: dict[tuple[str, str], Job] = {}
        self.uploads = Uploads()
        self.announcer = Announcer(settings, self.journal)
        self._creates: list[float] = []
        self._numbers: Counter[str] = Counter()

    def forget(self) -> None:
        """As if new: no predictions, files, faults or rows of the journal."""
        self.rules.clear()
        self.journal.clear()
        self.jobs.clear()
        self.by_key.clear()
        self.uploads.files.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send)
        try:
            await self._route(exchange)
        except UnknownFault as error:
            await exchange.whole(*error_bodies.problem(400, "Unknown fault", str(error)))
        except TooLarge:
            await exchange.whole(*error_bodies.problem(413, "Content too large", "The body is too large."))

    async def _route(self, exchange: Exchange) -> None:
        if exchange.path.startswith("/_"):
            await self._control(exchange)
            return
        if exchange.path.startswith("/out/"):
            await output_files.serve(self, exchange)
            return
        mount = next((one for one in MOUNTS if exchange.path.startswith(one + "/")), "")
        path = exchange.path.removeprefix(mount)
        for method, pattern, handler in _ROUTES:
            found = re.fullmatch(pattern, path)
            if mount and method == exchange.method and found:
                await self._guarded(exchange, mount, handler, found.groups())
                return
        await exchange.whole(*error_bodies.NOT_FOUND)

    async def _guarded(
        self, exchange: Exchange, mount: str, handler: Handler, parts: tuple[str, ...]
    ) -> None:
        open_to_all = handler is Service._download
        if self.settings.note_calls:
            self.journal.note(
                "call", method=exchange.method, path=exchange.path, token=exchange.token[-4:],
                request=exchange.headers.get("x-request-id", ""),
            )  # fmt: skip
        if not open_to_all and self.settings.tokens and exchange.token not in self.settings.tokens:
            await exchange.whole(*error_bodies.UNAUTHENTICATED)
            return
        await handler(self, exchange, mount, parts)

    # -- predictions -----------------------------------------------------------------------------------------
    async def _create(self, exchange: Exchange, mount: str, parts: tuple[str, ...]) -> None:
        asked = _object(await exchange.body())
        if asked is None or not isinstance(asked.get("input"), dict):
            await exchange.whole(
                *error_bodies.problem(422, "Input validation failed", "- input is required\n")
            )
            return
        given, key = asked["input"], exchange.headers.get("idempotency-key", "")
        fault = self._strike("create", sample_outputs.words(given), exchange)
        if fault is not None and not fault.after and malformed_answers.is_refusal(fault):
            await malformed_answers.give(exchange, fault, 0, {})
            return
        named = "/".join(parts) if parts else str(asked.get("version"))
        model = sample_outputs.find(named)
        refusal = self._too_many() or _objection(model, parts, given)
        if refusal is not None:
            await exchange.whole(*refusal)
            return
        assert model is not None
        known = self.by_key.get((exchange.token, key)) if key and self.settings.idempotent else None
        job = known or await self._begin(exchange, model, asked, key)
        self.announcer.follow(job, exchange.origin, mount) if known is None else self.journal.note(
            "replay", id=job.id, key=key
        )
        await self._answer_create(exchange, mount, job, fault, replayed=known is not None)

    async def _answer_create(
        self, exchange: Exchange, mount: str, job: Job, fault: Fault | None, *, replayed: bool
    ) -> None:
        right = job.shown(exchange.origin, mount, None if replayed else "starting")
        status = 200 if mount == MOUNTS[0] else 201
        if fault is None:
            replay = {"idempotent-replayed": "true"} if replayed else {}
            await exchange.json(status, right, location=right["urls"]["get"], **replay)
        elif fault.kind in ("images", "images-b64"):
            # Such services work while they answer: the pictures are there already.
            await exchange.json(200, self._images(exchange, job, in_base64=fault.kind == "images-b64"))
        else:
            await malformed_answers.give(exchange, fault, status, right)

    async def _begin(
        self, exchange: Exchange, model: sample_outputs.Model, asked: dict[str, Any], key: str
    ) -> Job:
        given, token = asked["input"], exchange.token
        text = sample_outputs.words(given)
        self._numbers[key] += 1
        job = Job(
            id=new_id(key, self._numbers[key]),
            key=key,
            model=model,
            input=given,
            seconds=self.settings.seconds,
            token=token,
            runs=self.rules.of("run", text, token),
            outputs=self.rules.of("output", text, token),
            hooks=self.rules.of("hook", text, token),
            webhook=str(asked.get("webhook") or ""),
            events=tuple(asked.get("webhook_events_filter") or EVENTS),
        )
        self.jobs[job.id] = job
        if key:
            self.by_key[token, key] = job
        while len(self.jobs) > self.settings.most:
            _, old = self.jobs.popitem(last=False)
            self.by_key.pop((old.token, old.key), None)
        named = await input_files.read(model, given, self.uploads, exchange.origin)
        self.journal.note(
            "start", id=job.id, key=key, model=model.ref, text=text[:200], token=token[-4:], inputs=named
        )
        return job

    def _images(self, exchange: Exchange, job: Job, *, in_base64: bool) -> dict[str, Any]:
        names = sample_outputs.names(job.model, job.input)
        if in_base64:
            uris = (sample_outputs.data_uri(name, job.content(name)) for name in names)
            rows = [{"b64_json": uri.partition(",")[2]} for uri in uris]
        else:
            rows = [{"url": f"{exchange.origin}/out/{job.id}/{name}"} for name in names]
        return {"created": int(time.time()), "data": rows}

    async def _get(self, exchange: Exchange, mount: str, parts: tuple[str, ...]) -> None:
        job = self.jobs.get(parts[0])
        if job is None:
            await exchange.whole(*error_bodies.NOT_FOUND)
            return
        job.looks += 1
        fault = self._strike("get", job.text, exchange)
        if job.is_hidden():
            await exchange.whole(*error_bodies.NOT_FOUND)
        elif fault is not None:
            await malformed_answers.give(exchange, fault, 200, job.shown(exchange.origin, mount))
        else:
            await exchange.json(200, job.shown(exchange.origin, mount))

    async def _list(self, exchange: Exchange, mount: str, parts: tuple[str, ...]) -> None:
        newest = list(self.jobs.values())[-100:][::-1]
        rows = [job.shown(exchange.origin, mount) for job in newest if job.token == exchange.token]
        await exchange.json(200, _page(rows))

    async def _cancel(self, exchange: Exchange, mount: str, parts: tuple[str, ...]) -> None:
        job = self.jobs.get(parts[0])
        fault = self._strike("cancel", job.text if job else "", exchange)
        if job is None or (fault is not None and not fault.after and malformed_answers.is_refusal(fault)):
            kind = fault or Fault("cancel", "404")
            await malformed_answers.give(exchange, kind, 0, {})
            return
        if job.state() not in FINAL and not job.run("stubborn"):
            job.canceled = True
        self.journal.note("cancel", id=job.id, key=job.key, now=job.state())
        right = job.shown(exchange.origin, mount)
        if fault is not None:
            await malformed_answers.give(exchange, fault, 200, right)
        else:
            await exchange.json(200, right)

    def _strike(self, stage: str, text: str, exchange: Exchange) -> Fault | None:
        fault = self.rules.strikes(stage, text, exchange.token)
        if fault is not None:
            key = exchange.headers.get("idempotency-key", "")
            self.journal.note("fault", fault=str(fault), path=exchange.path, key=key)
        return fault

    def _too_many(self) -> error_bodies.Answer | None:
        """429 above the rate or the number at once that the settings allow."""
        now, settings = time.monotonic(), self.settings
        self._creates = [at for at in self._creates if at > now - 1.0]
        busy = (
            settings.limit and sum(job.state() not in FINAL for job in self.jobs.values()) >= settings.limit
        )
        if busy or (settings.rate and len(self._creates) >= settings.rate):
            self.journal.note("limited")
            return error_bodies.refusal("429", "1", "")
        self._creates.append(now)
        return None

    # -- files -----------------------------------------------------------------------------------------------
    async def _upload(self, exchange: Exchange, mount: str, parts: tuple[str, ...]) -> None:
        body = await exchange.body()
        fault = self._strike("upload", "", exchange)
        if fault is not None and not fault.after and malformed_answers.is_refusal(fault):
            await malformed_answers.give(exchange, fault, 0, {})
            return
        file = self.uploads.keep(body, exchange.headers.get("content-type", ""))
        if file is None:
            await exchange.whole(
                *error_bodies.problem(422, "Input validation failed", "- content is required\n")
            )
            return
        self.journal.note("upload", id=file.id, name=file.name, size=len(file.content), sha256=file.sha256)
        right = file.shown(exchange.origin, mount)
        await (malformed_answers.give(exchange, fault, 201, right) if fault else exchange.json(201, right))

    async def _file(self, exchange: Exchange, mount: str, parts: tuple[str, ...]) -> None:
        file = self.uploads.files.get(parts[0])
        if file is None:
            await exchange.whole(*error_bodies.NOT_FOUND)
        elif exchange.method == "DELETE":
            del self.uploads.files[file.id]
            self.journal.note("file-deleted", id=file.id)
            await exchange.whole(204, {}, b"")
        else:
            await exchange.json(200, file.shown(exchange.origin, mount))

    async def _download(self, exchange: Exchange, mount: str, parts: tuple[str, ...]) -> None:
        file = self.uploads.files.get(parts[0])
        if file is None:
            await exchange.whole(*error_bodies.NOT_FOUND)
        else:
            await exchange.whole(200, {"content-type": file.content_type}, file.content)

    # -- the rest --------------------------------------------------------------------------------------------
    async def _account(self, exchange: Exchange, mount: str, parts: tuple[str, ...]) -> None:
        fault = self._strike("account", "", exchange)
        await (
            malformed_answers.give(exchange, fault, 200, dict(ACCOUNT))
            if fault
            else exchange.json(200, ACCOUNT)
        )

    async def _small(self, exchange: Exchange, mount: str, parts: tuple[str, ...]) -> None:
        if exchange.path.endswith("/hardware"):
            await exchange.json(200, HARDWARE)
        elif exchange.path.endswith("/secret"):
            await exchange.json(200, {"key": self.settings.secret})
        else:
            await exchange.json(200, _page([_model(one) for one in sample_outputs.models().values()]))

    async def _model(self, exchange: Exchange, mount: str, parts: tuple[str, ...]) -> None:
        model = sample_outputs.models().get("/".join(parts[:2]))
        if model is None or (len(parts) > 2 and parts[2] != model.version):
            await exchange.whole(*error_bodies.NOT_FOUND)
        elif len(parts) > 2:
            await exchange.json(200, _model(model)["latest_version"])
        elif exchange.path.endswith("/versions"):
            await exchange.json(200, _page([_model(model)["latest_version"]]))
        else:
            await exchange.json(200, _model(model))

    async def _control(self, exchange: Exchange) -> None:
        """`/_faults`, `/_journal`, `/_settings`: for whoever runs it, without a token."""
        if exchange.path == "/_faults" and exchange.method == "POST":
            rows = json.loads(await exchange.body())
            for row in rows if isinstance(rows, list) else [rows]:
                self.rules.add_json(row)
        elif exchange.path == "/_faults" and exchange.method == "DELETE":
            self.rules.clear()
        elif exchange.path == "/_journal" and exchange.method == "DELETE":
            self.journal.clear()
        elif exchange.path == "/_settings" and exchange.method == "POST":
            for name, value in json.loads(await exchange.body()).items():
                setattr(self.settings, name, frozenset(value) if name == "tokens" else value)
        rows = list(self.journal.rows)
        told = {
            "/_journal": {"starts": starts(rows), "rows": rows},
            "/_settings": {name: str(value) for name, value in asdict(self.settings).items()},
        }
        rules = [{**asdict(rule), "fault": str(rule.fault)} for rule in self.rules.rows]
        await exchange.json(200, told.get(exchange.path, {"faults": rules}))


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _objection(
    model: sample_outputs.Model | None, parts: tuple[str, ...], given: dict[str, Any]
) -> error_bodies.Answer | None:
    """Why this cannot be run: no such model or version, or something that it needs is not there."""
    if model is None:
        return error_bodies.refusal("404" if parts else "422-version", "", "")
    missing = [name for name in model.input_schema.get("required", []) if name not in given]
    if not missing:
        return None
    faults = [
        {"type": "required", "field": "input", "description": f"{name} is required"} for name in missing
    ]
    detail = "".join(f"- input: {name} is required\n" for name in missing)
    return error_bodies.problem(422, "Input validation failed", detail, invalid_fields=faults)


def _page(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"next": None, "previous": None, "results": rows}


def _model(model: sample_outputs.Model) -> dict[str, Any]:
    owner, name = model.ref.split("/")
    made = "2025-07-12T07:27:54.577Z"
    schemas = {"Input": model.input_schema, "Output": model.output_schema}
    return {
        "url": f"https://replicate.com/{model.ref}",
        "owner": owner,
        "name": name,
        "description": "",
        "visibility": "public",
        "run_count": 0,
        "created_at": made,
        "default_example": None,
        "latest_version": {
            "id": model.version,
            "created_at": made,
            "cog_version": "0.9.0",
            "openapi_schema": {"openapi": "3.0.2", "components": {"schemas": schemas}},
        },
    }


_ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", "/predictions", Service._create),
    ("GET", "/predictions", Service._list),
    ("POST", f"/models/{_PART}/{_PART}/predictions", Service._create),
    ("GET", f"/predictions/{_PART}", Service._get),
    ("POST", f"/predictions/{_PART}/cancel", Service._cancel),
    ("POST", "/files", Service._upload),
    ("GET", f"/files/{_PART}", Service._file),
    ("DELETE", f"/files/{_PART}", Service._file),
    ("GET", f"/files/{_PART}/download", Service._download),
    ("GET", "/account", Service._account),
    ("GET", "/hardware", Service._small),
    ("GET", "/webhooks/default/secret", Service._small),
    ("GET", "/models", Service._small),
    ("GET", f"/models/{_PART}/{_PART}", Service._model),
    ("GET", f"/models/{_PART}/{_PART}/versions", Service._model),
    ("GET", f"/models/{_PART}/{_PART}/versions/{_PART}", Service._model),
]
