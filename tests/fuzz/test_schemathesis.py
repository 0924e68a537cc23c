"""A bounded round of Schemathesis over every document. The long form is `python -m tests.fuzz.long_run`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.schemathesis_run import Target, ask, operations, target

pytestmark = [pytest.mark.schemathesis, pytest.mark.timeout(300)]
CASES = 2
SEED = 20


@pytest.fixture(scope="module")
def one() -> Iterator[Target]:
    """One server for all documents."""
    with target() as made:
        yield made


@pytest.mark.parametrize("document", ["replicate", "openai", "own"])
def test_nothing_odd_gets_an_answer_outside_the_document(one: Target, document: str) -> None:
    # Whether an answer took long is for the long form: this may run on a busy machine.
    report = ask(one, document, cases=CASES, seed=SEED, slow=False, short=True)
    assert report.code == 0, report.text[-12_000:]
    assert report.cases >= len(operations(one, document)), report.text[-2000:]
