"""Zip download of original files, streamed while it is built: neither the zip nor a file is held whole.

Files are stored uncompressed. `prompts.json` describes how each was made; missing files are listed in
`missing.txt`. Where the storage fails the archive breaks off, so that a partial one is not taken for complete.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from zipstream import ZIP_DEFLATED, ZIP_STORED, ZipStream

from accounts.models import Account
from gallery.items import access, details
from gallery.models import Item
from predictions.files import media
from predictions.models import StoredFile

BLOCK = 256 * 1024
"""Bytes sent at once: a zip has many parts of a few bytes."""
_ROWS = 50
_IN_MEMORY = 256 * 1024


def stream(account: Account, pks: Sequence[int]) -> Iterator[bytes]:
    """The bytes of a zip of these items of the account, in blocks. Queries run between batches of items only."""
    block = bytearray()
    for part in _parts(account, pks):
        block += part
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _parts(account: Account, pks: Sequence[int]) -> Iterator[bytes]:
    archive = ZipStream(compress_type=ZIP_STORED)
    names = Names()
    missing: list[str] = []
    settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(settings.TEMPORARY), prefix="zip-") as prompts:
        for number, item in enumerate(_items(account, pks)):
            name = names.of(item, item.output.file)
            prompts.write((",\n" if number else "[\n").encode() + _description(item, name))
            try:
                file = media.open_file(item.output.file)
            except media.FileMissing:
                missing.append(name)
                continue
            with file:  # Also closes it where the client disconnects.
                archive.add(media.chunks(file), name, size=item.output.file.size)
                yield from archive.all_files()
        prompts.write(b"\n]\n" if prompts.tell() else b"[]\n")
        prompts.seek(0)
        archive.add(media.chunks(prompts), "prompts.json", compress_type=ZIP_DEFLATED)
        if missing:
            archive.add(_note(missing), "missing.txt", compress_type=ZIP_DEFLATED)
        yield from archive.finalize()


def _items(account: Account, pks: Sequence[int]) -> Iterator[Item]:
    """The items in this order, in batches; those deleted while the zip is being sent are left out."""
    for start in range(0, len(pks), _ROWS):
        batch = pks[start : start + _ROWS]
        rows = access.with_files(Item.objects.owned_by(account)).filter(pk__in=batch)
        found = {item.pk: item for item in rows.select_related("output__prediction")}
        yield from (found[pk] for pk in batch if pk in found)


class Names:
    """Unique file names inside one archive, compared without case."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {"prompts.json": 1, "missing.txt": 1}

    def of(self, item: Item, file: StoredFile) -> str:
        """A free name from the item's title or prompt."""
        path = PurePosixPath(details.download_name(item, file, show_prompt=True))
        number = self._taken.get(str(path).lower(), 0) + 1
        name = str(path)
        while name.lower() in self._taken:
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        # Remember where to go on counting: a thousand items of one prompt must not try a thousand names each.
        self._taken[str(path).lower()] = number
        self._taken[name.lower()] = 1
        return name


def _description(item: Item, name: str) -> bytes:
    prediction = item.output.prediction
    settings_ = {} if prediction.data_removed else prediction.settings()
    description: dict[str, Any] = {
        "file": name,
        "id": item.public_id,
        "title": item.title,
        "prompt": item.prompt,
        "negative_prompt": _negative(prediction.input),
        "model": item.model.ref,
        "seed": prediction.seed(),
        "settings": settings_,
        "width": item.width,
        "height": item.height,
        "visibility": item.visibility,
        "created_at": item.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "prediction": prediction.public_id,
    }
    # Input text may hold a lone surrogate, which UTF-8 does not allow.
    return json.dumps(description, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def _negative(inputs: dict[str, Any]) -> str:
    text = inputs.get("negative_prompt") or inputs.get("n_prompt")
    return text if isinstance(text, str) else ""


def _note(missing: Iterable[str]) -> Iterator[bytes]:
    yield b"These files could not be read on the server:\n"
    for name in missing:
        yield f"{name}\n".encode("utf-8", "replace")
