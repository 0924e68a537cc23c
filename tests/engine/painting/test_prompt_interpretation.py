"""Interpretation of English prompts."""

from __future__ import annotations

import pytest

from engine.painting import parse_prompt
from engine.painting.prompt.chinese import CHINESE
from engine.painting.prompt.english import ENGLISH
from engine.painting.prompt.lexicon import COLOURS


@pytest.mark.parametrize(
    ("prompt", "scene"),
    [
        ("a mountain lake at sunset", "mountain"),
        ("a vision of paradise. unreal engine", "sea"),
        ("an astronaut riding a horse on mars", "desert"),
        ("A fantasy landscape, trending on artstation", "mountain"),
        ("tokyo at night", "city"),
        ("a lighthouse on a cliff", "sea"),
        ("autumn leaves", "forest"),
        ("an astronaut", "space"),
        ("an orange cat", "studio"),
        ("a cat in the rain", "hills"),
        ("a beautiful castle, illustration", "mountain"),
        ("sunset", "sea"),
        ("northern lights", "mountain"),
        ("zxqv blorp", "abstract"),
        ("", "abstract"),
        ("   \n", "abstract"),
    ],
)
def test_it_finds_the_scene(prompt: str, scene: str) -> None:
    assert parse_prompt(prompt).scene == scene


def test_it_binds_a_colour_to_the_next_noun() -> None:
    prompt = parse_prompt("a red balloon over green hills under a purple sky")
    assert set(prompt.colours) == {("red", "balloon"), ("green", "ground"), ("purple", "sky")}


def test_it_gives_a_colour_without_a_noun_to_the_whole_palette() -> None:
    assert parse_prompt("a red sunset over the sea").colours == (("red", "*"),)
    assert parse_prompt("abstract blue and gold").colours == (("blue", "*"), ("gold", "*"))


def test_it_keeps_a_colour_inside_its_clause() -> None:
    assert parse_prompt("a beautiful scene in blue, a car").colours_of("car") == ()


def test_it_lets_a_colour_look_back_over_is() -> None:
    assert parse_prompt("the car is red").colours == (("red", "car"),)


def test_it_skips_words_between_a_colour_and_its_noun() -> None:
    assert parse_prompt("a red vintage zxqv car").colours == (("red", "car"),)


def test_it_does_not_paint_the_world_in_the_colour_of_eyes() -> None:
    prompt = parse_prompt("a cat with blue eyes")
    assert prompt.colours == ()
    assert "blue" in prompt.unknown


def test_it_dresses_a_person_in_the_colour_of_the_dress() -> None:
    assert parse_prompt("a woman in a red dress").colours == (("red", "bust"),)


def test_it_knows_who_rides_whom() -> None:
    assert parse_prompt("an astronaut riding a white horse").riding == ("astronaut", "horse")
    assert parse_prompt("a cat on a horse").riding == ("cat", "horse")
    assert parse_prompt("一个宇航员骑着马").riding == ("astronaut", "horse")
    assert parse_prompt("a cat and a horse").riding is None


def test_a_face_of_an_animal_is_that_animal_alone() -> None:
    assert parse_prompt("Face of a yellow cat, high resolution").subjects == ("cat:face",)
    assert parse_prompt("Face of a yellow cat").colours_of("cat:face") == ("yellow",)


def test_a_portrait_without_a_subject_is_a_person() -> None:
    assert parse_prompt("a portrait").subjects == ("bust",)
    assert parse_prompt("portrait of a woman").subjects == ("bust",)


def test_a_person_in_a_place_is_a_whole_one() -> None:
    for prompt in ("a woman in a forest", "1girl, cherry blossoms", "a boy and his dog", "海边的男人"):
        assert "person" in parse_prompt(prompt).subjects
    assert parse_prompt("a woman in a red dress on the beach").colours_of("person") == ("red",)
    for prompt in ("a woman", "portrait of a man in the mountains", "a bust of a child in a park"):
        assert parse_prompt(prompt).subjects == ("bust",)
    assert parse_prompt("a girl riding a horse in the desert").riding == ("person", "horse")


@pytest.mark.parametrize(
    ("prompt", "subjects"),
    [
        ("two cats", ("cat", "cat")),
        ("three birds", ("bird", "bird", "bird")),
        ("a flock of 12 ducks and two red cars", ("duck", "duck", "car")),
        ("horses on a meadow", ("horse", "horse")),
        ("三只小鸟", ("bird", "bird", "bird")),
        ("一群马在草原上", ("horse", "horse", "horse")),
        ("a cat with two blue eyes", ("cat",)),
        ("two hills and a dog", ("dog",)),
        ("a cactus", ("cactus",)),
        ("35 mm photo of a cat", ("cat",)),
        ("a pair of wolves", ("wolf", "wolf")),
        ("an astronaut riding two horses", ("astronaut", "horse")),
    ],
)
def test_it_counts_what_is_asked_for(prompt: str, subjects: tuple[str, ...]) -> None:
    assert parse_prompt(prompt).subjects == subjects


def test_counting_leaves_no_other_subject_out() -> None:
    assert parse_prompt("five dogs, a cat and a car").subjects == ("dog", "cat", "car")


def test_an_aurora_over_a_forest_has_an_open_sky() -> None:
    prompt = parse_prompt("aurora over a forest")
    assert prompt.scene == "mountain"
    assert "forest" in prompt.features


@pytest.mark.parametrize(
    ("prompt", "scene", "trail"),
    [
        ("a road through the desert", "desert", False),
        ("森林中的小路", "forest", True),
        ("a path", "hills", True),
    ],
)
def test_a_road_leads_through_the_place_that_is_named(prompt: str, scene: str, trail: bool) -> None:
    parsed = parse_prompt(prompt)
    assert parsed.scene == scene
    assert "road" in parsed.features
    assert ("trail" in parsed.features) is trail


