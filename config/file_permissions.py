"""File permissions of the data folder: 0700 and 0600, also of what an earlier version wrote with wider ones.

New files get theirs from the umask of `config.server.launcher` and `manage.py`, stored ones from
`FILE_UPLOAD_PERMISSIONS`.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)
UMASK = 0o077
_OTHERS = 0o077


def restrict(data: Path, *beside: Path) -> None:
    """Take group and others out of the data folder, all in it, and the files `beside` it (SQLite's elsewhere).

    Folders inside that are closed already are passed over: each is closed after all that it holds, so that a walk which
    was cut short begins again, and one that was done is done once. What belongs to another user stays as it is, and so
    does a folder that others use too: its entries alone are closed.
    """
    if _is_ours_alone(data):
        _close(data)
    else:
        log.warning("%s has entries of other users and stays open to them; what is in it is closed.", data)
    for path in (*sorted(data.iterdir()), *beside):
        if path.is_dir():
            _close_folder(path)
        elif path.is_file():
            _close(path)


def _is_ours_alone(folder: Path) -> bool:
    facts = folder.stat()
    if facts.st_uid != os.geteuid() or facts.st_mode & stat.S_ISVTX:
        return False
    with os.scandir(folder) as entries:
        return all(entry.stat(follow_symlinks=False).st_uid == facts.st_uid for entry in entries)


def _close_folder(folder: Path) -> None:
    if not folder.stat().st_mode & _OTHERS:
        return
    for path in _below(folder):
        _close(path)


def _below(folder: Path) -> Iterator[Path]:
    """Everything in a folder, each folder after what it holds, and itself at the end."""
    for place, _folders, files in os.walk(folder, topdown=False):
        yield from (Path(place, name) for name in files)
        yield Path(place)


def _close(path: Path) -> None:
    try:
        facts = path.stat()
        if facts.st_mode & _OTHERS and facts.st_uid == os.geteuid():
            path.chmod(stat.S_IMODE(facts.st_mode) & ~_OTHERS)
    except FileNotFoundError:
        # Removed meanwhile, or a link that leads nowhere.
        return
    except OSError as error:
        # A file system without owners, such as a share: no reason not to start.
        log.warning("The mode of %s stays as it is: %s.", path, error.strerror)
