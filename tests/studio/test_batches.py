"""Lists of prompts and rows of seeds: one press, one price, one group on the sheet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import MICRO, Account, LedgerEntry, User
from gallery.models import Item, Like, ReaderChoice
from predictions import lifecycle
from predictions.catalogue import loader, lookup
from predictions.models import Phase, Prediction, Price, Status, Version
from predictions.providers.base import ProviderError
from predictions.upstreams import circuits
from studio import batches
from studio.sheet import strip_list, strips
from tests import factories
from tests.predictions.upstreams import upstream_rows
from tests.runner.sampling import one_in
from tests.support.picture_items import picture_item

SCHNELL = "lucataco/flux-schnell-lora"
DEV = "lucataco/flux-dev-lora"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    loader.load()


def find(ref: str) -> Version:
    version = lookup.find_version(ref)
    assert version is not None
    return version


def form(prompt: str = "a red balloon", **fields: str) -> dict[str, str]:
    """What the page sends for flux-schnell-lora."""
    return {"model": SCHNELL, "switches": "1", "prompt": prompt, "num_outputs": "1", "seed": "", **fields}


def group(user: User, count: int = 3, batch: str = "b" * 26, **fields: Any) -> list[Prediction]:
    """Predictions of one press, with a prompt each."""
    return [
        factories.make_prediction(user, find(DEV), batch=batch, input={"prompt": f"line {number}"}, **fields)
        for number in range(count)
    ]


# -- Asking ----------------------------------------------------------------------------------------------------


def test_each_line_becomes_a_prediction_of_one_batch(as_alice: Client) -> None:
    answer = as_alice.post("/studio/make/", form("a hill\r\n\r\n  a lake \n一片森林", each_line="on"))
    assert answer.status_code == 302
    made = list(Prediction.objects.order_by("id"))
    assert [one.input["prompt"] for one in made] == ["a hill", "a lake", "一片森林"]
    assert len({one.batch for one in made}) == 1 and len(made[0].batch) == 26


def test_every_prompt_is_made_with_every_seed(as_alice: Client) -> None:
    as_alice.post("/studio/make/", form("a hill\na lake", each_line="on", seed_count="3", seed="7"))
    made = Prediction.objects.order_by("id")
    assert [(one.input["prompt"], one.input["seed"]) for one in made] == [
        ("a hill", 7), ("a hill", 8), ("a hill", 9), ("a lake", 7), ("a lake", 8), ("a lake", 9),
    ]  # fmt: skip


def test_seeds_count_on_where_the_pictures_before_end(as_alice: Client) -> None:
    as_alice.post("/studio/make/", form(seed_count="2", seed="10", num_outputs="4"))
    assert [one.input["seed"] for one in Prediction.objects.order_by("id")] == [10, 14]


def test_without_a_seed_all_prompts_share_the_same_random_ones(as_alice: Client) -> None:
    as_alice.post("/studio/make/", form("a hill\na lake", each_line="on", seed_count="2"))
    seeds = [one.input["seed"] for one in Prediction.objects.order_by("id")]
    assert seeds[:2] == seeds[2:] and seeds[1] == seeds[0] + 1


def test_a_plain_form_is_no_batch(as_alice: Client) -> None:
    as_alice.post("/studio/make/", form("a hill\na lake", seed_count="1"))
    made = Prediction.objects.get()
    assert (made.batch, made.input["prompt"]) == ("", "a hill\na lake")


def test_the_button_says_count_and_price_of_the_whole_batch(as_alice: Client, alice: User) -> None:
    fields = form("a hill\na lake\na wood", each_line="on", seed_count="4", num_outputs="2")
    button = as_alice.post("/studio/quote/", fields).content.decode()
    assert "Make 24" in button and "14.4 credits" in button
    assert batches.quote(find(SCHNELL), fields, factories.account_of(alice)) == 24 * 600_000


def test_a_batch_is_accepted_whole_or_not_at_all(as_alice: Client, alice: User) -> None:
    Account.objects.filter(pk=alice.account_id).update(balance=2 * MICRO)
    answer = as_alice.post("/studio/make/", form("a\nb\nc\nd", each_line="on"))
    assert answer.status_code == 422
    assert "This needs 2.4 credits; you have 2.0." in answer.content.decode()
    assert not Prediction.objects.exists()
    assert not LedgerEntry.objects.filter(kind="hold").exists()


def test_a_price_that_rose_is_shown_before_it_is_accepted(as_alice: Client, alice: User) -> None:
    fields = form("a hill\na lake", each_line="on")
    button = as_alice.post("/studio/quote/", fields).content.decode()
    assert 'name="quoted" value="1200000"' in button
    Price.objects.create(model=find(SCHNELL).model, number=99, unit=Price.Unit.OUTPUT, amount=900_000)
    refused = as_alice.post("/studio/make/", fields | {"quoted": "1200000"}, headers=HTMX)
    page = refused.content.decode()
    assert refused.status_code == 422 and refused["HX-Retarget"] == "#form"
    assert "This costs 1.8 credits, not 1.2 credits as the button said. Nothing was charged." in page
    assert 'name="quoted" value="1800000"' in page and "a hill" in page
    assert not Prediction.objects.exists() and not LedgerEntry.objects.filter(kind="hold").exists()
    assert as_alice.post("/studio/make/", fields | {"quoted": "1800000"}).status_code == 302
    assert Prediction.objects.count() == 2


@pytest.mark.parametrize("quoted", ["", "9999999", "-1", "1e9", "٣", "9" * 400])
def test_a_price_that_fell_or_was_never_said_holds_nobody_up(as_alice: Client, quoted: str) -> None:
    assert as_alice.post("/studio/make/", form(quoted=quoted)).status_code == 302


@pytest.mark.parametrize(
    ("fields", "sentence"),
    one_in(2, [
        ({"prompt": "x\n" * 10_000, "each_line": "on"}, "The list has 10000 prompts: at most 64 at once."),
        ({"prompt": "x" * 100_001, "each_line": "on"}, "The list is too long: at most 100000 characters."),
        ({"prompt": "x\n" * 30, "each_line": "on", "seed_count": "3"}, "30 prompts with 3 seeds each are too many"),
        ({"seed_count": "17"}, "Seeds: from 1 to 16. You gave 17."),
        ({"seed_count": "-1"}, "Seeds: from 1 to 16. You gave -1."),
        ({"seed_count": "٣"}, "Seeds: from 1 to 16. You gave ٣."),
        ({"seed_count": "1e3"}, "Seeds: from 1 to 16."),
        ({"seed_count": "2", "seed": "lucky"}, "Seed takes a number. You gave lucky."),
        ({"prompt": "fine\nbad\x00", "each_line": "on"}, "Prompt 2 of the list:"),
        ({"prompt": " \n ", "each_line": "on"}, "Write what the picture should show."),
    ]),
)  # fmt: skip
def test_what_is_no_batch_is_refused_with_a_sentence(
    as_alice: Client, fields: dict[str, str], sentence: str
) -> None:
    answer = as_alice.post("/studio/make/", form(**{"prompt": "a hill", **fields}))
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Prediction.objects.exists()


def test_an_absurd_list_is_counted_for_the_button_without_a_price_one_could_press(as_alice: Client) -> None:
    button = as_alice.post("/studio/quote/", form("x\n" * 10_000, each_line="on")).content.decode()
    assert "At most 64 at once." in button


# -- Lineage ---------------------------------------------------------------------------------------------------


def test_a_remix_carries_the_picture_it_is_made_from(as_alice: Client, item: Item) -> None:
    page = as_alice.get(f"/studio/?item={item.public_id}").content.decode()
    assert f'name="made_from" value="{item.public_id}" form="form"' in page
    as_alice.post("/studio/make/", form(made_from=item.public_id, made_how="remix"))
    made = Prediction.objects.get(model__name="flux-schnell-lora")
    assert (made.made_from, made.made_how) == (item.public_id, "remix")


@pytest.mark.parametrize("how", ["remix", "variation", "input", "<script>", ""])
def test_a_forged_origin_is_ignored(as_charlie: Client, charlie: User, item: Item, how: str) -> None:
    factories.give(charlie, 10)
    for origin in (item.public_id, "x" * 5000, "a\x00b"):
        answer = as_charlie.post("/studio/make/", form(made_from=origin, made_how=how))
        assert answer.status_code == 302
    kept = Prediction.objects.filter(user=charlie).values_list("made_from", "made_how")
    assert set(kept) == {("", "")}


def test_a_picture_whose_prompt_is_kept_back_is_used_but_not_remixed(
    as_charlie: Client, charlie: User, public: Item
) -> None:
    factories.give(charlie, 10)
    Item.objects.filter(pk=public.pk).update(show_prompt=False)
    for how in ("remix", "input"):
        as_charlie.post("/studio/make/", form(made_from=public.public_id, made_how=how))
    kept = Prediction.objects.filter(user=charlie).order_by("id").values_list("made_from", flat=True)
    assert list(kept) == ["", public.public_id]


def test_variations_are_the_same_input_with_new_seeds(as_alice: Client, alice: User) -> None:
    made = factories.make_prediction(
        alice, find(SCHNELL), status=Status.SUCCEEDED, output=["x"],
        input={"prompt": "a hill", "seed": 7, "aspect_ratio": "4:5"},
    )  # fmt: skip
    item = picture_item(alice, "a hill", prediction=made)
    price = as_alice.get(f"/studio/vary/{item.public_id}/price/").content.decode()
    assert price == "4 · 2.4 credits"
    strip = as_alice.post(f"/studio/vary/{item.public_id}/", headers=HTMX).content.decode()
    child = Prediction.objects.exclude(pk=made.pk).get()
    assert child.input == {"prompt": "a hill", "aspect_ratio": "4:5", "num_outputs": 4}
    assert (child.made_from, child.made_how) == (item.public_id, "variation")
    assert f'id="batch-{child.public_id}"' in strip


def test_strangers_cannot_vary_a_private_picture(as_charlie: Client, item: Item) -> None:
    assert as_charlie.post(f"/studio/vary/{item.public_id}/").status_code == 404
    assert as_charlie.get(f"/studio/vary/{item.public_id}/price/").status_code == 404


def test_who_cannot_pay_for_variations_is_told_in_a_toast(
    as_charlie: Client, charlie: User, alice: User
) -> None:
    made = factories.make_prediction(
        alice, find(SCHNELL), status=Status.SUCCEEDED, output=["x"], input={"prompt": "a hill"}
    )
    item = picture_item(alice, "a hill", prediction=made, visibility="public")
    answer = as_charlie.post(f"/studio/vary/{item.public_id}/", headers=HTMX)
    assert "This needs 2.4 credits; you have 0.0." in answer.content.decode()
    assert answer["HX-Reswap"] == "none"


# -- The sheet -------------------------------------------------------------------------------------------------


def test_a_batch_is_one_group_with_first_prompt_count_and_state(as_alice: Client, alice: User) -> None:
    made = group(alice, 3)
    page = as_alice.get("/studio/").content.decode()
    assert page.count('class="batch group') == 1
    assert f'id="batch-{"b" * 26}"' in page
    assert "0 of 3 done" in page and "Cancel the rest" in page
    for row in made:
        assert f'id="batch-{row.public_id}"' in page


def test_an_ended_group_shows_four_until_it_is_opened(as_alice: Client, alice: User) -> None:
    made = group(alice, 6, status=Status.FAILED, error="The upstream stopped.")
    page = as_alice.get("/studio/").content.decode()
    assert [f'id="batch-{row.public_id}"' in page for row in made] == [True] * 4 + [False] * 2
    assert "Show all 6" in page and "6 failed" in page
    whole = as_alice.get(f"/studio/batch/{'b' * 26}/", headers=HTMX).content.decode()
    assert all(f'id="batch-{row.public_id}"' in whole for row in made)
    assert "<html" not in whole
    assert "<html" in as_alice.get(f"/studio/batch/{'b' * 26}/").content.decode()


def test_prompts_by_seeds_stand_in_a_grid(alice: User) -> None:
    for prompt in ("a", "b"):
        for seed in (1, 2, 3):
            given = {"prompt": prompt, "seed": seed}
            factories.make_prediction(alice, find(DEV), batch="g" * 26, input=given)
    (strip,) = strip_list.recent(factories.account_of(alice))
    assert isinstance(strip, strips.Group)
    assert (strip.layout, strip.columns, [row.label for row in strip.rows]) == ("grid", 3, ["a", "b"])
    numbers = [part.frames[0].number for row in strip.rows for part in row.parts]
    assert numbers == [1, 2, 3, 4, 5, 6]


def test_other_peoples_groups_do_not_exist(as_charlie: Client, alice: User) -> None:
    group(alice)
    assert as_charlie.get(f"/studio/batch/{'b' * 26}/").status_code == 404
    assert as_charlie.post(f"/studio/batch/{'b' * 26}/cancel/").status_code == 404
    assert "line 0" not in as_charlie.get(f"/studio/?list={'b' * 26}").content.decode()
    assert Prediction.objects.live().count() == 3


def test_cancelling_the_rest_leaves_what_is_done(as_alice: Client, alice: User) -> None:
    made = group(alice, 4, ceiling=MICRO)
    done = factories.make_prediction(
        alice, find(DEV), batch="b" * 26, status=Status.SUCCEEDED, output=["x"], input={"prompt": "done"}
    )
    picture_item(alice, "done", prediction=done)
    news = as_alice.post(f"/studio/batch/{'b' * 26}/cancel/", headers=HTMX).content.decode()
    assert f'id="head-{"b" * 26}"' in news and "1 of 5 done" in news
    assert all(f'id="batch-{row.public_id}"' in news for row in made)
    assert not Prediction.objects.live().exists()
    assert Account.objects.get(pk=alice.account_id).held == 0
    page = as_alice.post(f"/studio/batch/{'b' * 26}/cancel/", follow=True).content.decode()
    assert "Too late to cancel" in page


def live(client: Client, *known: str) -> Any:
    return client.post("/studio/live/", {"known": list(known)}, headers=HTMX)


def test_only_the_parts_that_changed_and_the_head_are_sent(as_alice: Client, alice: User) -> None:
    first, _second, third = group(alice, status=Status.PROCESSING, phase=Phase.RUNNING)
    strips = strip_list.find_strips(
        alice.account, ["b" * 26, *Prediction.objects.values_list("public_id", flat=True)]
    )
    known = [strip.state_key for strip in strips]
    assert live(as_alice, *known).status_code == 204
    lifecycle.cancel(first.public_id)
    page = live(as_alice, *known).content.decode()
    assert f'id="batch-{first.public_id}"' in page and f'id="head-{"b" * 26}"' in page
    assert f'id="batch-{third.public_id}"' not in page


def test_strips_by_the_thousand_are_read_page_by_page(as_alice: Client, alice: User) -> None:
    group(alice, 3, batch="a" * 26)
    singles = [factories.make_prediction(alice, find(DEV), input={"prompt": "x"}) for _ in range(13)]
    group(alice, 3)
    account = factories.account_of(alice)
    first = strip_list.page(account)
    assert len(first.strips) == strip_list.PAGE_SIZE and first.older
    second = strip_list.page(account, first.older)
    keys = [strip.key for strip in [*first.strips, *second.strips]]
    assert keys == ["b" * 26, *[one.public_id for one in reversed(singles)], "a" * 26]
    part = as_alice.get(f"/studio/?after={first.older}", headers=HTMX).content.decode()
    assert "<html" not in part and f'id="batch-{"a" * 26}"' in part
    assert as_alice.get("/studio/?after=nonsense").status_code == 200


def test_more_and_larger_groups_cost_no_more_queries(as_alice: Client, alice: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            as_alice.get("/studio/")
        return len(caught)

    def finished(batch: str, count: int) -> None:
        for one in group(alice, count, batch=batch, status=Status.SUCCEEDED, output=["x"]):
            picture_item(alice, "x", prediction=one)

    finished("a" * 26, 2)
    few = queries()
    finished("b" * 26, 5)
    finished("c" * 26, 3)
    assert queries() <= few


def test_sensitive_pictures_are_veiled_unless_the_reader_wants_them_shown(
    as_alice: Client, alice: User, item: Item
) -> None:
    Item.objects.filter(pk=item.pk).update(sensitive=True)
    assert "data-unveil" in as_alice.get("/studio/").content.decode()
    ReaderChoice.objects.create(user=alice, sensitive="show")
    assert "data-unveil" not in as_alice.get("/studio/").content.decode()


def test_a_liked_picture_is_known_as_liked_and_one_in_the_trash_says_so(
    as_alice: Client, alice: User, item: Item
) -> None:
    Like.objects.create(user=alice, item=item)
    assert "data-liked" in as_alice.get("/studio/").content.decode()
    Item.objects.filter(pk=item.pk).update(trashed_at=item.created_at)
    page = as_alice.get("/studio/").content.decode()
    assert "data-liked" not in page and "In the trash" in page


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            "Nothing could take this prediction in time. Nothing was charged.",
            "Nothing could take it in time.",
        ),
        ("NSFW content detected. Try another prompt.", "All pictures were too sensitive and were dropped."),
        ("CUDA out of memory", "CUDA out of memory"),
    ],
)
def test_a_failure_says_why_and_what_came_back(
    as_alice: Client, alice: User, error: str, sentence: str
) -> None:
    made = factories.make_prediction(alice, find(DEV), status=Status.FAILED, error=error, ceiling=MICRO)
    page = as_alice.get("/studio/").content.decode()
    assert sentence in page and "1 credit came back." in page
    assert (f"/studio/{made.public_id}/again/" in page) == ("NSFW" not in error)


def test_a_failure_says_that_another_upstream_is_asked_only_where_that_is_so(
    as_alice: Client, alice: User
) -> None:
    version = find(DEV)
    first, second = (upstream_rows.make_upstream(keys=2), upstream_rows.make_upstream())
    for upstream in (first, second):
        upstream_rows.make_route(upstream, version.model)
    tried, spare = first.keys.order_by("pk")
    factories.make_prediction(
        alice, version, status=Status.FAILED, error="It broke.", provider=tried.provider_name
    )

    def promised() -> bool:
        return "Retry asks another upstream." in as_alice.get("/studio/").content.decode()

    refused = ProviderError("They said no.", permanent=False, refused=True, kind="quota")
    assert not promised()
    circuits.failed(tried.provider_name, refused)
    assert not promised()  # the other key of the same upstream would be asked
    circuits.failed(spare.provider_name, refused)
    assert promised()
    circuits.failed(second.keys.get().provider_name, refused)
    assert not promised()


def test_a_text_is_shown_as_a_text(as_alice: Client, alice: User) -> None:
    version = factories.make_version(
        factories.make_model("acme", "writer"), output_schema={"type": "array", "items": {"type": "string"}}
    )
    factories.make_prediction(
        alice, version, status=Status.SUCCEEDED, output=["Once ", "upon <b>"], input={"prompt": "x"}
    )
    assert "Once upon &lt;b&gt;</p>" in as_alice.get("/studio/").content.decode()


# -- Coming back -----------------------------------------------------------------------------------------------


def test_a_whole_list_is_used_again(as_alice: Client, alice: User) -> None:
    for prompt in ("a hill", "a lake"):
        for seed in (3, 4):
            given = {"prompt": prompt, "seed": seed}
            factories.make_prediction(alice, find(DEV), batch="l" * 26, input=given)
    page = as_alice.get(f"/studio/?list={'l' * 26}").content.decode()
    assert "a hill\na lake</textarea>" in page
    assert 'name="each_line" value="on" form="form" checked' in page
    assert 'name="seed_count" form="form" min="1" max="16" step="1" value="2"' in page


def test_prompts_are_listed_once_newest_first_and_found_in_any_case(as_alice: Client, alice: User) -> None:
    for prompt in ("A Hill", "一片森林", "a lake", "A Hill", "<b>bold</b>"):
        factories.make_prediction(alice, find(DEV), source="web", input={"prompt": prompt})
    factories.make_prediction(alice, find(DEV), source="api", input={"prompt": "by a program"})
    lines = as_alice.get("/studio/prompts/", headers=HTMX).content.decode()
    positions = [lines.index(text) for text in ("&lt;b&gt;bold", ">A Hill<", ">a lake<", ">一片森林<")]
    assert positions == sorted(positions)
    assert lines.count(">A Hill<") == 1 and "by a program" not in lines
    assert ">A Hill<" in as_alice.get("/studio/prompts/?q=hILL", headers=HTMX).content.decode()
    assert "No prompt of yours matches “zzz”." in as_alice.get("/studio/prompts/?q=zzz").content.decode()
    assert as_alice.get("/studio/prompts/?start=99999999&q=%00").status_code == 200


def test_the_history_is_paged_and_nobody_elses(
    as_alice: Client, as_charlie: Client, alice: User, client_of: Callable[[User], Client]
) -> None:
    for number in range(21):
        factories.make_prediction(alice, find(DEV), source="web", input={"prompt": f"prompt {number}"})
    first = as_alice.get("/studio/prompts/", headers=HTMX).content.decode()
    assert "start=20" in first and ">prompt 0<" not in first
    assert ">prompt 0<" in as_alice.get("/studio/prompts/?start=20", headers=HTMX).content.decode()
    assert "prompt 1" not in as_charlie.get("/studio/prompts/").content.decode()


def test_an_old_prompt_fills_the_dock(as_alice: Client, as_charlie: Client, alice: User) -> None:
    made = factories.make_prediction(alice, find(DEV), source="web", input={"prompt": "a quiet harbour"})
    assert "a quiet harbour</textarea>" in as_alice.get(f"/studio/?words={made.public_id}").content.decode()
    assert "a quiet harbour" not in as_charlie.get(f"/studio/?words={made.public_id}").content.decode()


def test_a_running_part_says_how_far_it_is(as_alice: Client, alice: User) -> None:
    group(alice, 2, status=Status.PROCESSING, phase=Phase.RUNNING, progress=0.5)
    page = as_alice.get("/studio/").content.decode()
    assert page.count('<progress class="hush" max="100" value="50"') == 2
    assert '<progress class="hush" max="2" value="0"' in page
