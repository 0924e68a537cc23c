"""Chinese prompts: their interpretation, and the pictures painted from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from engine.painting import ParsedPrompt, paint, parse_prompt
from tests.engine.image_metrics import Pixels, lab, mean_lab


@dataclass(frozen=True)
class Case:
    """A prompt, its English translation, and its expected interpretation."""

    chinese: str
    english: str
    scene: str
    subjects: tuple[str, ...] = ()
    features: frozenset[str] = frozenset()
    time: str = ""
    weather: frozenset[str] = frozenset()
    style: str = ""


CASES = (
    Case(
        "一只橘猫坐在窗边", "an orange cat sitting by the window", "studio", ("cat",), frozenset({"window"})
    ),
    Case(
        "雪山下的湖泊，日落",
        "a lake below snowy mountains, sunset",
        "mountain",
        (),
        frozenset({"lake"}),
        "sunset",
    ),
    Case("赛博朋克城市夜景", "cyberpunk city at night", "city", (), frozenset({"neon"}), "night"),
    Case("竹林里的熊猫", "a panda in the bamboo forest", "forest", ("panda",), frozenset({"bamboo"})),
    Case(
        "樱花树下的少女", "a girl under cherry blossom trees", "forest", ("person",), frozenset({"blossom"})
    ),
    Case("红色的鲤鱼", "a red carp", "underwater", ("fish",)),
    Case("长城 雪", "the great wall, snow", "hills", (), frozenset({"wall"}), weather=frozenset({"snow"})),
    Case("江南水乡", "a water town", "lake", (), frozenset({"river", "village"})),
    Case("一杯茶，水彩", "a cup of tea, watercolor", "studio", ("cup",), style="watercolor"),
    Case("沙漠里的骆驼，清晨", "a camel in the desert, early morning", "desert", ("camel",), time="dawn"),
)
IDS = [case.chinese for case in CASES]


def picture(prompt: str, side: int = 192) -> tuple[Pixels, Pixels | None]:
    painted = paint(prompt, width=side, height=side, seed=3)
    return painted.pixels, painted.subject_mask


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_chinese_prompt_names_its_scene_its_subject_and_its_mood(case: Case) -> None:
    prompt = parse_prompt(case.chinese)
    assert (prompt.scene, prompt.subjects, prompt.time, prompt.style) == (
        case.scene,
        case.subjects,
        case.time,
        case.style,
    )
    assert prompt.features >= case.features
    assert prompt.weather == case.weather


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_nothing_but_a_verb_is_lost_on_the_way(case: Case) -> None:
    assert set(parse_prompt(case.chinese).unknown) <= {"坐"}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_chinese_prompt_and_its_translation_have_one_layout(case: Case) -> None:
    def drawn(prompt: ParsedPrompt) -> tuple[object, ...]:
        return prompt.layout_key, prompt.time, prompt.weather, prompt.sky, prompt.style, prompt.colours

    assert drawn(parse_prompt(case.chinese)) == drawn(parse_prompt(case.english))


@pytest.mark.parametrize("case", [CASES[0], CASES[5], CASES[8]], ids=[IDS[0], IDS[5], IDS[8]])
def test_a_chinese_prompt_paints_the_bytes_of_its_translation(case: Case) -> None:
    assert picture(case.chinese, 96)[0].tobytes() == picture(case.english, 96)[0].tobytes()


@pytest.mark.in_turn(3)
def test_the_orange_cat_is_orange_and_the_carp_is_red() -> None:
    pixels, mask = picture("一只橘猫坐在窗边")
    _, a, b = mean_lab(pixels, mask)
    assert a > 12 and b > 20
    pixels, mask = picture("红色的鲤鱼")
    assert mask is not None
    reds = lab(pixels)[..., 1][mask > 127]
    assert (reds > 40).mean() > 0.25


@pytest.mark.in_turn(3)
def test_the_blue_car_is_blue_wherever_the_colour_stands() -> None:
    for prompt in ("一辆蓝色的汽车", "一辆汽车，蓝色", "汽车是蓝色的", "藍色的汽車"):
        pixels, mask = picture(prompt, 128)
        assert mean_lab(pixels, mask)[2] < -15, prompt


@pytest.mark.in_turn(3)
def test_the_panda_stands_black_and_white_among_green_culms() -> None:
    pixels, mask = picture("竹林里的熊猫")
    assert mask is not None
    coat, around = lab(pixels)[mask > 127], lab(pixels)[mask < 1]
    assert np.hypot(coat[:, 1], coat[:, 2]).mean() < 16
    assert coat[:, 0].std() > 15
    assert (around[:, 1] < -8).mean() > 0.3


@pytest.mark.in_turn(3)
def test_cherry_trees_are_pink_over_the_girl() -> None:
    upper = lab(picture("樱花树下的少女")[0])[:110]
    assert (upper[..., 1] > 8).mean() > 0.25
    plain = lab(picture("树林里的少女")[0])[:110]
    assert (plain[..., 1] > 8).mean() < 0.08


@pytest.mark.in_turn(3)
def test_the_wall_stands_in_the_hills_and_nowhere_else() -> None:
    with_wall, without = (picture(prompt)[0].astype(np.float32) for prompt in ("长城", "山丘"))
    assert parse_prompt("山丘").scene == parse_prompt("长城").scene
    stone = lab(with_wall.astype(np.uint8))[96:]
    grass = lab(without.astype(np.uint8))[96:]
    assert (np.hypot(stone[..., 1], stone[..., 2]) < 20).mean() > (
        np.hypot(grass[..., 1], grass[..., 2]) < 20
    ).mean() + 0.03


@pytest.mark.in_turn(3)
def test_the_city_shines_at_night_and_the_lake_glows_at_sunset() -> None:
    city = lab(picture("赛博朋克城市夜景")[0])
    assert np.median(city[..., 0]) < 30
    assert (np.hypot(city[..., 1], city[..., 2]) > 40).mean() > 0.05
    _, a, b = mean_lab(picture("雪山下的湖泊，日落")[0][:70])
    _, day_a, day_b = mean_lab(picture("雪山下的湖泊，中午")[0][:70])
    assert a > day_a + 15 and b > day_b + 5


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [
        ("一隻貓在窗邊", "一只猫在窗边"),
        ("紅色的鯉魚", "红色的鲤鱼"),
        ("櫻花樹下的馬", "樱花树下的马"),
        ("長城，黃昏，霧", "长城，黄昏，雾"),
        ("兩隻熊貓在竹林裡", "两只熊猫在竹林里"),
        ("騎著駱駝的機器人", "骑着骆驼的机器人"),
        ("江南水鄉，水墨畫", "江南水乡，水墨画"),
        ("綠色的烏龜", "绿色的乌龟"),
    ],
)
def test_traditional_characters_mean_what_simplified_ones_do(traditional: str, simplified: str) -> None:
    one, other = parse_prompt(traditional), parse_prompt(simplified)
    assert (one.layout_key, one.time, one.weather, one.style, one.colours) == (
        other.layout_key,
        other.time,
        other.weather,
        other.style,
        other.colours,
    )
    assert one.subjects == other.subjects


def test_words_are_reported_as_they_were_written() -> None:
    assert parse_prompt("紅色的貓").known == ("紅色", "貓")


@pytest.mark.parametrize(
    ("prompt", "subjects"),
    [
        ("三杯咖啡", ("cup", "cup", "cup")),
        ("一群骏马", ("horse", "horse", "horse")),
        ("两盏红灯笼", ("lantern", "lantern")),
        ("一棵树和两头大象", ("tree", "elephant", "elephant")),
        ("一位宇航员骑着白马", ("astronaut", "horse")),
        ("一叶扁舟", ("boat",)),
    ],
)
def test_measure_words_count_and_are_never_unknown(prompt: str, subjects: tuple[str, ...]) -> None:
    parsed = parse_prompt(prompt)
    assert parsed.subjects == subjects
    assert parsed.unknown == ()


def test_a_word_that_holds_another_word_is_not_taken_for_it() -> None:
    for prompt in ("想象", "马上", "画家", "山羊"):
        assert parse_prompt(prompt).subjects == ()
        assert parse_prompt(prompt).unknown == (prompt,)
    assert parse_prompt("火车").subjects == ("train",)
    assert parse_prompt("风车").subjects == ("windmill",)


def test_a_white_horse_and_a_red_lantern_bring_their_colour_along() -> None:
    assert parse_prompt("草原上的白马").colours == (("white", "horse"),)
    assert parse_prompt("红灯笼").colours == (("red", "lantern"),)
    assert parse_prompt("穿红裙的女孩在海边").colours == (("red", "person"),)


def test_a_colour_after_its_noun_paints_that_noun() -> None:
    assert parse_prompt("一辆汽车，红色，在海边").colours == (("red", "car"),)
    assert parse_prompt("汽车是红色的").colours == (("red", "car"),)
    assert parse_prompt("红色的汽车和蓝色的房子").colours == (("red", "car"), ("blue", "house"))
