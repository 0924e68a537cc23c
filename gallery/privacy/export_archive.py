"""The zip archive of a data export as a stream of bytes: JSON first, then all files as they are.

Memory use is constant however much there is. Missing files are listed in it; where the storage is away there is
no archive (StorageUnavailable).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from zipstream import ZIP_DEFLATED, ZIP_STORED, ZipStream

from accounts.models import Account, User
from gallery.privacy import export_contents, export_profile
from predictions.files import media

FOLDER = "darkroom"


def stream(user: User, account: Account, written: Callable[[int], None]) -> Iterator[bytes]:
    """The bytes of the archive. `written` is called now and then with the number of files written."""
    archive = ZipStream(compress_type=ZIP_STORED)
    archive.add(_readme(user), f"{FOLDER}/README.txt", compress_type=ZIP_DEFLATED)
    archive.add(
        _json(export_profile.profile_row(user, account)), f"{FOLDER}/account.json", compress_type=ZIP_DEFLATED
    )
    yield from archive.all_files()
    for part in export_contents.PARTS:
        archive.add(
            _lines(part.rows(user, account)), f"{FOLDER}/{part.name}.jsonl", compress_type=ZIP_DEFLATED
        )
        yield from archive.all_files()
    missing: list[str] = []
    number = 0
    for number, (name, stored) in enumerate(export_contents.files(user, account), start=1):
        try:
            file = media.open_file(stored)
        except media.FileMissing:
            missing.append(name)
            continue
        with file:  # Also closes it where the reader stops.
            archive.add(media.chunks(file), f"{FOLDER}/{name}", size=stored.size)
            yield from archive.all_files()
        written(number)
    if missing:
        archive.add("\n".join(missing).encode(), f"{FOLDER}/missing.txt", compress_type=ZIP_DEFLATED)
    yield from archive.finalize()
    written(number)


def _lines(rows: Iterator[export_contents.Row]) -> Iterator[bytes]:
    for row in rows:
        # Input text may hold a lone surrogate, which UTF-8 does not allow.
        yield json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, indent=1, default=str).encode("utf-8", "replace")


def _readme(user: User) -> bytes:
    with translation.override(user.language or None):
        lines = [
            _("Everything that this Darkroom keeps of %(name)s, on %(day)s.")
            % {"name": user.username, "day": f"{timezone.now():%Y-%m-%d %H:%M} UTC"},
            "",
            _("account.json: who you are here, your plan and your balance."),
            _(
                "*.jsonl: one line of JSON for each thing. Amounts are integer micro-credits, 1,000,000 to a credit."
            ),
            _("pictures/ and uploads/: the files themselves, as items.jsonl and uploads.jsonl name them."),
            _("missing.txt, where there is one: files that could not be read on the server."),
        ]
    return ("\r\n".join(lines) + "\r\n").encode()
