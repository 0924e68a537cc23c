"""The studio: controls from the schema, the price, bad input kept, and what is being made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts import credits
from accounts.models import MICRO, Account, LedgerEntry, User
from accounts.organizations import management
from gallery.models import Item
from predictions import lifecycle
from predictions.catalogue import loader, lookup
from predictions.execution import result_files
from predictions.models import Phase, Prediction, Preview, Status, Version
from predictions.providers.base import Update
from predictions.submit.validation import check
from studio.form import controls, field_values
from studio.sheet import frame_states, strip_list
from tests import factories
from tests.runner.sampling import one_in
from tests.support.picture_items import picture_item

SD = "stability-ai/stable-diffusion"
SDXL = "stability-ai/sdxl"
SCHNELL = "lucataco/flux-schnell-lora"
DEV = "lucataco/flux-dev-lora"


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    loader.load()


def find(ref: str) -> Version:
    version = lookup.find_version(ref)
    assert version is not None
    return version


def form(**fields: str) -> dict[str, str]:
    """What the page sends for flux-schnell-lora, untouched but for these fields."""
    return {
        "model": SCHNELL,
        "switches": "1",
        "prompt": "a red balloon",
        "aspect_ratio": "1:1",
        "num_outputs": "1",
        "num_inference_steps": "4",
        "seed": "",
        "output_format": "webp",
        "output_quality": "80",
        "hf_lora": "",
        "lora_scale": "0.8",
        "disable_safety_checker": "on",
        **fields,
    }


def test_a_sentence_becomes_a_prediction(as_alice: Client, alice: User) -> None:
    answer = as_alice.post("/studio/make/", form(num_outputs="4", seed="7", aspect_ratio="4:5"))
    assert answer.status_code == 302
    prediction = Prediction.objects.get()
    assert prediction.input == {
        "prompt": "a red balloon", "aspect_ratio": "4:5", "num_outputs": 4, "num_inference_steps": 4, "seed": 7,
        "output_format": "webp", "output_quality": 80, "lora_scale": 0.8, "disable_safety_checker": False,
    }  # fmt: skip
    assert (prediction.source, prediction.user, prediction.token) == ("web", alice, None)
    assert prediction.ceiling == 4 * 600_000
    assert answer["Location"].startswith("/studio/?model=lucataco%2Fflux-schnell-lora&prompt=a+red+balloon")


def test_every_served_models_untouched_form_is_a_valid_input(as_alice: Client) -> None:
    for ref in (SD, SDXL, SCHNELL, DEV):
        version = find(ref)
        panel = controls.panel(version, {"prompt": "a hill"})
        fields = {"prompt": "a hill", "switches": "1"}
        for control in [*panel.open, *panel.more]:
            for part in filter(None, (control, control.partner)):
                if part.kind != "switch" or part.shown_on:
                    fields[part.name] = part.value or ""
        given = field_values.read(version, fields)
        assert check(version, given) == []
        defaults = {name: rule["default"] for name, rule in version.properties.items() if "default" in rule}
        assert {name: value for name, value in given.items() if name != "prompt"}.items() <= defaults.items()


def test_a_switch_that_is_off_means_no_and_the_safety_check_is_turned(as_alice: Client) -> None:
    version = find(SDXL)
    given = field_values.read(version, {"switches": "1", "prompt": "x", "disable_safety_checker": "on"})
    assert given["apply_watermark"] is False
    assert given["disable_safety_checker"] is False
    assert field_values.read(version, {"switches": "1", "prompt": "x"})["disable_safety_checker"] is True


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    one_in(
        2,
        [
            ("num_inference_steps", "50", "Steps: from 1 to 12. You gave 50."),
            ("num_inference_steps", "many", "Steps: from 1 to 12. You gave many."),
            ("lora_scale", "nan", "LoRA strength: from 0 to 1. You gave nan."),
            ("seed", "lucky", "Seed takes a number. You gave lucky."),
            ("aspect_ratio", "7:5", "Aspect ratio: choose one of the values listed."),
            ("prompt", "   ", "Write what the picture should show."),
            ("prompt", "a\x00b", "NUL"),
        ],
    ),
)
def test_bad_input_comes_back_with_a_sentence(
    as_alice: Client, field: str, value: str, sentence: str
) -> None:
    answer = as_alice.post("/studio/make/", form(**{"output_quality": "55", field: value}))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert 'value="55"' in page
    assert not Prediction.objects.exists()
    assert not LedgerEntry.objects.filter(kind="hold").exists()


def test_the_prompt_is_kept_when_something_else_is_wrong(as_alice: Client) -> None:
    page = as_alice.post("/studio/make/", form(prompt="a very long thought", seed="x")).content.decode()
    assert "a very long thought</textarea>" in page


def test_markup_in_a_prompt_stays_text(as_alice: Client, alice: User) -> None:
    factories.make_prediction(alice, input={"prompt": '"><script>alert(1)</script>'})
    assert "<script>alert" not in as_alice.get("/studio/").content.decode()


def test_an_empty_account_is_told_why_and_nothing_is_held(as_charlie: Client, charlie: User) -> None:
    answer = as_charlie.post("/studio/make/", form())
    assert answer.status_code == 422
    assert "This needs 0.6 credits; you have 0.0." in answer.content.decode()
    assert not Prediction.objects.exists()
    assert Account.objects.get(pk=charlie.account_id).held == 0


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_a_page_that_was_opened_for_another_account_makes_nothing_before_that_is_seen(
    as_alice: Client, alice: User, headers: dict[str, str]
) -> None:
    def payer(page: str) -> str:
        return page.partition('name="payer" value="')[2].partition('"')[0]

    own = payer(as_alice.get("/studio/").content.decode())
    assert own == str(alice.account_id)
    organization = management.create(alice, "The press")
    credits.grant(organization, 5 * MICRO)
    # In another tab she begins to act for it; this page does not know.
    management.act_for(alice, organization.pk)
    for path in ("/studio/quote/", "/studio/form/"):
        changed = as_alice.post(path, form(payer=own, to=SCHNELL), headers=headers).content.decode()
        assert payer(changed) in ("", own)
    refused = as_alice.post("/studio/make/", form(payer=own), headers=headers)
    page = refused.content.decode()
    assert refused.status_code == 422
    assert "You act for The press now. Nothing was charged. Press again to make it on its balance." in page
    assert not Prediction.objects.exists()
    assert payer(page) == str(organization.pk)
    as_alice.post("/studio/make/", form(payer=payer(page)), headers=headers)
    assert Prediction.objects.get().account == organization
    management.act_for(alice, int(own))
    back = as_alice.post("/studio/make/", form(payer=str(organization.pk)), headers=headers).content.decode()
    assert "You act for your own account now." in back
    assert Prediction.objects.count() == 1


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("1", "This needs 0.6 credits; you have 0.0. Add credits first."),
        ("3", "This needs 1.8 credits; you have 0.0. Make fewer, or add credits."),
    ],
)
def test_too_little_credit_is_said_once_with_what_can_be_done_about_it(
    as_charlie: Client, asked: str, words: str, headers: dict[str, str]
) -> None:
    page = as_charlie.post("/studio/make/", form(num_outputs=asked), headers=headers).content.decode()
    assert page.count("This needs") == 1
    said = page[page.index('id="short"') :].partition("</p>")[0]
    assert words in said and 'role="alert"' in said


def test_a_suspended_account_is_told_why(as_alice: Client, alice: User) -> None:
    Account.objects.filter(pk=alice.account_id).update(status="suspended")
    answer = as_alice.post("/studio/make/", form())
    assert answer.status_code == 422
    assert "closed to new pictures" in answer.content.decode()


def test_a_model_that_nobody_serves_is_listed_with_the_reason_and_refuses(as_alice: Client) -> None:
    version = factories.make_version(factories.make_model("acme", "sculptor"))
    page = as_alice.get("/studio/").content.decode()
    assert "No provider serves it yet" in page
    answer = as_alice.post("/studio/make/", form(model=version.model.ref))
    assert answer.status_code == 422
    assert not Prediction.objects.exists()


def test_a_film_has_a_prompt_for_its_start_and_one_for_its_end(as_alice: Client, alice: User) -> None:
    model = "andreasjansson/stable-diffusion-animation"
    page = as_alice.get(f"/studio/?model={model}").content.decode()
    assert '<textarea id="prompt" name="prompt_start"' in page and 'name="prompt_end"' in page
    assert "No model can be used" not in page
    given = {"model": model, "switches": "1", "prompt_start": "a cat", "prompt_end": "a dog", "width": "256"}
    assert as_alice.post("/studio/make/", given).status_code in (200, 302)
    made = Prediction.objects.get().input
    assert (made["prompt_start"], made["prompt_end"], made["width"]) == ("a cat", "a dog", 256)


def test_the_button_says_the_exact_price(as_alice: Client) -> None:
    assert "0.34 credits" in as_alice.get(f"/studio/?model={SD}").content.decode()
    quote = as_alice.post("/studio/quote/", form(num_outputs="3"), headers={"HX-Request": "true"})
    assert "Make 3" in quote.content.decode()
    assert "1.8 credits" in quote.content.decode()


def test_another_model_keeps_what_fits_and_names_what_does_not(as_alice: Client) -> None:
    changed = form(model=DEV, to=SCHNELL, guidance_scale="7.5", num_inference_steps="40", seed="9")
    page = as_alice.post("/studio/form/", changed, headers={"HX-Request": "true"}).content.decode()
    assert "Left behind, this model has no such setting: Steps, Guidance." in page
    assert 'value="9"' in page
    assert "a red balloon</textarea>" in page


def test_a_prediction_is_made_again_with_its_own_settings(as_alice: Client, alice: User) -> None:
    before = factories.make_prediction(
        alice,
        find(DEV),
        input={"prompt": "a blue door", "guidance_scale": 6.5, "disable_safety_checker": True},
    )
    page = as_alice.get(f"/studio/?from={before.public_id}").content.decode()
    assert "a blue door</textarea>" in page
    assert 'value="6.5"' in page
    as_alice.post(f"/studio/{before.public_id}/again/")
    again = Prediction.objects.exclude(pk=before.pk).get()
    assert again.input == before.input


def test_a_public_picture_is_remixed_by_others(as_charlie: Client, alice: User) -> None:
    prediction = factories.make_prediction(
        alice, find(DEV), status=Status.SUCCEEDED, input={"prompt": "a blue door"}, output=["x"]
    )
    item = picture_item(alice, "a blue door", prediction=prediction, visibility="public")
    assert "a blue door</textarea>" in as_charlie.get(f"/studio/?item={item.public_id}").content.decode()


def test_cancelling_returns_the_hold(as_alice: Client, alice: User) -> None:
    prediction = factories.make_prediction(alice, find(DEV), ceiling=2 * MICRO)
    answer = as_alice.post(f"/studio/{prediction.public_id}/cancel/", follow=True)
    assert "Cancelled. 2 credits came back." in answer.content.decode()
    assert Account.objects.get(pk=alice.account_id).held == 0


def test_cancelling_too_late_says_so(as_alice: Client, alice: User) -> None:
    prediction = factories.make_prediction(alice, find(DEV), status=Status.SUCCEEDED, output=[])
    answer = as_alice.post(f"/studio/{prediction.public_id}/cancel/", follow=True)
    assert "Too late to cancel" in answer.content.decode()


def live(client: Client, *known: str) -> Any:
    return client.post("/studio/live/", {"known": list(known)}, headers={"HX-Request": "true"})


def running(user: User, **fields: Any) -> Prediction:
    values = {"status": Status.PROCESSING, "phase": Phase.RUNNING, "input": {"prompt": "x", "num_outputs": 2}}
    return factories.make_prediction(user, find(DEV), **values | fields)


def test_progress_is_what_the_provider_says(as_alice: Client, alice: User) -> None:
    log = " 71%|███████   | 20/28 [00:18<00:07,  1.08it/s]\n"
    prediction = running(alice, progress=0.714, logs=log)
    page = live(as_alice, f"{prediction.public_id}.99.").content.decode()
    assert '<progress class="hush" max="100" value="71"' in page
    assert "step 20 / 28" in page
    assert page.count("<progress") == 2


def test_progress_that_nobody_knows_is_not_invented(as_alice: Client, alice: User) -> None:
    prediction = running(alice)
    page = live(as_alice, f"{prediction.public_id}.99.").content.decode()
    assert "<progress" not in page
    assert "Developing" in page


def test_a_strip_that_did_not_change_is_not_sent_again(as_alice: Client, alice: User) -> None:
    prediction = running(alice)
    assert live(as_alice, f"{prediction.public_id}.{prediction.revision}.").status_code == 204


def test_the_page_stops_asking_when_all_has_ended(as_alice: Client, alice: User) -> None:
    prediction = factories.make_prediction(
        alice, find(DEV), status=Status.FAILED, error="The upstream stopped."
    )
    answer = live(as_alice, f"{prediction.public_id}.99.")
    assert answer.status_code == 286
    assert "The upstream stopped." in answer.content.decode()
    assert "Nothing was charged. 1 credit came back." in answer.content.decode()


def test_the_place_in_the_queue_is_shown(as_alice: Client, alice: User) -> None:
    factories.make_prediction(alice, find(DEV))
    factories.make_prediction(alice, find(DEV))
    page = as_alice.get("/studio/").content.decode()
    assert "1st in the queue" in page
    assert "2nd in the queue" in page


def test_finished_pictures_stand_in_their_frames(as_alice: Client, alice: User) -> None:
    prediction = factories.make_prediction(
        alice, find(DEV), status=Status.SUCCEEDED, ceiling=4 * MICRO, charge=3 * MICRO, output=["a", "b", "c"],
        input={"prompt": "x", "num_outputs": 4, "seed": 5},
    )  # fmt: skip
    for index in (0, 1, 3):
        picture_item(alice, "x", prediction=prediction, index=index)
    (batch,) = strip_list.recent(factories.account_of(alice))
    assert [frame.state for frame in batch.frames] == ["done", "done", "dropped", "done"]
    assert [frame.seed for frame in batch.frames if frame.state == "done"] == [5, 6, 8]
    others = "You paid for 3; 1 credit came back."
    assert batch.note == f"1 of 4 was too sensitive and was dropped. {others}"
    note = result_files.CollectedOutputs(missing={3: "gone"}, expected=4).note
    Prediction.objects.filter(pk=prediction.pk).update(logs=f"Using seed: 5\n[{note}]\n")
    (batch,) = strip_list.recent(factories.account_of(alice))
    assert [frame.state for frame in batch.frames] == ["done", "done", "missing", "done"]
    assert batch.note == f"1 of 4 could not be had. {others}"
    assert "Could not be had" in as_alice.get("/studio/").content.decode()


@pytest.mark.parametrize(
    ("given", "ratio"),
    [
        ({"aspect_ratio": "16:9"}, 16 / 9),
        ({"aspect_ratio": "nonsense"}, 1.0),
        ({"aspect_ratio": "1:0"}, 1.0),
        ({}, 1.0),
    ],
)
def test_a_frame_has_the_shape_that_was_asked_for(alice: User, given: dict[str, Any], ratio: float) -> None:
    prediction = factories.make_prediction(alice, find(DEV), input={"prompt": "x", **given})
    assert frame_states.requested_ratio(prediction) == pytest.approx(ratio)


def test_more_batches_cost_no_more_queries(
    as_alice: Client, alice: User, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    def queries() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as caught:
            as_alice.get("/studio/")
        return len(caught)

    def finished(count: int) -> None:
        for _ in range(count):
            one = factories.make_prediction(alice, find(DEV), status=Status.SUCCEEDED, output=["a"])
            picture_item(alice, "x", prediction=one)

    finished(2)
    few = queries()
    finished(6)
    assert queries() <= few


def test_htmx_gets_a_strip_and_a_poller(as_alice: Client) -> None:
    answer = as_alice.post("/studio/make/", form(), headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert "<html" not in page
    assert 'id="live"' in page
    assert 'hx-trigger="develop"' in page
    assert 'id="balance"' in page


def test_htmx_gets_the_form_back_when_something_is_wrong(as_alice: Client) -> None:
    answer = as_alice.post("/studio/make/", form(seed="x"), headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert answer["HX-Retarget"] == "#form"
    assert answer.content.decode().lstrip().startswith('<form id="form"')


def test_a_fragment_sends_a_signed_out_reader_to_the_sign_in_page(client: Client) -> None:
    answer = client.post("/studio/live/", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer["HX-Redirect"].startswith("/accounts/login/")


def test_a_deleted_batch_is_no_longer_made_again(as_alice: Client, alice: User) -> None:
    prediction = factories.make_prediction(alice, find(DEV), status=Status.SUCCEEDED, output=["x"])
    lifecycle.remove_data(prediction.pk)
    assert f"?from={prediction.public_id}" not in as_alice.get("/studio/").content.decode()


def test_the_settings_of_the_address_are_kept_without_scripts(as_alice: Client) -> None:
    made = as_alice.post("/studio/make/", form(seed="77", num_outputs="2"))
    page = as_alice.get(made["Location"]).content.decode()
    assert 'value="77"' in page
    assert "Make 2" in page
    assert 'name="disable_safety_checker" value="on" checked' in page


def test_a_prompt_in_the_address_fills_the_dock(as_alice: Client) -> None:
    assert "a quiet harbour</textarea>" in as_alice.get("/studio/?prompt=a+quiet+harbour").content.decode()


def test_a_model_shows_a_published_picture_of_its_own(as_alice: Client, alice: User) -> None:
    made = factories.make_prediction(alice, find(DEV), status=Status.SUCCEEDED, output=["x"])
    item = picture_item(alice, "x", prediction=made)
    sample = f'src="/gallery/{item.public_id}/picture/small" alt=""'
    assert sample not in as_alice.get(f"/studio/?model={DEV}").content.decode()
    Item.objects.filter(pk=item.pk).update(visibility="public", published_at=item.created_at)
    assert sample in as_alice.get(f"/studio/?model={DEV}").content.decode()


def developing(user: User, progress: float | None, asked: int = 1) -> Prediction:
    """A prediction at the provider, of which there is a look."""
    running = factories.make_prediction(
        user,
        find(SDXL),
        status=Status.PROCESSING,
        phase=Phase.RUNNING,
        progress=progress,
        input={"prompt": "a lake", "num_outputs": asked},
    )
    Preview.objects.create(prediction=running, data=b"\xff\xd8\xff", number=4)
    return running


def test_the_frame_that_is_at_work_shows_the_newest_look(as_alice: Client, alice: User) -> None:
    running = developing(alice, 0.6, asked=4)
    (batch,) = strip_list.recent(alice.account)
    looks = [frame.preview_url for frame in batch.frames]
    assert looks == ["", "", f"/p/{running.public_id}/preview?n=4", ""]
    assert [frame.progress for frame in batch.frames] == [100.0, 100.0, 40.0, 0.0]
    page = as_alice.get("/studio/").content.decode()
    assert page.count('class="look"') == 1
    assert f'src="/p/{running.public_id}/preview?n=4"' in page
    assert 'style="--done:60;--own:40.0"' in page


def test_a_new_look_is_news_for_the_page(as_alice: Client, alice: User) -> None:
    running = developing(alice, 0.6)
    known = [batch.state_key for batch in strip_list.recent(alice.account)]
    assert as_alice.post("/studio/live/", {"known": known}).status_code == 204
    lifecycle.note(
        Prediction.objects.get(pk=running.pk),
        Update("processing", progress=0.6, preview=b"\xff\xd8\xff new"),
        1,
    )
    answer = as_alice.post("/studio/live/", {"known": known})
    assert answer.status_code == 200 and f"/p/{running.public_id}/preview?n=5" in answer.content.decode()


def test_who_saves_data_is_sent_no_looks(as_alice: Client, alice: User) -> None:
    developing(alice, 0.6)
    assert 'class="look"' not in as_alice.get("/studio/", headers={"Save-Data": "on"}).content.decode()


def test_where_the_provider_tells_no_progress_the_first_frame_shows_the_look(alice: User) -> None:
    developing(alice, None, asked=2)
    (batch,) = strip_list.recent(alice.account)
    assert [bool(frame.preview_url) for frame in batch.frames] == [True, False]
