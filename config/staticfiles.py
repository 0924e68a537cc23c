"""Static files: collected once, and named by their content so that browsers may keep them."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

log = structlog.get_logger(__name__)
_MISSED: set[str] = set()
"""What was logged as missing, once in each process."""

# `import … from "./other.js"`, `export … from`, `import "./other.js"` and `import("./other.js")`.
_IMPORT = (
    r"""(?P<matched>(?P<before>\b(?:from|import)\s*\(?\s*)"(?P<url>\.{1,2}/[^"]+)")""",
    '%(before)s"%(url)s"',
)


class _Compressor(Compressor):
    """Compresses each content once: most files lie there under two names.

    Not source maps: the largest of all, which no page loads.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"extensions": (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")})
        self._done: dict[bytes, bytes] = {}

    def compress_gzip(self, data: bytes) -> bytes:
        """The data as gzip."""
        name = hashlib.sha256(data).digest()
        if name not in self._done:
            self._done[name] = super().compress_gzip(data)
        return self._done[name]


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Names with a hash, in the imports of our JavaScript modules too.

    Otherwise a module would fetch its neighbours by their plain names, and for an hour after an upgrade a browser
    could run a new module together with an old one. Django's own switch for this reads every script of every
    package, and stumbles over what some of them import.
    """

    patterns = (*CompressedManifestStaticFilesStorage.patterns, ("js/*.js", (_IMPORT,)))

    def stored_name(self, name: str) -> str:
        """The name with its hash; the plain one where nothing was collected: a page without its look, and no error."""
        try:
            return str(super().stored_name(name))
        except (ValueError, OSError):
            if name not in _MISSED:
                _MISSED.add(name)
                log.error("static_file_not_collected", file=name)
            return str(self.clean_name(name))

    def create_compressor(self, **options: Any) -> Compressor:
        """What compresses the files of one collection."""
        return _Compressor(**options)

    def compress_files(self, paths: set[str]) -> Iterator[tuple[str, str]]:
        """Compress them; what was compressed is kept in memory no longer than that takes."""
        yield from super().compress_files(paths)
        del self.compressor


def collect() -> None:
    """Put them into `STATIC_ROOT`, where something changed: hashing and compressing a thousand files takes a while.

    Of several processes that share the folder one does it. Raises OSError where it cannot be written.
    """
    root = Path(settings.STATIC_ROOT)
    stamp, wanted = root / ".collected", _fingerprint()
    if _is(stamp, wanted):
        return
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is(stamp, wanted):
            call_command("collectstatic", interactive=False, verbosity=0)
            stamp.write_text(wanted)


def are_hashed() -> bool:
    """Whether pages name these files by their content, for which they must have been collected."""
    return settings.STORAGES["staticfiles"]["BACKEND"] == "config.staticfiles.HashedStaticFiles"


def are_here() -> bool:
    """Whether this process can name a style sheet by its content, and the file of that name is there."""
    if not are_hashed():
        return True
    name = staticfiles_storage.url("css/base.css").removeprefix(settings.STATIC_URL)
    return "." in name.removesuffix(".css") and (Path(settings.STATIC_ROOT) / name).is_file()


def _is(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text() == wanted


def _fingerprint() -> str:
    """Changes whenever a requirement or one of our own static files does."""
    digest = hashlib.sha256((settings.BASE_DIR / "requirements" / "base.txt").read_bytes())
    for folder in settings.STATICFILES_DIRS:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                facts = path.stat()
                digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
