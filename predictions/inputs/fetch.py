"""Fetches the input files that a prediction references by URL, before it is sent to a provider. Used by workers.

Runs after acceptance, through the SSRF-guarded client: an external server may be slow, endless or hostile. Uploads and
outputs of this server are read from its storage. The engine gets fetched files as data URIs, so that it never requests
a URL that a user supplied.
An upstream fetches public external URLs itself. Files of this server, and those sent as data URIs, it gets as bytes,
together with a URL here where this server is reachable from outside. Where images are blocked, those at external URLs
are fetched here first, and the upstream gets the bytes that were checked.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from core import data_uri
from core.db import retry
from core.net import http_client, tracebacks
from predictions.dispatch import provider_lookup
from predictions.files import media, uploads
from predictions.image_safety import blocklist, upload_checks
from predictions.inputs import user_urls
from predictions.inputs.files import FileReference, InputFiles
from predictions.models import Output, Prediction, StoredFile, Upload
from predictions.providers.base import InputFile, ProviderError

MAX_PICTURE = 25 * 1024 * 1024
"""The most bytes of one file."""
FETCH_S = 10.0
"""Seconds for all files of one prediction, redirects included."""
MAX_REDIRECTS = 3
MAX_CHECKED = 16
"""The most files at external URLs that are checked for one prediction before an upstream gets them."""
MAX_TOGETHER = 4 * MAX_PICTURE
"""The most bytes of these together."""
ADDRESS_LIFE = timedelta(hours=1)
"""How long an upload's signed URL is valid, counted from the start."""
STORAGE_PAUSE_S = 5.0
"""Seconds before a retry where files of this server could not be read because the storage was unavailable."""
_PICTURE = re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|....ftypavi[fs]|....ftypmif1", re.DOTALL)
"""Signatures of the image formats that can be checked here; anything else is left for the upstream to fetch."""
_BEGINNING = 12

Files = dict[str, tuple[str, bytes]]
"""Content type and bytes of each file, by input field."""


class NotFetched(Exception):
    """A file could not be fetched; the text is a sentence for users that names the field."""


@dataclass(frozen=True)
class FetchJob:
    """A claimed prediction and its input files."""

    prediction: Prediction
    files: InputFiles
    provider_fetches: bool
    """Whether its provider fetches public URLs itself."""

    @classmethod
    def of(cls, prediction: Prediction) -> FetchJob:
        """For a claimed prediction. May query the database."""
        fetches = provider_lookup.fetches_inputs(prediction.provider)
        return cls(prediction, InputFiles.of_prediction(prediction), fetches)

    def is_needed(self) -> bool:
        """Whether files must be fetched or read before the start. May query the database.

        External URLs need no fetch where the provider fetches them itself and nothing has to be checked.
        """
        if self.provider_fetches:
            return self.files.names_ours or self.checks_foreign()
        return bool(self.files.addresses)

    def checks_foreign(self) -> bool:
        """Whether images at external URLs are checked here before the provider gets them: where images are blocked."""
        return self.provider_fetches and bool(self.files.foreign) and bool(len(blocklist.current()))


@dataclass(frozen=True)
class Fetched:
    """The input files of one prediction that were fetched here."""

    files: Files
    own: dict[str, str | None] = field(default_factory=dict)
    """Files of this server, by input field: the URL at which others may fetch them, or None."""
    foreign: dict[str, str] = field(default_factory=dict)
    """URLs of external images that an upstream gets as the bytes that were checked, by input field."""
    listed: list[tuple[str, bytes]] = field(default_factory=list)
    """Images within lists, with their field: checked too, but the upstream fetches them again."""

    def apart(self, named: InputFiles) -> tuple[dict[str, Any], dict[str, InputFile]]:
        """For an upstream: the input without files of this server and data URIs, and these files."""
        files = {
            name: InputFile(_file_name(name, *self.files[name]), *self.files[name], address=address)
            for name, address in self.own.items()
        }
        for name, source in self.foreign.items():
            kind, data = self.files[name]
            files[name] = InputFile(_file_name(name, kind, data), kind, data, source=source)
        files |= {name: file for name, file in _inline(named).items() if name not in files}
        return {name: value for name, value in named.given.items() if name not in files}, files

    def refused(self) -> str:
        """Why one of the files is blocked: a sentence that names its field; empty where none is."""
        for name, data in [*((name, data) for name, (_kind, data) in self.files.items()), *self.listed]:
            try:
                if upload_checks.is_refused(data):
                    return f"Input {name}: {upload_checks.REFUSED}"
            except upload_checks.NotTaken:
                # The classifier is unavailable: fails this prediction, not the others of the batch.
                return f"Input {name} could not be checked just now. Try again."
        return ""

    def into(self, given: dict[str, Any]) -> dict[str, Any]:
        """The input with each URL replaced by its content as a data URI."""
        uris = {name: data_uri.build(kind, data) for name, (kind, data) in self.files.items()}
        return {**given, **uris}


