"""Brings the files that an input names by address, before the work is handed over.

In a worker, after acceptance, through the guarded client: a stranger's server may be slow, endless or a trap. An output
of this server is read from its storage. What was brought goes on to the engine as a data URI, so that it never calls an
address that a user wrote.

An upstream fetches what strangers' public addresses name by itself. It gets files of this server, and those that came
as data URIs, as bytes, with the address at which it may fetch them here where others can reach this server. Where
pictures are blocked, pictures at strangers' addresses are fetched here first, and what was looked at is what it gets.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.utils import timezone

from accounts.models import Account
from core import data_uri
from core.db import retry
from core.net import http_client, tracebacks
from predictions.dispatch import provider_lookup
from predictions.files import media, uploads
from predictions.inputs import user_urls
from predictions.models import Output, Prediction, StoredFile, Upload, Version
from predictions.providers.base import InputFile, ProviderError
from predictions.submit.validation import Fault

MAX_PICTURE = 25 * 1024 * 1024
"""Bytes of one file."""
FETCH_S = 10.0
"""Seconds for all files of one prediction, redirects included."""
MAX_REDIRECTS = 3
MAX_LOOKED_AT = 16
"""Files at strangers' addresses that are looked at for one prediction before an upstream gets them."""
MAX_TOGETHER = 4 * MAX_PICTURE
"""Bytes of all of them."""
ADDRESS_LIFE = timedelta(hours=1)
"""How long an upload's signed address is good for, counted from the start."""
STORAGE_PAUSE_S = 5.0
"""Seconds after which a prediction is looked at again whose own files could not be read: the storage was away."""
_SCHEMES = ("http://", "https://")
_PICTURE = re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|....ftypavi[fs]|....ftypmif1", re.DOTALL)
"""How the pictures begin that can be looked at here; anything else is left where it is, for the upstream to fetch."""
_BEGINNING = 12
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
    strange: dict[str, str] = field(default_factory=dict)
    """Pictures of strangers that an upstream gets as they were looked at, by the input's field: whence they came."""
    beside: list[tuple[str, bytes]] = field(default_factory=list)
    """Those of lists: looked at too, but the upstream fetches them once more."""

    def apart(self, version: Version, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, InputFile]]:
        """For an upstream: the input without the files that are ours or came as data URIs, and these files."""
        files = {
            name: InputFile(_file_name(name, *self.files[name]), *self.files[name], address=address)
            for name, address in self.own.items()
        }
        for name, source in self.strange.items():
            kind, data = self.files[name]
            files[name] = InputFile(_file_name(name, kind, data), kind, data, source=source)
        files |= {name: file for name, file in _inline(version, given).items() if name not in files}
        return {name: value for name, value in given.items() if name not in files}, files

    def refused(self) -> str:
        """Why one of them may not be used: a sentence that names its field; empty where all may."""
        from predictions.image_safety import upload_checks

        for name, data in [*((name, data) for name, (_kind, data) in self.files.items()), *self.beside]:
            try:
                if upload_checks.is_refused(data):
                    return f"Input {name}: {upload_checks.REFUSED}"
            except uploads.NotTaken:
                # Nobody could look at it: this one ends, and none of those that start with it.
                return f"Input {name} could not be checked just now. Try again."
        return ""

    def into(self, given: dict[str, Any]) -> dict[str, Any]:
        """The input with each address replaced by what was found there, as a data URI."""
        uris = {name: data_uri.build(kind, data) for name, (kind, data) in self.files.items()}
        return {**given, **uris}


