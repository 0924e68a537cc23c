"""What the words ask of a picture that is there already: other colours, other things in it, or only another hand."""

from __future__ import annotations

from dataclasses import dataclass

from predictions.engine import paint
from predictions.engine.paint.words import read

_THINGS = frozenset({"scene", "feature", "subject", "time", "weather", "sky"})
_PEOPLE = frozenset({"subject:bust", "subject:person"})
"""Whoever names a person means the one in the picture: no clay bust takes their place."""


@dataclass(frozen=True)
class Asking:
    """How the painter is asked for what the picture shall take its colours and its scenery from."""

    negative_prompt: str
    style: str
    recolours: bool
    """Whether the words say anything about colours, light or things."""
    shows: bool
    """Whether they name things that may come into the picture."""
    known: bool
    """Whether any word has a meaning at all."""


def asking(prompt: str, negative_prompt: str) -> Asking:
    """Read a prompt for work on a given picture."""
    meant = paint.understand(prompt, negative_prompt)
    kinds: set[str] = set()
    left_out = [negative_prompt, meant.style]
    for word in read(prompt):
        if word.text not in meant.known:
            continue
        if _PEOPLE & set(word.meanings):
            left_out.append(word.text)
            continue
        kinds |= {meaning.partition(":")[0] for meaning in word.meanings}
    shows = bool(kinds & _THINGS)
    return Asking(
        negative_prompt=", ".join(text for text in left_out if text),
        style=meant.style,
        recolours=shows or "colour" in kinds,
        shows=shows,
        known=bool(meant.known),
    )