def _inline(named: InputFiles) -> dict[str, InputFile]:
    """Files sent in the input as data URIs; undecodable ones are left in place for the provider to refuse."""
    files: dict[str, InputFile] = {}
    for name, reference in named.by_name().items():
        if not reference.is_inline:
            continue
        try:
            kind, data = data_uri.parse(reference.value)
        except data_uri.NotADataUri:
            continue
        files[name] = InputFile(_file_name(name, kind, data), kind, data)
    return files


def _file_name(field_name: str, kind: str, data: bytes) -> str:
    return f"{field_name}{mimetypes.guess_extension(kind) or '.bin'}"


def bring(jobs: Sequence[FetchJob]) -> list[Fetched | NotFetched | BaseException]:
    """Fetch the input files of several predictions concurrently; results in the same order."""
    # Database queries come before the event loop starts.
    checked = [retry.run(one.checks_foreign) for one in jobs]
    return asyncio.run(_bring_all(jobs, [_own_or_why(one) for one in jobs], checked))


async def _bring_all(
    jobs: Sequence[FetchJob], found: Sequence[Fetched | Exception], checked: Sequence[bool]
) -> list[Fetched | NotFetched | BaseException]:
    each = zip(jobs, found, checked, strict=True)
    return await asyncio.gather(*(_fetch_or_why(*one) for one in each))


async def _fetch_or_why(job: FetchJob, found: Fetched | Exception, checked: bool) -> Fetched | BaseException:
    try:
        return found if isinstance(found, Exception) else await _fetch(job, found, checked)
    except NotFetched as error:
        # Drop the traceback, whose frames hold all files of the input fetched so far.
        return tracebacks.drop(error)
    except Exception as error:  # one that breaks its reader must not hold up the others
        return error


async def _fetch(job: FetchJob, found: Fetched, checked: bool) -> Fetched:
    if job.provider_fetches:
        return await _fetch_to_check(job.files, found) if checked else found
    files = dict(found.files)
    wanted = [one for one in job.files.addresses if one.name not in found.own]
    files.update(zip((one.name for one in wanted), await _get_all(wanted), strict=True))
    return Fetched(files)


async def _fetch_to_check(named: InputFiles, found: Fetched) -> Fetched:
    """Adds the images at external URLs; other content is left to the upstream."""
    wanted = named.foreign
    if len(wanted) > MAX_CHECKED:
        raise _not_fetched(wanted[MAX_CHECKED].name, f"these are more than {MAX_CHECKED} addresses")
    files, foreign, listed = dict(found.files), dict[str, str](), list[tuple[str, bytes]]()
    for one, (kind, data) in zip(wanted, await _get_all(wanted, pictures=True), strict=True):
        if not data:
            continue
        if one.in_list:
            listed.append((one.name, data))
        else:
            files[one.name], foreign[one.name] = (kind, data), one.value
    return Fetched(files, found.own, foreign, listed)


async def _get_all(wanted: Sequence[FileReference], *, pictures: bool = False) -> list[tuple[str, bytes]]:
    """Content type and bytes at these URLs, fetched in turn within one shared time limit. Raises NotFetched."""
    name, came, size = "", list[tuple[str, bytes]](), 0
    try:
        async with asyncio.timeout(FETCH_S), user_urls.http_client_for_users(timeout_s=FETCH_S) as client:
            for one in wanted:
                name = one.name
                came.append(await _get(client, one.value, pictures))
                size += len(came[-1][1])
                if size > MAX_TOGETHER:
                    raise _Trouble(f"all files together are larger than {MAX_TOGETHER // 1024**2} MB")
    except _Trouble as error:
        raise _not_fetched(name, str(error)) from None
    except (TimeoutError, http_client.TimeoutException):
        raise _not_fetched(name, f"it did not come within {FETCH_S:.0f} seconds") from None
    except (*http_client.CONNECTION_ERRORS, ValueError):
        raise _not_fetched(name, "its server could not be reached") from None
    return came


class _Trouble(Exception):
    """Why one file could not be fetched."""


