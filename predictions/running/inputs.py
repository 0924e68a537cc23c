"""Brings the files that an input names by address, before the work is handed over.

In a worker, after acceptance, through the guarded client: a stranger's server may be slow, endless or a trap. An output
of this server is read from its storage. What was brought goes on to the engine as a data URI, so that it never calls an
address that a user wrote.

An upstream fetches what strangers' public addresses name by itself. It gets files of this server, and those that came
as data URIs, as bytes, with the address at which it may fetch them here where others can reach this server.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import httpx
from django.conf import settings
from django.utils import timezone

from accounts.models import Account
from predictions.delivery import addresses, outbound
from predictions.engine import data_uri
from predictions.files import media, uploads
from predictions.lifecycle import strays
from predictions.models import Output, Prediction, Upload, Version
from predictions.providers.base import InputFile
from predictions.validation import Fault

MAX_PICTURE = 25 * 1024 * 1024
"""Bytes of one file."""
FETCH_S = 10.0
"""Seconds for all files of one prediction, redirects included."""
MAX_REDIRECTS = 3
ADDRESS_LIFE = timedelta(hours=1)
"""How long an upload's signed address is good for, counted from the start."""
_SCHEMES = ("http://", "https://")
_OUTPUT = re.compile(r"/f/([A-Za-z0-9_-]{1,40})/([^/?#]{1,300})")

Files = dict[str, tuple[str, bytes]]
"""Content type and bytes of each file, by the input's field."""


class NotFetched(Exception):
    """A file could not be had; the text is a sentence for people that names the field."""


@dataclass(frozen=True)
class Fetched:
    """Everything that one prediction's input names."""

    files: Files
    own: dict[str, str | None] = field(default_factory=dict)
    """Files of this server, by the input's field: where strangers may fetch them, or None."""

    def apart(self, version: Version, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, InputFile]]:
        """For an upstream: the input without the files that are ours or came as data URIs, and these files."""
        files = {
            name: InputFile(_file_name(name, *self.files[name]), *self.files[name], address=address)
            for name, address in self.own.items()
        }
        files |= {name: file for name, file in _inline(version, given).items() if name not in files}
        return {name: value for name, value in given.items() if name not in files}, files

    def into(self, given: dict[str, Any]) -> dict[str, Any]:
        """The input with each address replaced by what was found there, as a data URI."""
        uris = {name: data_uri.build(kind, data) for name, (kind, data) in self.files.items()}
        return {**given, **uris}


def named(version: Version, given: dict[str, Any]) -> dict[str, str]:
    """The addresses that an input names, by field; data URIs need no fetching."""
    return {
        name: value
        for name, value in given.items()
        if isinstance(value, str)
        and version.properties.get(name, {}).get("format") == "uri"
        and value[:8].lower().startswith(_SCHEMES)
    }


def named_here(prediction: Prediction) -> bool:
    """Whether its input names files of this server, whose bytes must be read before it goes to an upstream."""
    return any(
        uploads.named_by(url, (prediction.origin, str(settings.PUBLIC_URL))) is not None
        or output_named(url, prediction.origin) is not None
        for url in named(prediction.version, prediction.input).values()
    )


def _inline(version: Version, given: dict[str, Any]) -> dict[str, InputFile]:
    """Files that stand in the input itself, as data URIs; what cannot be read is left there for others to judge."""
    files: dict[str, InputFile] = {}
    for name, value in given.items():
        is_file = version.properties.get(name, {}).get("format") == "uri"
        if not is_file or not isinstance(value, str) or value[:5].lower() != "data:":
            continue
        try:
            kind, data = data_uri.parse(value)
        except data_uri.NotADataUri:
            continue
        files[name] = InputFile(_file_name(name, kind, data), kind, data)
    return files


def _file_name(field_name: str, kind: str, data: bytes) -> str:
    return f"{field_name}{mimetypes.guess_extension(kind) or '.bin'}"


class Unreadable(Exception):
    """A data URI holds nothing that can be read; the text says why, as the end of a sentence."""


def of_data_uri(text: str) -> bytes:
    """The bytes in a data URI. Raises Unreadable."""
    try:
        return data_uri.parse(text)[1]
    except data_uri.NotADataUri as fault:
        raise Unreadable(str(fault)) from None


def objections(version: Version, given: dict[str, Any], origin: str, account: Account) -> list[Fault]:
    """Addresses that plainly lead inside, and files of others: refused before anything is held.

    Names are looked up by the worker only.
    """
    found = {name: _objection(url, origin, account) for name, url in named(version, given).items()}
    return [Fault("format", f"input.{name}", text) for name, text in found.items() if text]


def _objection(url: str, origin: str, account: Account) -> str:
    upload = uploads.named_by(url, (origin, str(settings.PUBLIC_URL)))
    if upload is not None:
        own = uploads.usable(account, upload)
        return "" if own else "Does not match format 'uri': this account has no such file"
    if output_named(url, origin) is None and not addresses.looks_reachable(url):
        return "Does not match format 'uri': an http(s) address on the public network"
    return ""


def bring(predictions: list[Prediction]) -> list[Fetched | NotFetched | BaseException]:
    """What each prediction's input names, side by side, in the same order."""
    return asyncio.run(_bring_all(predictions, [_own_or_why(one) for one in predictions]))


