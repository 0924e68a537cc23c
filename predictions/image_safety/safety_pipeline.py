"""Image safety pipeline: blocklist and classifiers as one snapshot, and the judgement of one picture. No database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from predictions.files.image_probe import ProbeResult
from predictions.image_safety import blocklist, classifier_client, classifiers
from predictions.image_safety.blocklist import BlocklistSnapshot
from predictions.image_safety.classifiers import ClassifierConfig
from predictions.models import Classifier

BLOCKED = "blocked picture"
"""Source of a judgement by the blocklist."""
UPSTREAM = "upstream"
"""Source of a judgement by the upstream that made the picture."""
NO_THUMBNAIL = "There is no picture to show it."


@dataclass(frozen=True)
class Judgement:
    """The result for one picture."""

    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By classifier and label, from 0 to 1."""
    sensitive: bool = False
    flagged: tuple[str, ...] = ()
    """Classifiers that want a moderator to see it."""
    dropped: str = ""
    """What rejected it; empty where it may pass."""
    unjudged: bool = False
    """It is rejected only because a classifier could not judge it."""
    unrated: bool = False
    """A classifier that should have judged it failed, and it passed."""
    same_as: int | None = None
    """Primary key of the blocked picture that it matches."""
    answered: tuple[int, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)
    """Classifiers by primary key: `answered` those that did, `failed` the others with the reason."""

    @property
    def marks(self) -> dict[str, Any]:
        """What is stored with the output."""
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
        """The highest scores, as one line for moderators."""
        ranked = [(score, label) for scores in self.scores.values() for label, score in scores.items()]
        return ", ".join(f"{label} {score:.2f}" for score, label in sorted(ranked, reverse=True)[:6])[:300]


PASSED = Judgement()


@dataclass(frozen=True)
class SafetyPipeline:
    """A snapshot of the blocklist and the classifiers."""

    blocked: BlocklistSnapshot = field(default_factory=BlocklistSnapshot)
    configs: Sequence[ClassifierConfig] = ()

    def __bool__(self) -> bool:
        return bool(len(self.blocked) or self.configs)

    async def check(
        self, probe: ProbeResult, context: Mapping[str, Any], *, upstream_flagged: bool = False
    ) -> Judgement:
        """Check a probed image while its thumbnails still exist. Does not raise.

        `upstream_flagged`: the upstream that made it flagged it as sensitive.
        """
        match = self.blocked.find(probe.phashes)
        if match is not None:
            return Judgement(dropped=BLOCKED, same_as=match.pk)
        if upstream_flagged and _is_black(probe):
            # Some services send a black picture in place of one that their filter withholds.
            return Judgement(sensitive=True, dropped=UPSTREAM)
        if not self.configs:
            return Judgement(sensitive=True) if upstream_flagged else PASSED
        image = await asyncio.to_thread(_bytes_of, probe)
        answers = await asyncio.gather(*(_classify(config, probe, image, context) for config in self.configs))
        return _combine(list(zip(self.configs, answers, strict=True)), sensitive=upstream_flagged)


def current() -> SafetyPipeline:
    """The present snapshot; queries the database unless it is cached."""
    return SafetyPipeline(blocklist.current(), classifiers.current())


def for_uploads() -> SafetyPipeline:
    """The same for uploads: only classifiers that judge those too."""
    return SafetyPipeline(
        blocklist.current(), tuple(config for config in classifiers.current() if config.on_uploads)
    )


async def _classify(
    config: ClassifierConfig, probe: ProbeResult, image: bytes, context: Mapping[str, Any]
) -> dict[str, float] | classifier_client.ClassifierDown:
    if probe.medium is None or not image:
        return classifier_client.ClassifierDown(NO_THUMBNAIL)
    try:
        return await classifier_client.classify(config, image, probe.medium.content_type, context)
    except classifier_client.ClassifierDown as down:
        return down


def _combine(
    answers: list[tuple[ClassifierConfig, dict[str, float] | classifier_client.ClassifierDown]],
    *,
    sensitive: bool,
) -> Judgement:
    scores: dict[str, dict[str, float]] = {}
    flagged: list[str] = []
    failed: dict[int, str] = {}
    dropped, unjudged, unrated = "", "", False
    for config, answer in answers:
        if isinstance(answer, classifier_client.ClassifierDown):
            failed[config.pk] = str(answer)
            if config.when_down == Classifier.WhenDown.REFUSE:
                unjudged = unjudged or config.name
            elif config.when_down == Classifier.WhenDown.REVIEW:
                unrated = True
                flagged.append(config.name)
            continue
        scores[config.name] = answer
        actions = config.triggered_actions(answer)
        sensitive = sensitive or "sensitive" in actions
        if "drop" in actions:
            dropped = dropped or config.name
        if "flag" in actions:
            flagged.append(config.name)
    answered = tuple(
        config.pk for config, answer in answers if not isinstance(answer, classifier_client.ClassifierDown)
    )
    return Judgement(
        scores, sensitive, tuple(flagged), dropped or unjudged, bool(unjudged and not dropped), unrated, None,
        answered, failed,
    )  # fmt: skip


def _bytes_of(probe: ProbeResult) -> bytes:
    """The medium thumbnail: our own decoder wrote it, so nothing of the untrusted file is in it but pixels."""
    try:
        return Path(probe.medium.path).read_bytes() if probe.medium is not None else b""
    except OSError:
        return b""


def _is_black(probe: ProbeResult) -> bool:
    """Whether it is black all over."""
    return (
        not probe.phashes
        and probe.colour != ""
        and all(int(probe.colour[at : at + 2], 16) < 8 for at in (1, 3, 5))
    )
