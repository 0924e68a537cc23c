"""Words are matched despite unusual spelling, without false matches."""

from __future__ import annotations

import pytest

from predictions.policy.matcher import Matcher, NotAPattern, Rule, compile_pattern, parse_words

ODD = [
    "nude", "NUDE", "a Nude lady", "ｎｕｄｅ", "n.u.d.e", "n u d e", "n-u-d-e", "n_u_d_e", "n.u.d.e.", "nu-de",
    "nude_woman", "1girl,_nude",
    "nuuuude",
    "nüde", "nu\u0301de", "n\u200bu\u200bd\u200be", "nu\u00adde", "n\u2060ude", "nud3",
    "nυde", "nud\u0435", "𝓃𝓊𝒹ℯ", "(nude)", "“nude”", "nude,", "the\nnude\nlady", "ⓝⓤⓓⓔ", "NUDE!!!",
    "🅝🅤🅓🅔", "🅽🆄🅳🅴", "nud\u0454", "\u043fude", "n\u057dde", "\u0578ude",
]  # fmt: skip
INNOCENT = ["denuded rock", "nudes", "the red, under the sea", "a nu deep sea", "n u", "nu d", ""]
PARTED = [
    "nud3_woman", "nud3-woman", "nud3.woman", "nud3+woman", "nud3|woman", "nud3!woman", "woman_nud3", "1girl_nud3_4k",
    "n.u.d.e_woman", "n_u_d_e.woman", "nu.d3_woman", "nu_d3", "nüd3_woman", "nud\u0435-woman", "NUD3_WOMAN",
    "nud€_woman",
    "ｎｕｄ３＿woman", "nuuud3_woman", "(nud3_woman:1.2)", "nud3's", "nud3_", "_nud3", "n u d 3", "nud\u200b3_woman",
]  # fmt: skip
"""Disguised, and something else beside it without a blank between."""
RESEMBLES = {
    "ass": ["assess", "as_sess", "class_room", "cla55_room", "brass_4ssembly", "gl4ss-assembly", "as-is", "b455"],
    "cunt": ["Scunthorpe", "scunth0rpe_town", "Scunthorpe-2"],
    "cock": ["Hancock_5t", "peacock-blu3", "c0ckpit_view", "cocktail-h0ur"],
    "sex": ["Essex_2", "M1ddlesex", "s3xtant", "unisex_t-shirt"],
    "tit": ["titan_1", "title-1", "const1tut1on", "t1t4n-statue"],
    "rape": ["gr4pe_juice", "drape-2", "therap1st", "rap_e1"],
    "anal": ["analysis_3", "c4nal_boat", "b4nal-idea"],
    "cum": ["document_2", "cucumb3r_salad", "cum1n-seeds"],
    "nude": ["denuded_r0ck", "nu_deep", "a nu deep-sea", "nudes_4", "d3nude"],
}  # fmt: skip
ODD_CHINESE = ["裸体", "一张裸体照片", "裸 体", "裸.体", "裸*体", "裸\u200b体", "裸，体", "裸  体", "裸-体"]
INNOCENT_CHINESE = ["赤裸，体型", "成人裸\n体型", "人体", "裸麦，身体"]


@pytest.mark.parametrize("text", ODD)
def test_a_word_is_found_however_it_is_written(text: str) -> None:
    assert Matcher([Rule(1, words=("nude",))]).find(text)


@pytest.mark.parametrize("text", INNOCENT)
def test_a_word_is_not_found_inside_another(text: str) -> None:
    assert Matcher([Rule(1, words=("nude",))]).find(text) == []


@pytest.mark.parametrize("text", PARTED)
def test_a_disguised_word_is_found_beside_another_that_only_a_sign_parts_from_it(text: str) -> None:
    assert Matcher([Rule(1, words=("nude",))]).find(text)


@pytest.mark.parametrize(
    ("rule", "innocent"), [(rule, text) for rule, many in RESEMBLES.items() for text in many]
)
def test_no_word_is_found_inside_a_longer_one_however_that_is_written(rule: str, innocent: str) -> None:
    assert Matcher([Rule(1, words=(rule,))]).find(innocent) == []


@pytest.mark.parametrize("text", ["nak3d_person", "a n.a.k.e.d_pers0n", "very-nak3d person"])
def test_a_phrase_is_found_across_the_sign_that_parts_it(text: str) -> None:
    assert Matcher([Rule(1, words=("naked person",))]).find(text)


