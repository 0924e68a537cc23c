"""The files API: what callers sent before they named it in an input."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

MADE = "2026-01-01T00:00:00.000Z"
ENDS = "2027-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class File:
    """One file with its bytes."""

    id: str
    name: str
    content_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        """In hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()

    def shown(self, origin: str, mount: str) -> dict[str, Any]:
        """As the API shows it."""
        md5 = hashlib.md5(self.content, usedforsecurity=False).hexdigest()
        return {
            "id": self.id,
            "name": self.name,
            "content_type": self.content_type,
            "size": len(self.content),
            "etag": md5,
            "checksums": {"sha256": self.sha256, "md5": md5},
            "metadata": {},
            "created_at": MADE,
            "expires_at": ENDS,
            "urls": {"get": f"{origin}{mount}/files/{self.id}"},
        }


class Uploads:
    """Files by their ids."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self._number = 0

    def keep(self, body: bytes, content_type: str) -> File | None:
        """The part `content` of a multipart body; None where there is none."""
        head = f"content-type: {content_type}\r\n\r\n".encode("latin-1")
        message = BytesParser(policy=HTTP).parsebytes(head + body)
        if not message.is_multipart():
            return None
        for part in message.iter_parts():  # type: ignore[attr-defined]
            if part.get_param("name", header="content-disposition") == "content":
                content = part.get_payload(decode=True) or b""
                return self._add(part.get_filename() or "blob", part.get_content_type(), content)
        return None

    def _add(self, name: str, content_type: str, content: bytes) -> File:
        self._number += 1
        digest = hashlib.sha256(content + str(self._number).encode()).hexdigest()
        file = File(f"file{digest[:22]}", name, content_type, content)
        self.files[file.id] = file
        return file
