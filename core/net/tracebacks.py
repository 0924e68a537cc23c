"""Dropping tracebacks of exceptions that are kept as values, with the frames and bodies that they hold.

A traceback holds every frame that its exception left, with its local variables, such as a body of 60 MiB. Where one of
them holds the exception again, all of it waits for the cycle collector, which runs far more seldom from Python 3.13 on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

E = TypeVar("E", bound=BaseException)


def drop(error: E) -> E:
    """The same exception with no traceback, neither its own nor those of what it came from."""
    for one in chain(error):
        one.__traceback__ = None
    return error


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, then all that it was raised from, or in whose handling, and those of a group; each once."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        one = todo.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
