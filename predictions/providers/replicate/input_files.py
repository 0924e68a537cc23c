"""Input files for Replicate-compatible services: as URLs, uploads or data URIs, whichever the service takes."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import data_uri
from predictions.providers.base import InputFile, Order, ProviderError
from predictions.providers.http import error_classifier, output_references
from predictions.providers.http.api_client import Api
from predictions.providers.http.response_reader import ApiResponse
from predictions.providers.upstream import UpstreamConfig

MAX_INLINE = 256_000
"""Maximum bytes of a file sent as a data URI where there is a choice, as Replicate advises."""
_PATIENCE_S = 3.0
_NO_FILES_API = (404, 405, 410, 501)
_KEPT_ORDERS = 1000
_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]{1,100}")


@dataclass(frozen=True)
class Uploaded:
    """One file uploaded to the service."""

    address: str
    id: str
    """Empty where the service returned none."""


class NoFilesApi(Exception):
    """The service takes no uploads."""


class InputFiles:
    """Converts files to a form that the service reads. A process uploads each file of an order only once."""

    def __init__(self, config: UpstreamConfig, api: Api) -> None:
        self._config = config
        self._api = api

    async def into(self, order: Order) -> tuple[dict[str, Any], list[str]]:
        """The order's complete input and the ids of its uploads. Raises ProviderError, always `refused`."""
        given, ids = dict(order.input), []
        for field, file in order.files.items():
            value = await self._one(order.key, field, file)
            if isinstance(value, Uploaded):
                ids += [value.id] if value.id else []
                value = value.address
            given[field] = value
        return given, ids

    async def delete(self, ids: list[str]) -> None:
        """Delete uploads; those that are gone are no error. Raises ProviderError."""
        for name in ids:
            if _ID.fullmatch(name):
                await self._api.request_api("DELETE", f"/files/{name}", lambda _: None, patience=_PATIENCE_S)

    async def _one(self, key: str, field: str, file: InputFile) -> str | Uploaded:
        mode = self._config.files
        if mode == "data" or (mode == "auto" and len(file.data) <= MAX_INLINE):
            return data_uri.build(file.content_type, file.data)
        if file.address is not None and mode in ("url", "auto"):
            return file.address
        if mode == "url" and file.source is not None:
            # Checked a moment ago; there is nothing better for a service that takes no uploads.
            return file.source
        if mode == "url":
            raise _refused(f"Input {field} has no address that the service could read it from.")
        try:
            return await self._upload(key, field, file)
        except NoFilesApi:
            if mode == "upload":
                raise _refused("The service has no files API.") from None
            return data_uri.build(file.content_type, file.data)

    async def _upload(self, key: str, field: str, file: InputFile) -> Uploaded:
        known = _uploads.get((self._config.name, key, field))
        if known is not None:
            return known
        part = (_file_name(file.name), file.data, file.content_type or data_uri.UNKNOWN_TYPE)
        try:
            done = await self._api.request_api(
                "POST", "/files", self._uploaded, patience=_PATIENCE_S, files={"content": part}, starts=True
            )
        except ProviderError as error:
            # Whatever happened to the upload, no work was started.
            error.refused = True
            raise
        _uploads.put((self._config.name, key, field), done)
        return done

    def _uploaded(self, answer: ApiResponse) -> Uploaded:
        if answer.status in _NO_FILES_API:
            raise NoFilesApi
        if not answer.is_success:
            verdict = error_classifier.classify(
                answer.status, answer.headers, answer.body, self._config.secret
            )
            raise ProviderError(
                f"The upload of an input failed. {verdict.summary}",
                permanent=verdict.kind in ("permanent", "bad_input", "safety"),
                refused=True,
                retry_after=verdict.retry_after,
                kind=verdict.kind,
                words=verdict.words,
                answer=verdict.answer,
            )
        found = _address(answer.data)
        if found is None:
            raise _refused(
                "The service's files API names no address.",
                error_classifier.for_operators(answer.body, self._config.secret),
            )
        return found


class _Uploads:
    """Recent uploads of this process, by provider name, order and field."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, str], Uploaded] = OrderedDict()

    def get(self, name: tuple[str, str, str]) -> Uploaded | None:
        with self._lock:
            return self._known.get(name)

    def put(self, name: tuple[str, str, str], uploaded: Uploaded) -> None:
        with self._lock:
            self._known[name] = uploaded
            while len(self._known) > _KEPT_ORDERS:
                self._known.popitem(last=False)


_uploads = _Uploads()


def _address(data: Any) -> Uploaded | None:
    """`urls.get` of a file object, or the `url` that other services give."""
    if not isinstance(data, Mapping):
        return None
    urls, name = data.get("urls"), data.get("id")
    address = urls.get("get") if isinstance(urls, Mapping) else data.get("url")
    if not output_references.is_address(address) or output_references.is_data(str(address)):
        return None
    return Uploaded(str(address), name if isinstance(name, str) and _ID.fullmatch(name) else "")


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[-80:] or "file"


def _refused(message: str, answer: str = "") -> ProviderError:
    return ProviderError(message, permanent=True, refused=True, kind="permanent", answer=answer)
