"""A zip of originals, written while it is sent: neither it nor any file is ever whole in memory or on disk.

Pictures are stored, not compressed again. `prompts.json` says what made each; what is gone is named in `missing.txt`,
and where the storage is away the archive breaks off: half of it must not look like all there is.
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
"""Bytes that go out at once: a zip has many parts of a few bytes."""
_ROWS = 50
_IN_MEMORY = 256 * 1024


def stream(account: Account, pks: Sequence[int]) -> Iterator[bytes]:
    """The bytes of a zip of these items of the account, in blocks. Nothing is asked of the database between them."""
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
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(settings.TEMPORARY), prefix="zip-") as words:
        for number, item in enumerate(_items(account, pks)):
            name = names.of(item, item.output.file)
            words.write((",\n" if number else "[\n").encode() + _told(item, name))
            try:
                file = media.opened(item.output.file)
            except media.FileGone:
                missing.append(name)
                continue
            with file:  # also where nobody reads on
                archive.add(media.pieces(file), name, size=item.output.file.size)
                yield from archive.all_files()
        words.write(b"\n]\n" if words.tell() else b"[]\n")
        words.seek(0)
        archive.add(media.pieces(words), "prompts.json", compress_type=ZIP_DEFLATED)
        if missing:
            archive.add(_note(missing), "missing.txt", compress_type=ZIP_DEFLATED)
        yield from archive.finalize()


def _items(account: Account, pks: Sequence[int]) -> Iterator[Item]:
    """The items in this order, some at a time: what was deleted while the zip was on its way is left out."""
    for start in range(0, len(pks), _ROWS):
        some = pks[start : start + _ROWS]
        rows = access.with_files(Item.objects.owned_by(account)).filter(pk__in=some)
        found = {item.pk: item for item in rows.select_related("output__prediction")}
        yield from (found[pk] for pk in some if pk in found)


class Names:
    """File names inside one archive, each once however the picture is called; upper and lower case count as one."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {"prompts.json": 1, "missing.txt": 1}

    def of(self, item: Item, file: StoredFile) -> str:
        """A free name that says what it is."""
        wanted = PurePosixPath(details.download_name(item, file, words=True))
        number = self._taken.get(str(wanted).lower(), 0) + 1
        name = str(wanted)
        while name.lower() in self._taken:
            number += 1
            name = f"{wanted.stem}-{number}{wanted.suffix}"
        # Where the next of that name begins to look: a thousand of one prompt must not look a thousand times each.
        self._taken[str(wanted).lower()] = number
        self._taken[name.lower()] = 1
        return name


def _told(item: Item, name: str) -> bytes:
    prediction = item.output.prediction
    settings_ = {} if prediction.data_removed else prediction.settings()
    told: dict[str, Any] = {
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
    # What was sent in as text may hold half of a character; a file of UTF-8 may not.
    return json.dumps(told, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def _negative(given: dict[str, Any]) -> str:
    words = given.get("negative_prompt") or given.get("n_prompt")
    return words if isinstance(words, str) else ""


def _note(missing: Iterable[str]) -> Iterator[bytes]:
    yield b"These files could not be read on the server:\n"
    for name in missing:
        yield f"{name}\n".encode("utf-8", "replace")
