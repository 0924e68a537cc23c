"""Fetches the files of a result, stores them, makes their thumbnails. Bounded; no transaction around it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from jsonschema import Draft202012Validator

from predictions import lifecycle
from predictions.files import media, pictures
from predictions.lifecycle.ending import PreparedOutput
from predictions.models import Prediction, StoredFile
from predictions.providers.base import Job, OutputRef, Provider, ProviderError

MAX_OUTPUT = 160 * 1024 * 1024
MAX_FILES = 64
FETCH_S = 30.0
_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
    "video/mp4": "mp4",
}
_NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")


class Gone(Exception):
    """The provider has the files no more."""


class Unusable(Exception):
    """The provider gave something that is not what the model promises; the text says what."""


def prepare(prediction: Prediction, claim: str, provider: Provider | None) -> list[PreparedOutput]:
    """Every file of the stored result, in the storage under pending rows, ready for `lifecycle.succeed`.

    Raises Gone, Unusable, or ProviderError where it may work later.
    """
    result = prediction.result or {}
    refs = [OutputRef(**ref) for ref in result.get("files") or []]
    if not refs:
        if prediction.version.gives_files:
            raise Unusable("it holds no file")
        _check_value(prediction, result.get("value"))
        return []
    if provider is None:
        raise Gone
    if len(refs) > MAX_FILES:
        raise Unusable(f"it holds more than {MAX_FILES} files")
    job = Job(id=prediction.job_id, instance=prediction.job_instance)
    prepared = []
    for index, ref in enumerate(refs):
        if not lifecycle.renew(prediction, claim):
            raise ProviderError("The claim was taken over.", permanent=False)
        prepared.append(_prepare_one(provider, job, ref, index))
    return prepared


def _check_value(prediction: Prediction, value: object) -> None:
    """An output without files is what the model's schema promises, such as a text. Raises Unusable."""
    if not Draft202012Validator(prediction.version.output_schema).is_valid(value):
        raise Unusable("it does not fit the model's output schema")


def _prepare_one(provider: Provider, job: Job, ref: OutputRef, index: int) -> PreparedOutput:
    with _folder() as folder, media.Writing(MAX_OUTPUT) as writing:
        try:
            asyncio.run(asyncio.wait_for(_fetch(provider, job, ref, writing), FETCH_S))
        except TimeoutError:
            raise ProviderError("Fetching an output took too long.", permanent=False) from None
        except ProviderError as error:
            if error.permanent:
                raise Gone from error
            raise
        except ValueError as error:
            raise Unusable(str(error)) from None
        sha256 = writing.finished()
        try:
            look = pictures.look(writing.path, folder)
        except pictures.NotAPicture as error:
            raise Unusable(f"{_safe(ref.name, index, 'bin')} is not a readable picture ({error})") from None
        extension = _EXTENSIONS.get(look.content_type, "bin")
        file = media.store(
            media.reserve(extension),
            writing.path,
            sha256=sha256,
            content_type=look.content_type,
            width=look.width,
            height=look.height,
        )
        return PreparedOutput(
            index=index,
            name=_safe(ref.name, index, extension),
            token=media.new_token(),
            file=file,
            small=_thumbnail(look.small),
            medium=_thumbnail(look.medium),
            colour=look.colour,
            blur=look.blur,
        )


async def _fetch(provider: Provider, job: Job, ref: OutputRef, writing: media.Writing) -> None:
    async for chunk in provider.fetch(job, ref):
        writing.write(chunk)


def _thumbnail(path: Path | None) -> StoredFile | None:
    if path is None:
        return None
    import hashlib

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return media.store(media.reserve("webp"), path, sha256=digest, content_type="image/webp")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=settings.TEMPORARY, prefix="look-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _safe(name: str, index: int, extension: str) -> str:
    """The published file name, with the extension of what the file really is."""
    stem = name.rsplit(".", 1)[0] if _NAME.fullmatch(name) else f"out-{index}"
    return f"{stem}.{extension}"
