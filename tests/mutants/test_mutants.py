"""The list of faults fits the code that they are put into: `python -m tests.mutants` tries them."""

from __future__ import annotations

import importlib

import pytest

from tests.mutants import Mutant
from tests.mutants.__main__ import AREAS
from tests.support.source_rules import ROOT

LISTED: list[Mutant] = [
    mutant for area in AREAS for mutant in importlib.import_module(f"tests.mutants.{area}").MUTANTS
]


@pytest.mark.parametrize("area", AREAS)
def test_every_fault_stands_once_in_its_file_and_is_python(area: str) -> None:
    for mutant in importlib.import_module(f"tests.mutants.{area}").MUTANTS:
        text = (ROOT / mutant.file).read_text(encoding="utf-8")
        assert text.count(mutant.old) == 1, mutant
        compile(text.replace(mutant.old, mutant.new), mutant.file, "exec")
        assert [path for path in mutant.tests if not (ROOT / path).exists()] == []


def test_there_are_at_least_sixty_and_no_two_alike() -> None:
    assert len({(mutant.file, mutant.old) for mutant in LISTED}) == len(LISTED) >= 60
