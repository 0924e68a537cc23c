"""Credits are read and shown exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.credits import amounts
from accounts.models import MICRO


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("12", 12 * MICRO),
        ("0.5", 500_000),
        (".25", 250_000),
        ("-3.25", -3_250_000),
        (" +1. ", MICRO),
        ("0.0022", 2200),
    ],
)
def test_it_reads_what_people_write(text: str, micro: int) -> None:
    assert amounts.parse(text) == micro


@pytest.mark.parametrize(
    "text",
    ["", ".", "-", "1e3", "NaN", "inf", "1_000", "1,5", "0.0000001", "١٢", "--1", "1" * 400, "1000000001"],
)
def test_it_refuses_what_is_no_amount(text: str) -> None:
    with pytest.raises(amounts.NotAnAmount):
        amounts.parse(text)


@given(st.integers(-(10**15), 10**15))
def test_it_reads_back_what_it_wrote(micro: int) -> None:
    assert amounts.parse(amounts.decimal_text(micro)) == micro


def test_it_shows_amounts_as_a_statement_does() -> None:
    assert amounts.display(1_234_567_890_000) == "1,234,567.89"
    assert amounts.display(-220_000) == "−0.22"
    assert amounts.display_change(5 * MICRO) == "+5.00"
    assert amounts.display_change(0) == "0.00"


def test_it_rounds_down_in_the_bar() -> None:
    assert amounts.display_short(9_999_999) == "9.9"
    assert amounts.display_short(49_980_000) == "49.9"
