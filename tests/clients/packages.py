"""Fetches the published clients that no requirement brings: npm's, and the coming generation of Replicate's for Python.

Each lands in a folder of its own below `var/clients`, named after what pins it, and is fetched once. What arrives is
compared with the hashes in `npm.json` and `requirements/clients-py2.txt` before it is unpacked; nothing of it is run
while it is installed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "var" / "clients"
NPM_PINS = Path(__file__).with_name("npm.json")
PYTHON_PINS = ROOT / "requirements" / "clients-py2.txt"
FETCH_LIMIT_S = 300


class NoNode(Exception):
    """Node or npm is missing here; the text says which."""


class Tampered(Exception):
    """What arrived is not what the pins name."""


def need_node() -> None:
    """Raises `NoNode` where JavaScript cannot be run or fetched."""
    missing = [program for program in ("node", "npm") if not shutil.which(program)]
    if missing:
        raise NoNode(f"{' and '.join(missing)} not found; Debian's packages are nodejs and npm")


def npm() -> Path:
    """The folder of the pinned npm packages, each below its `folder` of npm.json. Raises `NoNode`, `Tampered`."""
    need_node()
    return _once("npm", NPM_PINS.read_bytes(), _fetch_npm)


def python() -> Path:
    """A folder for PYTHONPATH in which `replicate` is the coming generation."""
    version = f"{sys.implementation.cache_tag}\n".encode()
    return _once("replicate_v2", version + PYTHON_PINS.read_bytes(), _fetch_python)


def _once(name: str, pins: bytes, fetch: Callable[[Path], None]) -> Path:
    """The folder that `fetch` fills, whole or not at all; others may fetch at the same time."""
    folder = CACHE / f"{name}-{hashlib.sha256(pins).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=CACHE, prefix=f".{name}-"))
    try:
        fetch(making)
        making.replace(folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _fetch_npm(folder: Path) -> None:
    for pin in json.loads(NPM_PINS.read_text(encoding="utf-8")):
        with tempfile.TemporaryDirectory(dir=folder) as parcels:
            wanted = f"{pin['name']}@{pin['version']}"
            _run("npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", parcels, wanted)
            (parcel,) = Path(parcels).iterdir()
            unpack(parcel, pin["integrity"], folder / pin["folder"])


def unpack(parcel: Path, integrity: str, folder: Path) -> None:
    """Unpack a package of npm, whose files lie below one folder of any name. Raises `Tampered`."""
    digest = base64.b64encode(hashlib.sha512(parcel.read_bytes()).digest()).decode()
    if integrity != f"sha512-{digest}":
        raise Tampered(f"{parcel.name} is sha512-{digest}, and {integrity} was expected.")
    with tempfile.TemporaryDirectory(dir=folder.parent) as inside:
        with tarfile.open(parcel) as archive:
            for entry in archive:
                _unpack_entry(archive, entry, Path(inside))
        (only,) = Path(inside).iterdir()
        only.rename(folder)


def _unpack_entry(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    """Write one file of an archive below the folder. Raises `Tampered` for anything but a file or folder inside it.

    `extractall(filter="data")` does this from Python 3.11.4 on; Debian 12 has 3.11.2.
    """
    path = PurePosixPath(entry.name)
    if path.is_absolute() or ".." in path.parts or not (entry.isfile() or entry.isdir()):
        raise Tampered(f"{entry.name} is no file inside the package.")
    target = folder / path
    if entry.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(entry)
    assert source is not None  # only links have none
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file)


def _fetch_python(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    _run(*pip, "--require-hashes", "--no-deps", "--target", str(folder), "--requirement", str(PYTHON_PINS))


def _run(*command: str) -> None:
    done = subprocess.run(
        command, cwd=CACHE, capture_output=True, text=True, check=False, timeout=FETCH_LIMIT_S
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command[:2])} failed: {done.stderr[-2000:]}")
