"""What we import we declare: a package that came along with another one may stay away with its next version."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.runner.sampling import one_in
from tests.support.source_rules import ROOT, source, sources

pytestmark = pytest.mark.usefixtures("product_source")

PRODUCT = ("config", "operations", "studio", "gallery", "predictions", "accounts", "core", "engine")
WORK = ("tests", "benchmarks", "script")
BROUGHT_ALONG = {"tokenizers": "tests/engine/local/"}
"""What a declared package cannot do without, and where it may be imported all the same: transformers' tokenizers."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def declared(texts: list[object]) -> set[str]:
    """Names of packages in a list of requirements."""
    found: set[str] = set()
    for one in (Requirement(text) for text in texts if isinstance(text, str)):
        # An extra of some packages is a package of its own: psycopg[pool] is psycopg-pool.
        found |= {
            canonicalize_name(name) for name in (one.name, *(f"{one.name}-{extra}" for extra in one.extras))
        }
    return found


def imports(folder: str) -> Iterator[tuple[str, str]]:
    """Each imported top-level module of a folder's Python, with the file that imports it; of tests a share of them."""
    read = {one.path: one for one in sources()}
    paths = {str(path.relative_to(ROOT)): path for path in (ROOT / folder).rglob("*.py")}
    for file, path in ((file, paths[file]) for file in (one_in(4, paths) if folder == "tests" else paths)):
        for node in (read.get(file) or source(path.read_text(encoding="utf-8"), file)).nodes:
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                yield name.partition(".")[0], file


@cache
def _packages() -> Mapping[str, list[str]]:
    return packages_distributions()


def undeclared(folder: str, known: set[str]) -> dict[str, str]:
    """Modules of packages that are not among those, with one of the files that import each."""
    of_module = _packages()
    ours = {*PRODUCT, *WORK, "manage"}
    found: dict[str, str] = {}
    for name, path in imports(folder):
        if name in ours or name in sys.stdlib_module_names or path.startswith(BROUGHT_ALONG.get(name, "-")):
            continue
        packages = {canonicalize_name(one) for one in of_module.get(name, [name])}
        if not packages & known:
            found[name] = path
    return found


BASE = declared(PROJECT["project"]["dependencies"])
LOCAL = declared(PROJECT["project"]["optional-dependencies"]["local"])
DEV = declared(PROJECT["dependency-groups"]["dev"])


@pytest.mark.parametrize("folder", PRODUCT)
def test_the_product_imports_nothing_that_it_does_not_declare(folder: str) -> None:
    known = BASE | LOCAL if folder == "engine" else BASE
    assert undeclared(folder, known) == {}


@pytest.mark.parametrize("folder", WORK)
def test_neither_do_tests_benchmarks_and_scripts(folder: str) -> None:
    assert undeclared(folder, BASE | LOCAL | DEV) == {}


def test_every_declared_package_has_its_reason_and_licence() -> None:
    lines = (ROOT / "docs" / "dependencies.md").read_text().splitlines()
    told = {
        canonicalize_name(name)
        for line in lines
        if line.startswith("| ") and line.count("|") == 4
        for name in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", line.split("|")[1])
    }
    extras = {name for name in BASE | LOCAL | DEV if any(name.startswith(f"{other}-") for other in told)}
    assert sorted((BASE | LOCAL | DEV) - told - extras) == []
