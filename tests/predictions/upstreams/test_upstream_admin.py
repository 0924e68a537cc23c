"""Admin pages of upstreams: adding, changing and testing them; secrets are never shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import MICRO, AuditEntry, User
from core import crypto
from predictions.admin.upstream_forms import KeyForm
from predictions.models import Upstream, UpstreamKey, UpstreamRun
from predictions.providers.base import AnswerLost, ProviderError
from predictions.upstreams import circuits, configuration, key_rotation, run_records
from tests import factories
from tests.predictions.upstreams import upstream_rows
from tests.runner.sampling import one_in

pytestmark = pytest.mark.django_db
SECRET = "planted-desk-secret-4711"
HEALTH = "/admin/upstreams/"
ADD = "/admin/predictions/upstream/add/"


@pytest.fixture
def staff_client(staff: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(staff)


def sent(**fields: Any) -> dict[str, Any]:
    """What the form sends for an upstream with one key and no route."""
    return {
        "name": "far", "url": "https://far.example/v1/", "enabled": "on", "serves_all": "on", "priority": "100",
        "weight": "1", "in_flight_limit": "16", "requests_per_second": "10", "connect_s": "5", "read_s": "30",
        "files": "auto", "day_cap": "", "keys-TOTAL_FORMS": "1", "keys-INITIAL_FORMS": "0", "keys-0-label": "main",
        "keys-0-new_secret": SECRET, "keys-0-enabled": "on", "keys-0-weight": "1", "routes-TOTAL_FORMS": "0",
        "routes-INITIAL_FORMS": "0", **fields,
    }  # fmt: skip


def of_key(key: UpstreamKey, **fields: Any) -> dict[str, Any]:
    """The part of the form for a key that is there."""
    return {
        "keys-INITIAL_FORMS": "1",
        "keys-0-id": str(key.pk),
        "keys-0-upstream": str(key.upstream_id),
        **fields,
    }


def change(upstream: Upstream) -> str:
    return reverse("admin:predictions_upstream_change", args=[upstream.pk])


def add(staff_client: Client, **fields: Any) -> Upstream:
    answer = staff_client.post(ADD, sent(**fields))
    assert answer.status_code == 302, answer.content.decode()[:3000]
    return Upstream.objects.get()


def test_an_upstream_is_added_with_its_key_encrypted_and_works_at_once(staff_client: Client) -> None:
    configuration.all_providers()
    upstream = add(staff_client, day_cap="12.5")
    key = upstream.keys.get()
    assert (upstream.url, upstream.day_cap) == ("https://far.example/v1", 12_500_000)
    assert (key.label, key.hint) == ("main", "4711")
    assert SECRET not in key.secret and crypto.decrypt(key.secret) == SECRET
    assert [one.name for one in configuration.all_providers()] == [key.provider_name]


def test_no_page_ever_shows_a_key(staff_client: Client) -> None:
    upstream = add(staff_client)
    key = upstream.keys.get()
    circuits.failed(
        key.provider_name, ProviderError(f"Wrong {SECRET}", permanent=False, kind="key", answer=SECRET)
    )
    pages = [
        HEALTH, change(upstream), "/admin/predictions/upstream/", "/admin/predictions/upstreamkey/",
        reverse("admin:predictions_upstreamkey_change", args=[key.pk]),
        reverse("admin:predictions_upstream_history", args=[upstream.pk]), "/admin/",
    ]  # fmt: skip
    for page in pages:
        text = staff_client.get(page).content.decode()
        assert SECRET not in text and key.secret not in text, page
    # Not even what was just typed comes back with an error.
    text = staff_client.post(ADD, sent(name="other", url="nonsense")).content.decode()
    assert "An address such as" in text and SECRET not in text
    assert not any(SECRET in f"{entry} {entry.change_message}" for entry in LogEntry.objects.all())


def test_a_key_stays_while_its_field_is_empty_and_changes_when_it_is_not(staff_client: Client) -> None:
    upstream = add(staff_client)
    key = upstream.keys.get()
    circuits.failed(key.provider_name, ProviderError("No.", permanent=False, kind="key"))
    staff_client.post(change(upstream), sent(**of_key(key), **{"keys-0-new_secret": "", "priority": "7"}))
    key.refresh_from_db()
    assert crypto.decrypt(key.secret) == SECRET and key.state == "open"
    staff_client.post(
        change(upstream), sent(**of_key(key), **{"keys-0-new_secret": "planted-new-secret-0815"})
    )
    key.refresh_from_db()
    assert (crypto.decrypt(key.secret), key.hint, key.state) == ("planted-new-secret-0815", "0815", "closed")
    assert Upstream.objects.get().name == "far"


def test_a_key_is_not_taken_along_to_another_service(staff_client: Client) -> None:
    upstream = add(staff_client)
    key = upstream.keys.get()
    there = {"url": "https://evil.example/v1"}
    answer = staff_client.post(change(upstream), sent(**of_key(key), **there) | {"keys-0-new_secret": ""})
    assert answer.status_code == 200 and "type this key anew" in answer.content.decode()
    upstream.refresh_from_db()
    assert upstream.url == "https://far.example/v1"
    # Another path of the same service, or another service with its own key.
    for url, secret in (("https://far.example/v2", ""), ("https://evil.example/v1", "another-key-0815")):
        answer = staff_client.post(
            change(upstream), sent(**of_key(key), url=url) | {"keys-0-new_secret": secret}
        )
        assert answer.status_code == 302, answer.content.decode()[:3000]
    key.refresh_from_db()
    assert crypto.decrypt(key.secret) == "another-key-0815"


@pytest.mark.parametrize("where", ["upstream", "key"])
def test_saving_a_key_never_closes_a_circuit_that_opens_meanwhile(
    staff_client: Client, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream = add(staff_client)
    key = upstream.keys.get()
    check = KeyForm.clean

    def meanwhile(form: KeyForm) -> Any:
        circuits.failed(key.provider_name, ProviderError("No.", permanent=False, kind="key"))
        return check(form)

    monkeypatch.setattr(KeyForm, "clean", meanwhile)
    if where == "upstream":
        staff_client.post(
            change(upstream), sent(**of_key(key), **{"keys-0-new_secret": "", "keys-0-weight": "5"})
        )
    else:
        address = reverse("admin:predictions_upstreamkey_change", args=[key.pk])
        assert (
            staff_client.post(address, {"label": "main", "enabled": "on", "weight": "5"}).status_code == 302
        )
    key.refresh_from_db()
    assert (key.weight, key.state, key.failures) == (5, "open", 1)


@pytest.mark.parametrize(
    ("fields", "words"),
    one_in(
        3,
        [
            ({"url": "http://10.0.0.1/v1"}, "DARKROOM_UPSTREAM_PRIVATE"),
            ({"url": "https://me:secret@far.example/v1"}, "no user name"),
            ({"keys-0-new_secret": ""}, "A new key needs its text."),
            ({"keys-0-new_secret": "two words of it"}, "no blanks"),
            ({"keys-TOTAL_FORMS": "0"}, "An upstream needs a key."),
            ({"requests_per_second": "nan"}, "number"),
            ({"read_s": "0"}, "It must be from 1 to 600."),
            ({"day_cap": "-1"}, "It must not be negative."),
            ({"name": "Not A Slug"}, "slug"),
        ],
    ),
)
def test_a_wrong_field_is_named(staff_client: Client, fields: dict[str, str], words: str) -> None:
    answer = staff_client.post(ADD, sent(**fields))
    assert answer.status_code == 200 and words in answer.content.decode()
    assert not Upstream.objects.exists()


def test_routes_say_what_a_model_is_called_and_costs_there(staff_client: Client) -> None:
    model = factories.make_model("acme", "here")
    route = {
        "routes-TOTAL_FORMS": "1", "routes-0-model": str(model.pk), "routes-0-enabled": "on",
        "routes-0-their_name": "them/there", "routes-0-their_version": "-", "routes-0-cost": "0.25",
        "routes-0-cost_unit": "output",
    }  # fmt: skip
    found = add(staff_client, **route).routes.get()
    assert (found.their_name, found.their_version, found.cost, found.cost_unit) == (
        "them/there", "-", MICRO // 4, "output",
    )  # fmt: skip
    answer = staff_client.post(ADD, sent(name="other", **{**route, "routes-0-their_name": "no slash"}))
    assert "owner/name is expected" in answer.content.decode()


def test_pausing_says_what_is_still_in_flight(staff_client: Client) -> None:
    key = upstream_rows.make_upstream("far").keys.get()
    factories.make_prediction(factories.make_user(), provider=key.provider_name, upstream_open=True)
    page = staff_client.post(HEALTH, {"act": "pause", "pk": key.upstream_id}, follow=True).content.decode()
    assert "1 predictions are still in flight" in page and "paused, 1 still in flight" in page
    assert circuits.unavailable() == {key.provider_name}
    page = staff_client.post(HEALTH, {"act": "resume", "pk": key.upstream_id}, follow=True).content.decode()
    assert "takes new work again" in page and circuits.unavailable() == set()


def test_a_resting_key_can_be_tried_at_once(staff_client: Client) -> None:
    key = upstream_rows.make_upstream("far").keys.get()
    circuits.failed(key.provider_name, ProviderError("No credit.", permanent=False, kind="key"))
    page = staff_client.get(HEALTH).content.decode()
    assert "resting" in page and "key: No credit." in page
    assert circuits.due_probes() == []
    staff_client.post(HEALTH, {"act": "probe", "pk": key.upstream_id})
    assert circuits.due_probes() == [key.provider_name]
    assert AuditEntry.objects.filter(subject_kind="upstreamkey", subject_id=str(key.pk)).count() == 1


def test_lost_starts_are_listed_until_somebody_has_looked(staff_client: Client) -> None:
    upstream = upstream_rows.make_upstream("far")
    prediction = factories.make_prediction(factories.make_user())
    upstream_rows.make_route(upstream, prediction.model, cost=MICRO)
    run = run_records.reserve(prediction, upstream.keys.get().provider_name)
    run_records.lost(run, AnswerLost("No answer."))
    assert f"{prediction.public_id}-{run.run}" in staff_client.get(HEALTH).content.decode()
    page = staff_client.post(HEALTH, {"act": "never", "pk": run.pk}, follow=True).content.decode()
    assert "1 lost start is settled." in page and f"{prediction.public_id}-{run.run}" not in page
    assert UpstreamRun.objects.get().outcome == "refused"


def test_a_predictions_page_shows_what_upstreams_said_of_it(staff_client: Client) -> None:
    prediction = factories.make_prediction(factories.make_user())
    run = run_records.reserve(prediction, upstream_rows.make_upstream("far").keys.get().provider_name)
    run_records.refused(
        run, ProviderError("Out of quota.", permanent=False, refused=True, kind="quota", answer="余额不足")
    )
    page = staff_client.get(
        reverse("admin:predictions_prediction_change", args=[prediction.pk])
    ).content.decode()
    assert "Out of quota." in page and "余额不足" in page and "far" in page


def test_the_page_shows_speed_errors_money_and_the_queue(staff_client: Client) -> None:
    upstream = upstream_rows.make_upstream("far", day_cap=10 * MICRO)
    name = upstream.keys.get().provider_name
    for answered in (100, 200, 300):
        prediction = factories.make_prediction(factories.make_user(), status="succeeded", ceiling=3 * MICRO)
        upstream_rows.make_route(upstream, prediction.model, cost=MICRO)
        run = run_records.reserve(prediction, name)
        run_records.accepted(run, "their-id", answered)
        run_records.ended(run, "succeeded", delivered=1)
    run_records.refused(
        run_records.reserve(factories.make_prediction(factories.make_user()), name),
        ProviderError("No.", permanent=False, refused=True),
    )
    page = staff_client.get(HEALTH).content.decode()
    for words in ("200 / 300 ms", "25.0 % (1 / 4)", "3.00 / 10.00", "+2.00", prediction.model.ref):
        assert words in page, words
    [waiting] = re.findall(r"Waiting for its models</dt>\s*<dd[^>]*>(\d+)</dd>", page)
    assert waiting == "1"


def test_the_page_shows_which_models_rest_there_and_why(staff_client: Client) -> None:
    key = upstream_rows.make_upstream("far").keys.get()
    model = factories.make_model("acme", "far-off")
    assert "Models that rest there" not in staff_client.get(HEALTH).content.decode()
    circuits.rest_route(key.provider_name, model.pk, "模型 far-off 无可用渠道", circuits.CHANNEL_REST_S)
    page = staff_client.get(HEALTH).content.decode()
    for words in ("Models that rest there", "acme/far-off", "无可用渠道"):
        assert words in page, words


def test_the_page_shows_where_a_change_of_the_encryption_stands(staff_client: Client, settings: Any) -> None:
    old, new = key_rotation.new_key(), key_rotation.new_key()
    settings.VAULT_KEYS_FILE, settings.VAULT_KEYS = None, [old]
    upstream_rows.make_upstream("far", secret=SECRET)

    def shown() -> list[int]:
        page = staff_client.get(HEALTH).content.decode()
        section = page.partition("How their keys are encrypted here")[2]
        return [int(figure) for figure in re.findall(r"</dt>\s*<dd[^>]*>(\d+)</dd>", section)]

    assert shown() == [1, 1, 0, 0]
    settings.VAULT_KEYS = [new, old]
    assert shown() == [2, 0, 1, 0]
    assert "manage.py keys rotate" in staff_client.get(HEALTH).content.decode()
    key_rotation.rotate_all()
    assert shown() == [2, 1, 0, 0]
    settings.VAULT_KEYS = [old]
    assert shown() == [1, 0, 0, 1]
    assert "Put the key that is missing back" in staff_client.get(HEALTH).content.decode()


def test_whoever_may_only_look_is_given_no_buttons_and_does_nothing(client_of: Any) -> None:
    looker = factories.make_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_upstream"))
    upstream = upstream_rows.make_upstream("far")
    client = client_of(looker)
    page = client.get(HEALTH).content.decode()
    assert "far" in page and "Pause and drain" not in page
    assert client.post(HEALTH, {"act": "pause", "pk": upstream.pk}).status_code == 403
    upstream.refresh_from_db()
    assert not upstream.paused


@pytest.mark.parametrize(
    "body",
    one_in(
        2,
        [
            {},
            {"act": "pause"},
            {"act": "explode", "pk": "1"},
            {"act": "pause", "pk": "x"},
            {"act": "pause", "pk": "9" * 30},
        ],
    ),
)
def test_an_odd_act_is_refused(staff_client: Client, body: dict[str, str]) -> None:
    assert staff_client.post(HEALTH, body).status_code == 400


def test_members_and_visitors_do_not_get_in(alice: User, client_of: Any) -> None:
    plain = factories.make_user("plain", is_staff=True)
    assert Client().get(HEALTH).status_code == 302
    assert client_of(alice).get(HEALTH, follow=True).status_code == 403
    assert client_of(plain).get(HEALTH).status_code == 403


def test_it_asks_no_more_of_the_database_for_many_keys_than_for_one(staff_client: Client) -> None:
    upstream = upstream_rows.make_upstream("far")
    staff_client.get(HEALTH)
    with CaptureQueriesContext(connection) as few:
        staff_client.get(HEALTH)
    for _ in range(5):
        upstream_rows.make_key(upstream)
    configuration.all_providers()
    with CaptureQueriesContext(connection) as many:
        staff_client.get(HEALTH)
    assert len(many) <= len(few) + 1