def files_of(version: Version, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What an input says of files, by field: a data URI or an address, or each one of a list of them."""
    for name, value in given.items():
        rule = version.properties.get(name, {})
        items = rule.get("items")
        if isinstance(value, str) and rule.get("format") == "uri":
            yield name, value
        elif isinstance(value, list) and isinstance(items, dict) and items.get("format") == "uri":
            yield from ((name, one) for one in value if isinstance(one, str))


def named(version: Version, given: dict[str, Any]) -> dict[str, str]:
    """The addresses that an input names, by field; data URIs need no fetching."""
    return {
        name: value
        for name, value in given.items()
        if isinstance(value, str)
        and version.properties.get(name, {}).get("format") == "uri"
        and value[:8].lower().startswith(_SCHEMES)
    }


def uploads_named(version: Version, given: Mapping[str, Any], origin: str) -> set[str]:
    """The public ids of uploads of this server that an input names, also within lists."""
    found = (
        uploads.named_by(url, (origin, str(settings.PUBLIC_URL))) for _name, url in files_of(version, given)
    )
    return {public_id for public_id in found if public_id is not None}


def named_here(prediction: Prediction) -> bool:
    """Whether its input names files of this server, whose bytes must be read before it goes to an upstream."""
    return any(
        uploads.named_by(url, (prediction.origin, str(settings.PUBLIC_URL))) is not None
        or output_named(url, prediction.origin) is not None
        for url in named(prediction.version, prediction.input).values()
    )


def of_strangers(prediction: Prediction) -> list[tuple[str, str]]:
    """The addresses of an input that are not this server's, by field; those of lists too."""
    return [
        (name, url)
        for name, url in files_of(prediction.version, prediction.input)
        if url[:8].lower().startswith(_SCHEMES)
        and uploads.named_by(url, (prediction.origin, str(settings.PUBLIC_URL))) is None
        and output_named(url, prediction.origin) is None
    ]


def looked_at_first(prediction: Prediction) -> bool:
    """Whether an upstream gets nothing of strangers before it was looked at here: where some pictures are blocked."""
    from predictions.image_safety import blocklist

    return bool(of_strangers(prediction)) and bool(len(blocklist.current()))


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
    for name, url in files_of(version, given):
        # Of a list too: what names no file of the account is nobody's to fetch.
        if name not in found and uploads.named_by(url, (origin, str(settings.PUBLIC_URL))) is not None:
            text = _objection(url, origin, account)
            found |= {name: text} if text else {}
    return [Fault("format", f"input.{name}", text) for name, text in found.items() if text]


def _objection(url: str, origin: str, account: Account) -> str:
    upload = uploads.named_by(url, (origin, str(settings.PUBLIC_URL)))
    if upload is not None:
        own = uploads.usable(account, upload)
        return "" if own else "Does not match format 'uri': this account has no such file"
    if output_named(url, origin) is None and not user_urls.looks_reachable(url):
        return "Does not match format 'uri': an http(s) address on the public network"
    return ""


def bring(predictions: list[Prediction]) -> list[Fetched | NotFetched | BaseException]:
    """What each prediction's input names, side by side, in the same order."""
    # The database is asked before anything is awaited.
    looked_at = [retry.run(partial(_looked_at, one)) for one in predictions]
    return asyncio.run(_bring_all(predictions, [_own_or_why(one) for one in predictions], looked_at))


def _looked_at(prediction: Prediction) -> bool | None:
    """Whether pictures are looked at before their provider fetches them; None where it does not fetch by itself."""
    return looked_at_first(prediction) if provider_lookup.fetches_inputs(prediction.provider) else None


async def _bring_all(
    predictions: list[Prediction], found: list[Fetched | Exception], looked_at: list[bool | None]
) -> list[Fetched | NotFetched | BaseException]:
    each = zip(predictions, found, looked_at, strict=True)
    return await asyncio.gather(*(_fetch_or_why(*one) for one in each))


async def _fetch_or_why(
    prediction: Prediction, found: Fetched | Exception, looked_at: bool | None
) -> Fetched | BaseException:
    try:
        return found if isinstance(found, Exception) else await _fetch(prediction, found, looked_at)
    except NotFetched as error:
        # Without what its frames hold: all files of the input as far as they came.
        return tracebacks.drop(error)
    except Exception as error:  # one that breaks its reader must not hold up the others
        return error


async def _fetch(prediction: Prediction, found: Fetched, looked_at: bool | None) -> Fetched:
    if looked_at is not None:
        return await _fetch_to_look(prediction, found) if looked_at else found
    own, files = found.files, dict(found.files)
    wanted = [one for one in named(prediction.version, prediction.input).items() if one[0] not in own]
    files.update(zip((name for name, _url in wanted), await _get_all(wanted), strict=True))
    return Fetched(files)


async def _fetch_to_look(prediction: Prediction, found: Fetched) -> Fetched:
    """With the pictures that strangers' addresses name; whatever else these name is left to the upstream."""
    wanted = of_strangers(prediction)
    if len(wanted) > MAX_LOOKED_AT:
        raise _not_fetched(wanted[MAX_LOOKED_AT][0], f"these are more than {MAX_LOOKED_AT} addresses")
    files, strange, beside = dict(found.files), dict[str, str](), list[tuple[str, bytes]]()
    for (name, url), (kind, data) in zip(wanted, await _get_all(wanted, pictures=True), strict=True):
        if not data:
            continue
        if isinstance(prediction.input.get(name), str):
            files[name], strange[name] = (kind, data), url
        else:
            beside.append((name, data))
    return Fetched(files, found.own, strange, beside)


async def _get_all(wanted: list[tuple[str, str]], *, pictures: bool = False) -> list[tuple[str, bytes]]:
    """What these addresses give, one after the other in one span of time. Raises NotFetched."""
    name, came, size = "", list[tuple[str, bytes]](), 0
    try:
        async with asyncio.timeout(FETCH_S), user_urls.http_client_for_users(timeout_s=FETCH_S) as client:
            for name, url in wanted:  # noqa: B007 (it is named where it fails)
                came.append(await _get(client, url, pictures))
                size += len(came[-1][1])
                if size > MAX_TOGETHER:
                    raise _Trouble(f"all files together are larger than {MAX_TOGETHER // 1024**2} MB")
    except _Trouble as error:
        raise _not_fetched(name, str(error)) from None
    except (TimeoutError, http_client.TimeoutException):
        raise _not_fetched(name, f"it did not come within {FETCH_S:.0f} seconds") from None
    except (*http_client.TROUBLES, ValueError):
        raise _not_fetched(name, "its server could not be reached") from None
    return came


class _Trouble(Exception):
    """Why one file could not be had."""


async def _get(client: http_client.AsyncClient, url: str, pictures: bool = False) -> tuple[str, bytes]:
    """Type and bytes. `pictures`: no bytes of anything that does not begin as a picture does."""
    request = client.build_request("GET", url, headers={"Accept-Encoding": "identity"})
    for _ in range(MAX_REDIRECTS + 1):
        if not user_urls.looks_reachable(str(request.url)):
            raise _Trouble("its address is not a public one")
        answer = await client.send(request, stream=True)
        try:
            if answer.next_request is None:
                return await _read(answer, pictures)
            # Each hop is checked again when it is connected to, by the client's guard.
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


def _own_or_why(prediction: Prediction) -> Fetched | Exception:
    try:
        return retry.run(partial(_own_files, prediction))
    except NotFetched as error:
        return tracebacks.drop(error)
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
        files[name] = (output.file.content_type, _content(name, output.file))
        own[name] = None if output.withheld else _reachable(media.output_path(token, file_name))
    return Fetched(files, own)


def _reachable(path: str) -> str | None:
    """The address of a path of ours for services elsewhere; None where they cannot reach this server."""
    public = str(settings.PUBLIC_URL)
    return f"{public}{path}" if public and user_urls.looks_reachable(public) else None


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
    content = _content(name, upload.file)
    return (upload.content_type, content), _reachable(path) if is_there else None


def _content(name: str, file: StoredFile) -> bytes:
    """The bytes of one of our own files. Raises NotFetched, or ProviderError while the storage is away."""
    try:
        with media.opened(file) as opened:
            return opened.read()
    except media.FileGone:
        raise _not_fetched(name, "this server no longer has that file") from None
    except media.StorageAway:
        # Nothing was sent: it waits, as for a provider that is busy.
        raise ProviderError(
            "The files of this server cannot be reached just now.",
            permanent=False,
            retry_after=STORAGE_PAUSE_S,
        ) from None


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