async def _bring_all(
    predictions: list[Prediction], found: list[Fetched | Exception]
) -> list[Fetched | NotFetched | BaseException]:
    pairs = zip(predictions, found, strict=True)
    return await asyncio.gather(*(_fetch(one, own) for one, own in pairs), return_exceptions=True)


async def _fetch(prediction: Prediction, found: Fetched | Exception) -> Fetched:
    if isinstance(found, Exception):
        raise found
    if strays.is_upstream(prediction.provider):
        return found
    own, files, name = found.files, dict(found.files), ""
    try:
        async with asyncio.timeout(FETCH_S), outbound.client(timeout_s=FETCH_S) as client:
            for name, url in named(prediction.version, prediction.input).items():
                if name not in own:
                    files[name] = await _get(client, url)
    except _Trouble as error:
        raise _not_fetched(name, str(error)) from None
    except (TimeoutError, httpx.TimeoutException):
        raise _not_fetched(name, f"it did not come within {FETCH_S:.0f} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError, ValueError, OSError):
        raise _not_fetched(name, "its server could not be reached") from None
    return Fetched(files)


class _Trouble(Exception):
    """Why one file could not be had."""


async def _get(client: httpx.AsyncClient, url: str) -> tuple[str, bytes]:
    request = client.build_request("GET", url, headers={"Accept-Encoding": "identity"})
    for _ in range(MAX_REDIRECTS + 1):
        if not addresses.looks_reachable(str(request.url)):
            raise _Trouble("its address is not a public one")
        answer = await client.send(request, stream=True)
        try:
            if answer.next_request is None:
                return await _read(answer)
            # Each hop is checked again when it is connected to, by the client's guard.
            request = answer.next_request
        finally:
            await answer.aclose()
    raise _Trouble("it leads from one address to the next")


async def _read(answer: httpx.Response) -> tuple[str, bytes]:
    if answer.status_code != 200:
        raise _Trouble(f"its server answered {answer.status_code}")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise _Trouble("its server sent it compressed, which was not asked for")
    length = answer.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_PICTURE:
        raise _Trouble(_too_large())
    chunks, size = [], 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if size > MAX_PICTURE:
            raise _Trouble(_too_large())
        chunks.append(chunk)
    return data_uri.safe_type(answer.headers.get("content-type", "")), b"".join(chunks)


def _own_or_why(prediction: Prediction) -> Fetched | Exception:
    try:
        return _own_files(prediction)
    except Exception as error:  # one that breaks its reader must not hold up the others
        return error


def _own_files(prediction: Prediction) -> Fetched:
    """Those files that are ours; an output that is gone, or withheld from others, is not there."""
    files: Files = {}
    own: dict[str, str | None] = {}
    for name, url in named(prediction.version, prediction.input).items():
        upload = uploads.named_by(url, (prediction.origin, str(settings.PUBLIC_URL)))
        if upload is not None:
            files[name], own[name] = _upload(prediction, name, upload)
            continue
        path = output_named(url, prediction.origin)
        if path is None:
            continue
        token, file_name = path
        output = (
            Output.objects.select_related("file", "prediction").filter(token=token, name=file_name).first()
        )
        if output is None or (output.withheld and output.prediction.account_id != prediction.account_id):
            raise _not_fetched(name, "this server has no such file")
        if output.file.size > MAX_PICTURE:
            raise _not_fetched(name, _too_large())
        with media.storage().open(output.file.key, "rb") as file:
            files[name] = (output.file.content_type, file.read())
        own[name] = None if output.withheld else _reachable(media.output_path(token, file_name))
    return Fetched(files, own)


def _reachable(path: str) -> str | None:
    """The address of a path of ours for services elsewhere; None where they cannot reach this server."""
    public = str(settings.PUBLIC_URL)
    return f"{public}{path}" if public and addresses.looks_reachable(public) else None


def _upload(prediction: Prediction, name: str, public_id: str) -> tuple[tuple[str, bytes], str | None]:
    """An upload of the prediction's account: also one deleted since, which is kept while the prediction needs it."""
    rows = Upload.objects.select_related("file", "account").filter(
        account_id=prediction.account_id, public_id=public_id
    )
    upload = rows.first()
    if upload is None:
        raise _not_fetched(name, "this server has no such file")
    if upload.file.size > MAX_PICTURE:
        raise _not_fetched(name, _too_large())
    is_there = upload.deleted_at is None and upload.expires_at > timezone.now() + ADDRESS_LIFE
    path = uploads.signed_path(upload, timezone.now() + ADDRESS_LIFE)
    with media.storage().open(upload.file.key, "rb") as file:
        return (upload.content_type, file.read()), _reachable(path) if is_there else None


def output_named(url: str, origin: str) -> tuple[str, str] | None:
    """Token and name of the output that this address of ours names; None for any other address."""
    for own in {origin, str(settings.PUBLIC_URL)} - {""}:
        match = _OUTPUT.fullmatch(url.removeprefix(own)) if url.startswith(own) else None
        name = unquote(match.group(2)) if match else ""
        if match and "\x00" not in name:
            return match.group(1), name
    return None


def _too_large() -> str:
    return f"it is larger than {MAX_PICTURE // 1024**2} MB"


def _not_fetched(name: str, reason: str) -> NotFetched:
    return NotFetched(f"Input {name} could not be fetched: {reason}.")
