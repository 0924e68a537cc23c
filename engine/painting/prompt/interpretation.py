"""Prompt interpretation: scene, subjects, time, weather, style and bound colours from a prompt."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from engine.painting.prompt.lexicon import LINKS
from engine.painting.prompt.quantities import MAX_FIGURES, count, repeated
from engine.painting.prompt.tokenizer import Word, tokenize

DEFAULT_SCENES = {
    "lighthouse": ("sea", ("cliff",)),
    "boat": ("sea", ()),
    "sailboat": ("sea", ()),
    "castle": ("mountain", ()),
    "house": ("hills", ()),
    "balloon": ("hills", ()),
    "astronaut": ("space", ("planet",)),
    "rocket": ("space", ("planet",)),
    "tree": ("hills", ()),
    "airplane": ("hills", ()),
    "train": ("hills", ()),
    "whale": ("sea", ()),
    "fish": ("underwater", ()),
    "cactus": ("desert", ()),
    "camel": ("desert", ()),
    "pyramid": ("desert", ()),
    "pagoda": ("mountain", ()),
    "windmill": ("hills", ("flowers",)),
    "tower": ("city", ()),
    "deer": ("forest", ()),
    "cup": ("studio", ()),
    "bowl": ("studio", ()),
}
"""Default scene of a subject when the prompt names no place; all other subjects get a studio backdrop."""

WEATHER_SCENES = {
    "storm": "sea",
    "rain": "city",
    "snow": "mountain",
    "fog": "forest",
    "clouds": "hills",
    "clear": "hills",
}
ANIMALS = frozenset(
    {"cat", "dog", "horse", "unicorn", "bird", "owl", "fish", "dragon", "rabbit", "fox", "bear", "elephant"}
    | {"lion", "tiger", "wolf", "panda", "pig", "duck", "penguin", "frog", "turtle", "deer", "camel"}
)
GROUNDED = frozenset(
    (  # noqa: SIM905
        "cat dog horse unicorn bird owl astronaut robot dragon rabbit fox bear elephant car flower mushroom rocket "
        "house castle tree lion tiger wolf panda pig penguin frog turtle person snowman apple pumpkin cactus train "
        "deer camel cup bowl bicycle pagoda pyramid windmill tower umbrella"
    ).split()
)
"""Subjects that stand on the ground."""
_AFLOAT = frozenset({"boat", "sailboat", "whale"})
_GROUND_SCENES = frozenset({"mountain", "hills", "desert", "forest"})
_MOUNTS = frozenset({"horse", "unicorn", "elephant", "dragon", "bear", "fish", "bird", "camel", "deer"})


@dataclass(frozen=True)
class ParsedPrompt:
    """The interpretation of a prompt: what to paint.

    `scene` is the kind of place; `features` refine it (lake, palms, autumn, …). `subjects` are figure names in
    order, an animal's close-up as `cat:face`; one requested twice is listed twice. `time` and `style` are
    empty when not named. `colours` holds (colour, target) pairs; the target is a subject, `ground`, `water`,
    `sky`, `trees` or `*` for the whole palette. `riding` is (rider, mount). `known` and `unknown` are the
    words with and without a meaning here.
    """

    scene: str
    features: frozenset[str] = frozenset()
    subjects: tuple[str, ...] = ()
    time: str = ""
    weather: frozenset[str] = frozenset()
    sky: frozenset[str] = frozenset()
    style: str = ""
    colours: tuple[tuple[str, str], ...] = ()
    riding: tuple[str, str] | None = None
    known: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    layout_key: str = ""

    def colours_of(self, target: str) -> tuple[str, ...]:
        """Colour names bound to `target`, in the order of the prompt."""
        return tuple(colour for colour, bound in self.colours if bound == target)


@dataclass
class _CollectedMeanings:
    """The meanings collected from the words so far."""

    scenes: list[str] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    weather: list[str] = field(default_factory=list)
    sky: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    colours: list[tuple[str, str]] = field(default_factory=list)
    close: bool = False
    riding: tuple[str, str] | None = None

    def add(self, kind: str, value: str) -> None:
        bins = {
            "scene": self.scenes,
            "feature": self.features,
            "subject": self.subjects,
            "time": self.times,
            "weather": self.weather,
            "sky": self.sky,
            "style": self.styles,
        }
        if kind in bins and value not in bins[kind]:
            bins[kind].append(value)


@lru_cache(maxsize=4)
def parse_prompt(prompt: str, negative_prompt: str = "") -> ParsedPrompt:
    """Interpret `prompt` without whatever `negative_prompt` names.

    Never fails: an empty prompt, or one of unknown words only, becomes an abstract image of its own. The last few
    results are cached: log, sketch and each image of a request need the same one, and a long prompt takes seconds.
    """
    unwanted = {m for word in tokenize(negative_prompt) for m in word.meanings if not m.startswith("stop:")}
    words = [_without(word, unwanted) for word in tokenize(prompt)]
    collected = _collect(words)
    collected.colours, idle = _bind_colours(words)
    collected.riding = _riding(words)
    _close_up(collected)
    scene, features = _scene(collected)
    if scene not in ("abstract", "studio", "space") and ("rainbow", "*") in collected.colours:
        # A rainbow that colours no noun is painted in the sky.
        collected.colours.remove(("rainbow", "*"))
        collected.add("sky", "rainbow")
    counts = count(words)
    if scene not in ("studio", "abstract") or len(collected.subjects) > 1:
        _make_full_length(collected, counts)
    alone = collected.close or collected.riding
    subjects = tuple(collected.subjects[:MAX_FIGURES]) if alone else repeated(collected.subjects, counts)
    features |= _ground_features(scene, features, subjects)
    known = tuple(dict.fromkeys(w.text for w in words if _has_meaning(w) and w.text not in idle))
    unknown = tuple(dict.fromkeys(w.text for w in words if not w.meanings or w.text in idle))
    return ParsedPrompt(
        scene=scene,
        features=features,
        subjects=subjects,
        time=_time(collected.times) or ("night" if "moon" in collected.sky else ""),
        weather=_weather(collected, scene),
        sky=frozenset(collected.sky),
        style=collected.styles[0] if collected.styles else "",
        colours=tuple(collected.colours),
        riding=collected.riding,
        known=known,
        unknown=unknown,
        layout_key=_layout_key(scene, features, subjects, collected.riding, prompt, unknown),
    )


def _without(word: Word, unwanted: set[str]) -> Word:
    kept = tuple(m for m in word.meanings if m not in unwanted)
    return word if kept == word.meanings else Word(word.text, kept or ("removed:",), word.clause)


def _has_meaning(word: Word) -> bool:
    return any(not m.startswith(("stop:", "removed:", "part:detail")) for m in word.meanings)


def _collect(words: list[Word]) -> _CollectedMeanings:
    collected = _CollectedMeanings()
    for word in words:
        for meaning in word.meanings:
            kind, _, value = meaning.partition(":")
            collected.close |= kind == "close"
            collected.add(kind, value)
    return collected


def _target(word: Word) -> str | None:
    """The target of a colour before this word: None when the word is no noun, `-` for a noun that is never painted."""
    if word.of("subject"):
        return word.of("subject")[0]
    if word.of("part"):
        return "bust" if word.of("part")[0] == "clothes" else "-"
    if word.of("close"):
        return "bust"
    if word.of("scene"):
        scene, features = word.of("scene")[0], word.of("feature")
        if scene == "forest" or {"palms", "leafy"} & set(features):
            return "trees"
        if scene in ("sea", "lake"):
            return "ground" if {"beach", "cliff", "island"} & set(features) else "water"
        return "ground" if scene in _GROUND_SCENES else "*"
    if word.of("feature"):
        return "-" if "window" in word.of("feature") else "trees"
    if word.of("sky"):
        return {"moon": "moon", "aurora": "aurora", "sky": "sky"}.get(word.of("sky")[0], "*")
    if word.of("weather"):
        return "sky" if word.of("weather")[0] in ("clouds", "storm") else "*"
    return "*" if word.of("time") else None


def _bind_colours(words: list[Word]) -> tuple[list[tuple[str, str]], set[str]]:
    """Pairs of colour and target, and the colour words bound to a noun that is never painted."""
    pairs: list[tuple[str, str]] = []
    idle: set[str] = set()
    waiting: list[tuple[str, str]] = []
    clause, before, linked, named = -1, "*", False, "*"
    for word in [*words, Word("", ("end:",), -2)]:
        if word.clause != clause:
            pairs += [
                (colour, before if linked else _previous_target(text, named)) for colour, text in waiting
            ]
            named = before if before != "*" else named
            waiting, clause, before, linked = [], word.clause, "*", False
        target = _target(word)
        if word.of("colour") and target is None:
            waiting.append((word.of("colour")[0], word.text))
        elif target is not None:
            own = [(colour, word.text) for colour in word.of("colour")]  # 白马, a horse that is white
            pairs += [(colour, target) for colour, _ in (*waiting, *own) if target != "-"]
            idle |= {text for _, text in waiting if target == "-"}
            waiting, before, linked, named = [], target, False, "*"
        elif word.text in LINKS and not waiting:
            linked = before not in ("*", "-")
    return list(dict.fromkeys(pairs)), idle


def _previous_target(text: str, named: str) -> str:
    """The target of a colour without a noun after it: in 一辆汽车，红色 the car of the clause before, else all."""
    return named if not text.isascii() and named in GROUNDED | _AFLOAT | ANIMALS else "*"


def _riding(words: list[Word]) -> tuple[str, str] | None:
    """(rider, mount) of "A riding B"; "A on a B" counts when B is a mount: "a cat on a horse"."""
    rider: str | None = None
    rides = on = False
    for word in words:
        if word.of("ride"):
            rides = True
        elif word.text in ("on", "在"):
            on = True
        for subject in word.of("subject"):
            if rider and subject != rider and (rides or (on and subject in _MOUNTS)):
                return rider, subject
            rider = rider if rides else subject
        if _target(word) is not None and not rides:
            on = False
    return None


def _close_up(collected: _CollectedMeanings) -> None:
    """Turn a face or portrait of X into a close-up of X; without X, of a person."""
    if not collected.close:
        return
    if not collected.subjects:
        if not collected.scenes:
            collected.subjects.append("bust")
        return
    collected.subjects = list(dict.fromkeys("bust" if s == "person" else s for s in collected.subjects))
    collected.colours = [(colour, "bust" if on == "person" else on) for colour, on in collected.colours]
    first = next((s for s in collected.subjects if s in ANIMALS), None)
    if first and "bust" not in collected.subjects:
        collected.subjects = [f"{first}:face", *[s for s in collected.subjects if s != first]]
        collected.colours = [
            (colour, f"{first}:face" if on in (first, "bust") else on) for colour, on in collected.colours
        ]
        collected.riding = None


def _make_full_length(collected: _CollectedMeanings, counts: dict[str, int]) -> None:
    """Replace the bust by a full-length person in a scene or beside another subject; only a portrait stays a bust."""
    if collected.close or "bust" not in collected.subjects:
        return
    collected.subjects = list(dict.fromkeys("person" if s == "bust" else s for s in collected.subjects))
    collected.colours = [(colour, "person" if on == "bust" else on) for colour, on in collected.colours]
    counts["person"] = max(counts.get("person", 1), counts.get("bust", 1))
    if collected.riding:
        rider, mount = ("person" if s == "bust" else s for s in collected.riding)
        collected.riding = None if rider == mount else (rider, mount)


def _scene(collected: _CollectedMeanings) -> tuple[str, frozenset[str]]:
    """The main scene, and the other named places as features of it."""
    scenes, features = list(collected.scenes), set(collected.features)
    if not scenes:
        scene, extra = _default_scene(collected)
        return scene, frozenset(features | set(extra))
    if "mars" in features or "lunar" in features:
        scenes = ["desert", *[s for s in scenes if s not in ("space", "desert")]]
    if "road" in features and scenes[0] == "hills" and scenes[-1] in ("desert", "forest", "mountain"):
        scenes = [scenes[-1]]  # a road is not a scene of its own
    scene = scenes[0]
    if scene in ("abstract", "studio") and len(scenes) > 1:
        scene = scenes[1]
    if "city" in scenes and scene in ("sea", "lake", "hills", "space"):
        scene = "city"
    if scene == "space" and len(scenes) > 1 and scenes[1] not in ("abstract", "studio"):
        scene = scenes[1]
        collected.add("sky", "milkyway")
    if {"lake", "mountain"} <= set(scenes):
        scene = "mountain"
    if scene == "forest" and {"aurora", "milkyway"} & set(collected.sky):
        scene = "mountain"  # under the crowns nothing of the sky would be seen
    if scene in ("mountain", "hills", "forest") and "sea" in scenes:
        features |= {"lake"} if scene != "hills" else {"coast"}
    others = {s for s in scenes if s in ("lake", "forest", "city", "hills", "mountain") and s != scene}
    return scene, frozenset(features | (others - {"lake"} if "river" in features else others))


def _ground_features(scene: str, features: frozenset[str], subjects: tuple[str, ...]) -> set[str]:
    """Features that the scene needs so that its subjects have something to stand or float on."""
    if scene == "sea" and GROUNDED & set(subjects) and not features & {"beach", "cliff", "island"}:
        return {"beach"}
    if (
        scene in ("mountain", "hills", "forest")
        and _AFLOAT & set(subjects)
        and not features & {"lake", "river"}
    ):
        return {"lake"}
    return set()


def _default_scene(collected: _CollectedMeanings) -> tuple[str, tuple[str, ...]]:
    """A scene for a prompt that names no place."""
    has_mood = collected.times or collected.sky or [w for w in collected.weather if w != "clear"]
    for subject in collected.subjects:
        if subject in DEFAULT_SCENES and not (subject == "tree" and len(collected.subjects) > 1):
            return DEFAULT_SCENES[subject]
    if collected.subjects:
        if "window" in collected.features:
            return "studio", ()
        return ("hills", ()) if has_mood or set(collected.features) - {"dress"} else ("studio", ())
    if "window" in collected.features:
        return "studio", ()
    if "fireworks" in collected.sky:
        return "city", ()
    if "autumn" in collected.features or "blossom" in collected.features:
        return "forest", ()
    if "palms" in collected.features:
        return "sea", ("beach",)
    for weather in collected.weather:
        return WEATHER_SCENES[weather], ()
    if "aurora" in collected.sky:
        return "mountain", ("lake", "forest")
    if collected.times and collected.times[0] in ("sunset", "dawn", "golden"):
        return "sea", ()
    if collected.times or collected.sky:
        return "mountain", ("lake",)
    if "ink" in collected.styles:
        return "mountain", ("lake",)
    return "abstract", ()


def _time(times: list[str]) -> str:
    """The time of day; a plain night gives way to a named dusk or dawn ("starry dusk")."""
    named = [t for t in times if t != "night"] if len(times) > 1 else times
    return named[0] if named else ""


def _weather(collected: _CollectedMeanings, scene: str) -> frozenset[str]:
    """The weather named; a forest in ink without any stands in mist, the paper between its trees."""
    if scene == "forest" and "ink" in collected.styles[:1] and not collected.weather and not collected.sky:
        return frozenset({"fog"})
    return frozenset(collected.weather)


def _layout_key(
    scene: str,
    features: frozenset[str],
    subjects: tuple[str, ...],
    riding: tuple[str, str] | None,
    prompt: str,
    unknown: tuple[str, ...],
) -> str:
    if scene == "abstract" and not subjects:
        return "abstract|" + " ".join(unknown) if unknown or not prompt.strip() else "abstract"
    ride = ">".join(riding) if riding else ""
    return "|".join((scene, " ".join(sorted(features)), " ".join(subjects), ride))
