"""Everything that judges pictures, taken along by whoever works without the database, and what comes of one picture."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from predictions.files.image_probe import Look
from predictions.image_safety import blocklist, classifier_client, classifiers
from predictions.image_safety.blocklist import Blocked
from predictions.image_safety.classifiers import Judge
from predictions.models import Classifier

BLOCKED = "blocked picture"
"""Who found it, where it is one that was removed."""
UPSTREAM = "upstream"
"""Who found it, where the service that made it said so."""
NO_PICTURE = "There is no picture to show it."


@dataclass(frozen=True)
class Judgement:
    """What came of one picture."""

    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By classifier and label, from 0 to 1."""
    sensitive: bool = False
    flagged: tuple[str, ...] = ()
    """Who wants a moderator to see it."""
    dropped: str = ""
    """Who does not let it through; empty where it may pass."""
    unjudged: bool = False
    """It is not let through because a classifier could not judge it, and for nothing else."""
    unrated: bool = False
    """A classifier that should have judged it could not."""
    same_as: int | None = None
    """The blocked picture that it is the same as."""
    answered: tuple[int, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)
    """Classifiers that answered, and that did not with the reason, by their keys."""

    @property
    def marks(self) -> dict[str, Any]:
        """What is kept of it with the output."""
        marks: dict[str, Any] = {}
        if self.scores:
            marks["scores"] = {name: dict(scores) for name, scores in self.scores.items()}
        for name in ("sensitive", "unrated"):
            if getattr(self, name):
                marks[name] = True
        if self.flagged:
            marks["flagged"] = list(self.flagged)
        return marks

    @property
    def excerpt(self) -> str:
        """The highest scores, in a line for moderators."""
        every = [(score, label) for scores in self.scores.values() for label, score in scores.items()]
        return ", ".join(f"{label} {score:.2f}" for score, label in sorted(every, reverse=True)[:6])[:300]


PASSED = Judgement()


@dataclass(frozen=True)
class SafetyPipeline:
    """The blocked pictures and the classifiers of this moment."""

    blocked: Blocked = field(default_factory=Blocked)
    judges: Sequence[Judge] = ()

    def __bool__(self) -> bool:
        return bool(len(self.blocked) or self.judges)

    async def judge(
        self, look: Look, context: Mapping[str, Any], *, upstream_says: bool = False
    ) -> Judgement:
        """What comes of a picture that was looked at, while its thumbnails still lie where that look left them.

        Does not raise. `upstream_says`: whoever made it calls it sensitive.
        """
        same = self.blocked.find(look.phashes)
        if same is not None:
            return Judgement(dropped=BLOCKED, same_as=same.pk)
        if upstream_says and _is_black(look):
            # What some services send in place of a picture that their filter holds back.
            return Judgement(sensitive=True, dropped=UPSTREAM)
        if not self.judges:
            return Judgement(sensitive=True) if upstream_says else PASSED
        picture = await asyncio.to_thread(_bytes_of, look)
        said = await asyncio.gather(*(_asked(judge, look, picture, context) for judge in self.judges))
        return _together(list(zip(self.judges, said, strict=True)), sensitive=upstream_says)


def current() -> SafetyPipeline:
    """As it is at this moment; asks the database where it has not just done so."""
    return SafetyPipeline(blocklist.current(), classifiers.current())


def for_uploads() -> SafetyPipeline:
    """The same for files that members send: only classifiers that judge those too."""
    return SafetyPipeline(blocklist.current(), tuple(one for one in classifiers.current() if one.on_uploads))


async def _asked(
    judge: Judge, look: Look, picture: bytes, context: Mapping[str, Any]
) -> dict[str, float] | classifier_client.ClassifierDown:
    if look.medium is None or not picture:
        return classifier_client.ClassifierDown(NO_PICTURE)
    try:
        return await classifier_client.ask(judge, picture, look.medium.content_type, context)
    except classifier_client.ClassifierDown as down:
        return down


def _together(
    said: list[tuple[Judge, dict[str, float] | classifier_client.ClassifierDown]], *, sensitive: bool
) -> Judgement:
    scores: dict[str, dict[str, float]] = {}
    flagged: list[str] = []
    failed: dict[int, str] = {}
    dropped, unjudged, unrated = "", "", False
    for judge, answer in said:
        if isinstance(answer, classifier_client.ClassifierDown):
            failed[judge.pk] = str(answer)
            if judge.when_down == Classifier.WhenDown.REFUSE:
                unjudged = unjudged or judge.name
            elif judge.when_down == Classifier.WhenDown.REVIEW:
                unrated = True
                flagged.append(judge.name)
            continue
        scores[judge.name] = answer
        deeds = judge.deeds(answer)
        sensitive = sensitive or "sensitive" in deeds
        if "drop" in deeds:
            dropped = dropped or judge.name
        if "flag" in deeds:
            flagged.append(judge.name)
    answered = tuple(
        judge.pk for judge, answer in said if not isinstance(answer, classifier_client.ClassifierDown)
    )
    return Judgement(
        scores, sensitive, tuple(flagged), dropped or unjudged, bool(unjudged and not dropped), unrated, None,
        answered, failed,
    )  # fmt: skip


def _bytes_of(look: Look) -> bytes:
    """The medium thumbnail: written by our own reader, so that nothing of the stranger's file is in it but pixels."""
    try:
        return Path(look.medium.path).read_bytes() if look.medium is not None else b""
    except OSError:
        return b""


def _is_black(look: Look) -> bool:
    """Whether it is black all over."""
    return (
        not look.phashes
        and look.colour != ""
        and all(int(look.colour[at : at + 2], 16) < 8 for at in (1, 3, 5))
    )
