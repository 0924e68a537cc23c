"""Interpretation of a prompt for image to image: whether it changes colours, adds things or names only a style."""

from __future__ import annotations

from dataclasses import dataclass

from engine import painting
from engine.painting.prompt.tokenizer import read

_THINGS = frozenset({"scene", "feature", "subject", "time", "weather", "sky"})
_PEOPLE = frozenset({"subject:bust", "subject:person"})
"""Whoever names a person means the one in the picture: no clay bust takes their place."""


@dataclass(frozen=True)
class EditRequest:
    """How the painter is asked for what the picture shall take its colours and its scenery from."""

    negative_prompt: str
    style: str
    recolours: bool
    """Whether the words say anything about colours, light or things."""
    shows: bool
    """Whether they name things that may come into the picture."""
    known: bool
    """Whether any word has a meaning at all."""


def read_request(prompt: str, negative_prompt: str) -> EditRequest:
    """Read a prompt for work on a given picture."""
    meant = painting.understand(prompt, negative_prompt)
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
    return EditRequest(
        negative_prompt=", ".join(text for text in left_out if text),
        style=meant.style,
        recolours=shows or "colour" in kinds,
        shows=shows,
        known=bool(meant.known),
    )
