"""What the lane of the published clients fetches, and which tests it chooses; nothing here needs a network."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from tests.clients import __main__ as lane
from tests.clients import packages

PY2 = str(lane.COMING)


def parcel(
    folder: Path, name: str = "package/index.js", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> Path:
    path = folder / "parcel.tgz"
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, link
        entry.size = 2 if kind == tarfile.REGTYPE else 0
        archive.addfile(entry, io.BytesIO(b"//"))
    return path


def integrity(path: Path) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def test_a_parcel_is_unpacked_if_it_is_the_one_that_is_pinned(tmp_path: Path) -> None:
    path, folder = parcel(tmp_path), tmp_path / "one"
    packages.unpack(path, integrity(path), folder)
    assert (folder / "index.js").read_bytes() == b"//"


def test_a_parcel_that_was_changed_on_its_way_is_not_unpacked(tmp_path: Path) -> None:
    path, folder = parcel(tmp_path), tmp_path / "one"
    pinned = integrity(path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(packages.Tampered, match="was expected"):
        packages.unpack(path, pinned, folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("package/../../outside.js", tarfile.REGTYPE, ""),
        ("/outside.js", tarfile.REGTYPE, ""),
        ("package/outside.js", tarfile.SYMTYPE, "../../../etc/passwd"),
        ("package/outside.js", tarfile.LNKTYPE, "../outside.js"),
        ("package/outside.js", tarfile.FIFOTYPE, ""),
    ],
)
def test_a_parcel_that_reaches_out_of_its_folder_is_not_unpacked(
    tmp_path: Path, name: str, kind: bytes, link: str
) -> None:
    path = parcel(tmp_path, name, kind, link)
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(packages.Tampered, match="no file inside the package"):
        packages.unpack(path, integrity(path), inner / "one")
    assert not list(tmp_path.rglob("outside.js")) and not Path("/outside.js").exists()


def test_a_fetch_that_fails_leaves_nothing_that_looks_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "CACHE", tmp_path / "clients")

    def fails(folder: Path) -> None:
        (folder / "half").touch()
        raise packages.Tampered("no")

    with pytest.raises(packages.Tampered):
        packages._once("one", b"pins", fails)
    assert list((tmp_path / "clients").iterdir()) == []
    fetched = packages._once("one", b"pins", lambda folder: (folder / "whole").touch())
    assert packages._once("one", b"pins", fails) == fetched and (fetched / "whole").exists()


def test_each_half_of_the_lane_gets_its_own_tests() -> None:
    here, plain = str(lane.HERE), "tests/clients/test_python_runs.py"
    assert (lane._present([]), lane._coming([])) == ([here], [PY2])
    assert (lane._present(["-k", "run"]), lane._coming(["-k", "run"])) == (
        ["-k", "run", here],
        ["-k", "run", PY2],
    )
    assert (lane._present([plain]), lane._coming([plain])) == ([plain], None)
    assert (lane._present([PY2]), lane._coming([PY2])) == (None, [PY2])
    assert (lane._present(["tests"]), lane._coming(["tests"])) == (["tests"], [PY2])
    assert (lane._present(["tests/accounts"]), lane._coming(["tests/accounts"])) == (None, None)


def test_without_node_the_javascript_clients_are_named_as_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    chosen: list[list[str]] = []
    monkeypatch.setattr(lane, "_pytest", lambda words, options, more: chosen.append(options) or 0)
    monkeypatch.setattr(lane, "running", contextlib.nullcontext)
    assert lane.main([]) == 75
    assert "--ignore-glob=*/test_javascript_*" in chosen[0]