def test_a_landscape_in_ink_needs_no_other_word() -> None:
    assert parse_prompt("水墨山水").scene == "mountain"
    assert parse_prompt("an ink painting").scene == "mountain"


def test_it_takes_out_what_the_negative_prompt_names() -> None:
    assert "lake" in parse_prompt("mountain lake").features
    assert "lake" not in parse_prompt("mountain lake", "lake").features
    assert parse_prompt("a cat and a dog", "dogs, blurry").subjects == ("cat",)
    assert parse_prompt("a red car", "red").colours == ()


def test_it_sorts_words_into_known_and_unknown() -> None:
    prompt = parse_prompt("mountain lake at sunset, zxqv, artstation")
    assert prompt.known == ("mountain", "lake", "sunset")
    assert prompt.unknown == ("zxqv", "artstation")


def test_it_reads_chinese_as_the_same_picture() -> None:
    assert parse_prompt("一只猫").layout_key == parse_prompt("a cat").layout_key
    prompt = parse_prompt("日落时分的雪山和湖，一辆红色的汽车")
    assert (prompt.time, prompt.scene) == ("sunset", "mountain")
    assert ("red", "car") in prompt.colours


def test_the_layout_key_ignores_colour_time_weather_and_style() -> None:
    plain = parse_prompt("a car in the hills").layout_key
    for prompt in (
        "a blue car in the hills at night",
        "a car in foggy hills, oil painting",
        "a car in the hills, snow",
    ):
        assert parse_prompt(prompt).layout_key == plain
    assert parse_prompt("a dog in the hills").layout_key != plain


def test_unknown_prompts_have_layouts_of_their_own() -> None:
    assert parse_prompt("zxqv").layout_key != parse_prompt("blorp").layout_key


def test_it_gives_subjects_something_to_stand_on() -> None:
    assert "beach" in parse_prompt("a dog by the sea").features
    assert "lake" in parse_prompt("a boat in the mountains").features


def test_it_survives_odd_prompts() -> None:
    for prompt in (
        "\x00\x01",
        "🙂" * 40,
        "a" * 20_000,
        "(cat:1.3), [dog], {bird|fish}",
        "《》、。",
        "\ud83d",
        "CAFÉ à la carte",
    ):
        parse_prompt(prompt)


def test_every_meaning_in_the_word_list_is_one_the_painter_handles() -> None:
    kinds = {
        "scene",
        "feature",
        "subject",
        "time",
        "weather",
        "sky",
        "style",
        "colour",
        "close",
        "ride",
        "part",
    }
    meanings = {m for table in (ENGLISH, CHINESE) for key in table for m in key.split()}
    assert {m.partition(":")[0] for m in meanings} == kinds
    colours = {m.partition(":")[2] for m in meanings if m.startswith("colour:")}
    assert colours == set(COLOURS) | {"rainbow", "vivid"}


@pytest.mark.parametrize("table", [ENGLISH, CHINESE], ids=["english", "chinese"])
def test_no_word_stands_in_the_list_twice(table: dict[str, str]) -> None:
    words = [word for line in table.values() for word in line.split()]
    assert sorted(w for w in set(words) if words.count(w) > 1) == []


def test_every_subject_of_the_word_list_can_be_drawn() -> None:
    from engine.painting.subjects import NAMES
    from engine.painting.subjects.scene_sizes import SIZES

    named = {
        m.partition(":")[2]
        for table in (ENGLISH, CHINESE)
        for key in table
        for m in key.split()
        if m.startswith("subject:")
    }
    assert named <= set(NAMES)
    assert named <= set(SIZES)


def test_every_style_of_the_word_list_can_be_applied() -> None:
    from engine.painting.styles import STYLES

    named = {
        m.partition(":")[2]
        for table in (ENGLISH, CHINESE)
        for key in table
        for m in key.split()
        if m.startswith("style:")
    }
    assert named <= set(STYLES)


def test_a_rainbow_that_colours_nothing_stands_in_the_sky() -> None:
    assert "rainbow" in parse_prompt("green hills and a rainbow").sky
    assert parse_prompt("a rainbow unicorn").colours == (("rainbow", "unicorn"),)
    assert "rainbow" not in parse_prompt("a rainbow unicorn").sky


def test_the_moon_brings_the_night_unless_another_time_is_named() -> None:
    assert parse_prompt("the moon over the sea").time == "night"
    assert parse_prompt("the moon over the sea at dawn").time == "dawn"


@pytest.mark.parametrize(
    ("prompt", "scene", "subjects"),
    [
        ("a cup of coffee on a wooden table, morning light", "studio", ("cup",)),
        ("a samurai under a cherry blossom tree", "forest", ("person",)),
        ("a hyper realistic portrait of an old fisherman", "studio", ("bust",)),
        ("cute cat wearing a wizard hat", "studio", ("cat",)),
        ("eiffel tower at night", "city", ("tower",)),
        ("a pyramid in the desert, camels", "desert", ("pyramid", "camel", "camel")),
        ("a viking ship in a stormy sea", "sea", ("sailboat",)),
        ("a deer in a misty forest", "forest", ("deer",)),
        ("a windmill in a tulip field", "hills", ("windmill",)),
        ("a bicycle leaning against a wall", "studio", ("bicycle",)),
        ("a bowl of ramen, studio ghibli style", "studio", ("bowl",)),
        ("the great wall of china in autumn", "hills", ()),
    ],
)
def test_popular_prompts_show_what_they_name(prompt: str, scene: str, subjects: tuple[str, ...]) -> None:
    parsed = parse_prompt(prompt)
    assert (parsed.scene, parsed.subjects) == (scene, subjects)
