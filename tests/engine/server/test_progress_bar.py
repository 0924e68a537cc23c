"""Progress bars that clients of the published models can parse."""

from __future__ import annotations

import re

import pytest

from engine.protocol.progress_bar import Bar


class Clock:
    """A clock that advances only on request."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def printed(total: int, fractions: list[float], seconds_each: float = 1.0) -> list[str]:
    clock, lines = Clock(), []
    bar = Bar(total, lines.append, clock)
    for fraction in fractions:
        clock.now += seconds_each
        bar.at(fraction)
    return lines


def test_it_prints_the_lines_that_clients_know() -> None:
    assert printed(3, [1 / 3, 2 / 3, 1.0], 1.5384615) == [
        "  0%|          | 0/3 [00:00<?, ?it/s]",
        " 33%|███       | 1/3 [00:01<00:03,  0.65it/s]",
        " 66%|██████    | 2/3 [00:03<00:01,  0.65it/s]",
        "100%|██████████| 3/3 [00:04<00:00,  0.65it/s]",
    ]


@pytest.mark.parametrize("total", [1, 2, 4, 19, 20, 21, 28, 50, 77, 500])
def test_it_prints_at_most_twenty_lines_from_nothing_to_all(total: int) -> None:
    lines = printed(total, [n / 1000 for n in range(1001)])
    counts = [int(re.search(r"(\d+)/", line)[1]) for line in lines]
    assert len(lines) <= 20
    assert counts[0] == 0 and counts[-1] == total and counts == sorted(set(counts))


def test_it_never_goes_back_and_never_past_the_end() -> None:
    lines = printed(10, [0.5, 0.2, 0.5, 1.0, 0.9, 1.7])
    assert [line[:4] for line in lines] == ["  0%", " 50%", "100%"]


def test_it_prints_the_same_lines_however_fast_the_work_is() -> None:
    fractions = [n / 40 for n in range(41)]
    slow, fast = printed(50, fractions, 100.0), printed(50, fractions, 0.0)
    assert [line.split("[")[0] for line in slow] == [line.split("[")[0] for line in fast]
    assert slow[-1].split("[")[1].startswith("1:08:20<00:00")
