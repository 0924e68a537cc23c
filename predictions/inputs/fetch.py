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

MAX_FILE = 25 * 1024 * 1024
"""The most bytes of one file."""
FETCH_S = 10.0
"""Seconds for all files of one prediction, redirects included."""
MAX_REDIRECTS = 3
MAX_CHECKED = 16
"""The most files at external URLs that are checked for one prediction before an upstream gets them."""
MAX_TOTAL = 4 * MAX_FILE
"""The most bytes of these together."""
URL_LIFE = timedelta(hours=1)
"""How long an upload's signed URL is valid, counted from the start."""
STORAGE_PAUSE_S = 5.0
"""Seconds before a retry where files of this server could not be read because the storage was unavailable."""
_IMAGE_SIGNATURES = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|....ftypavi[fs]|....ftypmif1", re.DOTALL
)
"""Signatures of the image formats that can be checked here; anything else is left for the upstream to fetch."""
_SIGNATURE_BYTES = 12

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
    ours: dict[str, str | None] = field(default_factory=dict)
    """Files of this server, by input field: the URL at which others may fetch them, or None."""
    foreign: dict[str, str] = field(default_factory=dict)
    """URLs of external images that an upstream gets as the bytes that were checked, by input field."""
    listed: list[tuple[str, bytes]] = field(default_factory=list)
    """Images within lists, with their field: checked too, but the upstream fetches them again."""

    def apart(self, input_files: InputFiles) -> tuple[dict[str, Any], dict[str, InputFile]]:
        """For an upstream: the input without files of this server and data URIs, and these files."""
        files = {
            name: InputFile(_file_name(name, *self.files[name]), *self.files[name], address=address)
            for name, address in self.ours.items()
        }
        for name, source in self.foreign.items():
            kind, data = self.files[name]
            files[name] = InputFile(_file_name(name, kind, data), kind, data, source=source)
        files |= {name: file for name, file in _inline(input_files).items() if name not in files}
        return {name: value for name, value in input_files.inputs.items() if name not in files}, files

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

    def into(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The input with each URL replaced by its content as a data URI."""
        uris = {name: data_uri.build(kind, data) for name, (kind, data) in self.files.items()}
        return {**inputs, **uris}


def _inline(input_files: InputFiles) -> dict[str, InputFile]:
    """Files sent in the input as data URIs; undecodable ones are left in place for the provider to refuse."""
    files: dict[str, InputFile] = {}
    for name, reference in input_files.by_name().items():
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


def fetch_all(jobs: Sequence[FetchJob]) -> list[Fetched | NotFetched | BaseException]:
    """Fetch the input files of several predictions concurrently; results in the same order."""
    # Database queries come before the event loop starts.
    checked = [retry.run(job.checks_foreign) for job in jobs]
    return asyncio.run(_fetch_all(jobs, [_own_files_or_error(job) for job in jobs], checked))


async def _fetch_all(
    jobs: Sequence[FetchJob], fetched: Sequence[Fetched | Exception], checked: Sequence[bool]
) -> list[Fetched | NotFetched | BaseException]:
    rows = zip(jobs, fetched, checked, strict=True)
    return await asyncio.gather(*(_fetch_or_error(*row) for row in rows))


async def _fetch_or_error(
    job: FetchJob, fetched: Fetched | Exception, checked: bool
) -> Fetched | BaseException:
    try:
        return fetched if isinstance(fetched, Exception) else await _fetch(job, fetched, checked)
    except NotFetched as error:
        # Drop the traceback, whose frames hold all files of the input fetched so far.
        return tracebacks.drop(error)
    except Exception as error:  # an unreadable file must not hold up the others
        return error


async def _fetch(job: FetchJob, fetched: Fetched, checked: bool) -> Fetched:
    if job.provider_fetches:
        return await _fetch_to_check(job.files, fetched) if checked else fetched
    files = dict(fetched.files)
    references = [reference for reference in job.files.addresses if reference.name not in fetched.ours]
    files.update(zip((reference.name for reference in references), await _get_all(references), strict=True))
    return Fetched(files)


async def _fetch_to_check(input_files: InputFiles, fetched: Fetched) -> Fetched:
    """Adds the images at external URLs; other content is left to the upstream."""
    references = input_files.foreign
    if len(references) > MAX_CHECKED:
        raise _not_fetched(references[MAX_CHECKED].name, f"these are more than {MAX_CHECKED} addresses")
    files, foreign, listed = dict(fetched.files), dict[str, str](), list[tuple[str, bytes]]()
    for reference, (kind, data) in zip(references, await _get_all(references, images_only=True), strict=True):
        if not data:
            continue
        if reference.in_list:
            listed.append((reference.name, data))
        else:
            files[reference.name], foreign[reference.name] = (kind, data), reference.value
    return Fetched(files, fetched.ours, foreign, listed)


async def _get_all(
    references: Sequence[FileReference], *, images_only: bool = False
) -> list[tuple[str, bytes]]:
    """Content type and bytes at these URLs, fetched in turn within one shared time limit. Raises NotFetched."""
    name, results, size = "", list[tuple[str, bytes]](), 0
    try:
        async with asyncio.timeout(FETCH_S), user_urls.http_client_for_users(timeout_s=FETCH_S) as client:
            for reference in references:
                name = reference.name
                results.append(await _get(client, reference.value, images_only))
                size += len(results[-1][1])
                if size > MAX_TOTAL:
                    raise _FetchError(f"all files together are larger than {MAX_TOTAL // 1024**2} MB")
    except _FetchError as error:
        raise _not_fetched(name, str(error)) from None
    except (TimeoutError, http_client.TimeoutException):
        raise _not_fetched(name, f"it did not come within {FETCH_S:.0f} seconds") from None
    except (*http_client.CONNECTION_ERRORS, ValueError):
        raise _not_fetched(name, "its server could not be reached") from None
    return results


class _FetchError(Exception):
    """Why one file could not be fetched."""


async def _get(client: http_client.AsyncClient, url: str, images_only: bool = False) -> tuple[str, bytes]:
    """Content type and bytes. `images_only`: without the bytes of anything that lacks an image signature."""
    request = client.build_request("GET", url, headers={"Accept-Encoding": "identity"})
    for _ in range(MAX_REDIRECTS + 1):
        if not user_urls.looks_reachable(str(request.url)):
            raise _FetchError("its address is not a public one")
        response = await client.send(request, stream=True)
        try:
            if response.next_request is None:
                return await _read(response, images_only)
            # The client's guard checks the address again on each redirect.
            request = response.next_request
        finally:
            await response.aclose()
    raise _FetchError("it leads from one address to the next")


async def _read(response: http_client.Response, images_only: bool) -> tuple[str, bytes]:
    if response.status_code != 200:
        raise _FetchError(f"its server answered {response.status_code}")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise _FetchError("its server sent it compressed, which was not asked for")
    kind, length = (
        data_uri.safe_type(response.headers.get("content-type", "")),
        response.headers.get("content-length", ""),
    )
    if not images_only and length.isdigit() and int(length) > MAX_FILE:
        raise _FetchError(_too_large())
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if images_only and len(data) >= _SIGNATURE_BYTES and _IMAGE_SIGNATURES.match(data) is None:
            return kind, b""
        if len(data) > MAX_FILE:
            raise _FetchError(_too_large())
    return kind, bytes(data)


def _own_files_or_error(job: FetchJob) -> Fetched | Exception:
    try:
        return retry.run(partial(_own_files, job))
    except NotFetched as error:
        return tracebacks.drop(error)
    except Exception as error:  # an unreadable file must not hold up the others
        return error


def _own_files(job: FetchJob) -> Fetched:
    """The files of this server; an output that is removed, or hidden from others, counts as missing."""
    files: Files = {}
    ours: dict[str, str | None] = {}
    account_id = job.prediction.account_id
    for reference in job.files.addresses:
        if reference.upload is not None:
            files[reference.name], ours[reference.name] = _upload(
                account_id, reference.name, reference.upload
            )
        elif reference.output is not None:
            files[reference.name], ours[reference.name] = _output(
                account_id, reference.name, *reference.output
            )
    return Fetched(files, ours)


def _output(account_id: int, name: str, token: str, file_name: str) -> tuple[tuple[str, bytes], str | None]:
    """An output of this server and its public URL; a hidden one is available to its own account alone."""
    rows = Output.objects.select_related("file", "prediction").filter(token=token, name=file_name)
    output = rows.first()
    if output is None or (output.withheld and output.prediction.account_id != account_id):
        raise _not_fetched(name, "this server has no such file")
    if output.file.size > MAX_FILE:
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
    if upload.file.size > MAX_FILE:
        raise _not_fetched(name, _too_large())
    is_available = upload.deleted_at is None and upload.expires_at > timezone.now() + URL_LIFE
    path = uploads.signed_path(upload, timezone.now() + URL_LIFE)
    content = _content(name, upload.file)
    return (upload.content_type, content), _reachable(path) if is_available else None


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
    return f"it is larger than {MAX_FILE // 1024**2} MB"


def _not_fetched(name: str, reason: str) -> NotFetched:
    return NotFetched(f"Input {name} could not be fetched: {reason}.")