@pytest.mark.parametrize("text", ODD_CHINESE)
def test_a_chinese_word_is_found_inside_others_and_through_what_parts_it(text: str) -> None:
    assert Matcher([Rule(1, words=("裸体",))]).find(text)


@pytest.mark.parametrize("text", INNOCENT_CHINESE)
def test_what_a_comma_parts_is_no_chinese_word(text: str) -> None:
    assert Matcher([Rule(1, words=("裸体",))]).find(text) == []


@pytest.mark.parametrize(
    ("rule", "innocent"),
    [("god", "good"), ("ak", "4k photograph"), ("sex", "essex"), ("cop", "сорок"), ("boobs", "bobs")],
)
def test_what_only_resembles_a_word_is_left_alone(rule: str, innocent: str) -> None:
    assert Matcher([Rule(1, words=(rule,))]).find(innocent) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a  N.U.D.E  lady", "N.U.D.E"),
        ("ﬁne ｎｕｄｅ art", "ｎｕｄｅ"),
        ("e\u0301 nu\u0301de x", "nu\u0301de"),
        ("ß and naked  person", "naked  person"),
        ("照片：裸 体。", "裸 体"),
    ],
)
def test_the_place_of_what_was_found_is_that_in_the_text_as_it_was_written(text: str, found: str) -> None:
    matcher = Matcher([Rule(1, words=("nude", "naked person", "裸体"))])
    assert [text[one.start : one.end] for one in matcher.find(text)] == [found]


@pytest.mark.parametrize(
    "text",
    [
        "children with a GUN",
        "ｃｈｉｌｄ with gun",
        "c.h.i.l.d with gun",
        "ch1ld with gun",
        "child\u200b with gun",
    ],
)
def test_patterns_are_searched_for_without_case_and_through_odd_writing(text: str) -> None:
    matcher = Matcher([Rule(1, pattern=r"\bchild\w*\b.{0,20}\bgun"), Rule(2, pattern="never")])
    assert [one.rule for one in matcher.find(text)] == [1]


def test_a_pattern_finds_what_only_the_text_as_it_was_written_has() -> None:
    matcher = Matcher([Rule(1, pattern="naïve")])
    assert [(one.start, one.end) for one in matcher.find("a NAÏVE one")] == [(2, 7)]


@pytest.mark.parametrize(
    "pattern", ["(", "(?P<a", "(a{1000}){1000}", "(?=look)", r"(a)\1", "a*", "", "x" * 1001]
)
def test_a_pattern_that_cannot_be_run_or_finds_everything_is_refused(pattern: str) -> None:
    with pytest.raises(NotAPattern):
        compile_pattern(pattern)


def test_one_pattern_that_does_not_compile_takes_no_other_along() -> None:
    matcher = Matcher([Rule(1, pattern="("), Rule(2, pattern="gun"), Rule(3, pattern="knife")])
    assert [one.rule for one in matcher.find("a knife")] == [3]


def test_a_pattern_that_is_slow_elsewhere_is_not_here() -> None:
    # Backtracking would take longer than the universe has lasted.
    assert Matcher([Rule(1, pattern="(a+)+$b|(a|aa)+c")]).find("a" * 5000) == []


def test_five_thousand_words_and_two_hundred_patterns_are_all_looked_for() -> None:
    words = tuple(f"word{number}" for number in range(5000))
    matcher = Matcher([Rule(1, words=words), *(Rule(10 + n, pattern=f"pat{n}tern") for n in range(200))])
    found = {one.rule for one in matcher.find("word4999 and pat199tern and pat0tern")}
    assert found == {1, 10, 209}


def test_a_text_of_the_longest_kind_made_to_be_slow_is_read_to_its_end() -> None:
    matcher = Matcher([Rule(1, words=("nude", "裸体"))])
    for text in ("a." * 50_000 + " nude", "裸 " * 49_000 + "裸体", "\u200b" * 90_000 + "nude"):
        assert [one.rule for one in matcher.find(text)] == [1]


def test_words_stand_one_or_several_a_line_and_notes_are_none() -> None:
    text = "# what we do not want\nnude, naked person\n裸体、赤裸；脱光\n\n nude \n"
    assert parse_words(text) == ("nude", "naked person", "裸体", "赤裸", "脱光")