async def _get(client: http_client.AsyncClient, url: str, pictures: bool = False) -> tuple[str, bytes]:
    """Content type and bytes. `pictures`: without the bytes of anything that lacks an image signature."""
    request = client.build_request("GET", url, headers={"Accept-Encoding": "identity"})
    for _ in range(MAX_REDIRECTS + 1):
        if not user_urls.looks_reachable(str(request.url)):
            raise _Trouble("its address is not a public one")
        answer = await client.send(request, stream=True)
        try:
            if answer.next_request is None:
                return await _read(answer, pictures)
            # The client's guard checks the address again on each redirect.
            request = answer.next_request
        finally:
            await answer.aclose()
    raise _Trouble("it leads from one address to the next")


async def _read(answer: http_client.Response, pictures: bool) -> tuple[str, bytes]:
    if answer.status_code != 200:
        raise _Trouble(f"its server answered {answer.status_code}")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise _Trouble("its server sent it compressed, which was not asked for")
    kind, length = (
        data_uri.safe_type(answer.headers.get("content-type", "")),
        answer.headers.get("content-length", ""),
    )
    if not pictures and length.isdigit() and int(length) > MAX_PICTURE:
        raise _Trouble(_too_large())
    data = bytearray()
    async for chunk in answer.aiter_raw():
        data += chunk
        if pictures and len(data) >= _BEGINNING and _PICTURE.match(data) is None:
            return kind, b""
        if len(data) > MAX_PICTURE:
            raise _Trouble(_too_large())
    return kind, bytes(data)


def _own_or_why(job: FetchJob) -> Fetched | Exception:
    try:
        return retry.run(partial(_own_files, job))
    except NotFetched as error:
        return tracebacks.drop(error)
    except Exception as error:  # one that breaks its reader must not hold up the others
        return error


def _own_files(job: FetchJob) -> Fetched:
    """The files of this server; an output that is removed, or hidden from others, counts as missing."""
    files: Files = {}
    own: dict[str, str | None] = {}
    account_id = job.prediction.account_id
    for one in job.files.addresses:
        if one.upload is not None:
            files[one.name], own[one.name] = _upload(account_id, one.name, one.upload)
        elif one.output is not None:
            files[one.name], own[one.name] = _output(account_id, one.name, *one.output)
    return Fetched(files, own)


def _output(account_id: int, name: str, token: str, file_name: str) -> tuple[tuple[str, bytes], str | None]:
    """An output of this server and its public URL; a hidden one is available to its own account alone."""
    rows = Output.objects.select_related("file", "prediction").filter(token=token, name=file_name)
    output = rows.first()
    if output is None or (output.withheld and output.prediction.account_id != account_id):
        raise _not_fetched(name, "this server has no such file")
    if output.file.size > MAX_PICTURE:
        raise _not_fetched(name, _too_large())
    content = (output.file.content_type, _content(name, output.file))
    return content, None if output.withheld else _reachable(media.output_path(token, file_name))


def _reachable(path: str) -> str | None:
    """The absolute URL of a path for external services; None where they cannot reach this server."""
    public = str(settings.PUBLIC_URL)
    return f"{public}{path}" if public and user_urls.looks_reachable(public) else None


def _upload(account_id: int, name: str, public_id: str) -> tuple[tuple[str, bytes], str | None]:
    """An upload of the prediction's account, including one deleted since: it is kept while the prediction needs it."""
    rows = Upload.objects.select_related("file", "account").filter(account_id=account_id, public_id=public_id)
    upload = rows.first()
    if upload is None:
        raise _not_fetched(name, "this server has no such file")
    if upload.file.size > MAX_PICTURE:
        raise _not_fetched(name, _too_large())
    is_there = upload.deleted_at is None and upload.expires_at > timezone.now() + ADDRESS_LIFE
    path = uploads.signed_path(upload, timezone.now() + ADDRESS_LIFE)
    content = _content(name, upload.file)
    return (upload.content_type, content), _reachable(path) if is_there else None


def _content(name: str, file: StoredFile) -> bytes:
    """The bytes of a stored file. Raises NotFetched, or ProviderError while the storage is unavailable."""
    try:
        with media.open_file(file) as opened:
            return opened.read()
    except media.FileMissing:
        raise _not_fetched(name, "this server no longer has that file") from None
    except media.StorageUnavailable:
        # Nothing was sent: the prediction waits as for a busy provider.
        raise ProviderError(
            "The files of this server cannot be reached just now.",
            permanent=False,
            retry_after=STORAGE_PAUSE_S,
        ) from None


def _too_large() -> str:
    return f"it is larger than {MAX_PICTURE // 1024**2} MB"


def _not_fetched(name: str, reason: str) -> NotFetched:
    return NotFetched(f"Input {name} could not be fetched: {reason}.")
