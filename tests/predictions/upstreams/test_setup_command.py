"""`manage.py upstream`: adding, changing and testing upstreams as text."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import MICRO
from core import crypto
from predictions.models import Upstream, UpstreamKey
from predictions.providers.base import ProviderError
from predictions.upstreams import circuits, configuration
from tests import factories
from tests.loopback_upstream import Upstream as Loopback

pytestmark = pytest.mark.django_db
SECRET = "planted-command-secret-4711"
URL = "https://far.example/v1"


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAR_KEY", f"  {SECRET}\n")
    monkeypatch.setenv("OTHER_KEY", "planted-other-secret-4712")
    monkeypatch.setenv("EMPTY_KEY", "  ")


def upstream(*words: str) -> str:
    said = io.StringIO()
    call_command("upstream", *words, stdout=said)
    assert "planted" not in said.getvalue()
    return said.getvalue()


def add(*words: str) -> Upstream:
    upstream("far", "--url", URL, "--key-env", "FAR_KEY", *words)
    return Upstream.objects.get(name="far")


def refused(*words: str) -> str:
    before = list(Upstream.objects.order_by("pk").values()), list(UpstreamKey.objects.order_by("pk").values())
    with pytest.raises(CommandError) as caught:
        upstream(*words)
    after = list(Upstream.objects.order_by("pk").values()), list(UpstreamKey.objects.order_by("pk").values())
    assert before == after
    assert "planted" not in str(caught.value)
    return str(caught.value)


def test_it_adds_an_upstream_for_every_model_with_its_key_encrypted() -> None:
    found = add()
    key = found.keys.get()
    assert (found.url, found.serves_all, found.enabled, found.idempotent) == (URL, True, True, False)
    assert (key.label, key.hint, key.enabled) == ("FAR_KEY", "4711", True)
    assert SECRET not in key.secret and crypto.decrypt(key.secret) == SECRET
    assert [one.name for one in configuration.all_providers()] == [key.provider_name]


def test_run_again_it_changes_and_adds_nothing_twice() -> None:
    first = add("--idempotent", "--priority", "5")
    second = add("--priority", "7")
    assert second.pk == first.pk and second.keys.count() == 1
    assert (second.priority, second.idempotent) == (7, False)


def test_models_named_are_the_only_ones_until_none_is_named() -> None:
    one, two = factories.make_model("acme", "one"), factories.make_model("acme", "two")
    found = add("--model", "acme/one", "--model", "acme/two")
    assert not found.serves_all
    add("--model", "acme/two", "--cost", "acme/two=0.25/output", "--route", "acme/two=them/zwei:abc")
    routes = {route.model_id: route for route in found.routes.all()}
    assert (routes[one.pk].enabled, routes[two.pk].enabled) == (False, True)
    assert (routes[two.pk].cost, routes[two.pk].cost_unit) == (MICRO // 4, "output")
    assert (routes[two.pk].their_name, routes[two.pk].their_version) == ("them/zwei", "abc")
    assert add().serves_all
    [provider] = configuration.all_providers()
    assert provider.serves("acme/one") and provider.serves("acme/two") and provider.serves("acme/three")


def test_without_an_address_only_what_is_named_changes() -> None:
    factories.make_model("acme", "one")
    add("--model", "acme/one", "--idempotent", "--limit", "3", "--day-cap", "12.5")
    upstream("far", "--off", "--rps", "2.5")
    found = Upstream.objects.get()
    assert (found.enabled, found.requests_per_second, found.serves_all, found.idempotent) == (
        False,
        2.5,
        False,
        True,
    )
    assert (found.in_flight_limit, found.day_cap) == (3, 12_500_000)
    upstream("far", "--on", "--day-cap", "none", "--pause")
    found.refresh_from_db()
    assert (found.enabled, found.day_cap, found.paused) == (True, None, True)
    upstream("far", "--resume", "--no-idempotent")
    found.refresh_from_db()
    assert (found.paused, found.idempotent) == (False, False)


def test_several_keys_are_used_side_by_side_and_those_not_named_are_switched_off() -> None:
    found = add("--key-env", "OTHER_KEY")
    assert set(found.keys.values_list("label", "enabled")) == {("FAR_KEY", True), ("OTHER_KEY", True)}
    upstream("far", "--key-env", "OTHER_KEY")
    assert set(found.keys.values_list("label", "enabled")) == {("FAR_KEY", False), ("OTHER_KEY", True)}


def test_a_new_secret_begins_with_a_closed_circuit_and_the_same_one_does_not(monkeypatch: Any) -> None:
    key = add().keys.get()
    circuits.failed(key.provider_name, ProviderError("No.", permanent=False, refused=True, kind="key"))
    add()
    assert UpstreamKey.objects.get().state == "open"
    monkeypatch.setenv("FAR_KEY", "planted-and-renewed-4713")
    add()
    renewed = UpstreamKey.objects.get()
    assert (renewed.pk, renewed.state, renewed.error, renewed.hint) == (key.pk, "closed", "", "4713")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("far", "--key-env", "FAR_KEY"), "--url"),
        (("far", "--url", URL), "--key-env"),
        (("Far!", "--url", URL, "--key-env", "FAR_KEY"), "NAME"),
        (("far", "--url", URL, "--key-env", "NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE"),
        (("far", "--url", URL, "--key-env", "EMPTY_KEY"), "EMPTY_KEY"),
        (("far", "--url", URL, "--key-env", "FAR_KEY", "--model", "acme/none"), "--model"),
        (("far", "--url", URL, "--key-env", "FAR_KEY", "--cost", "acme/none=1"), "--model"),
        (("far", "--url", URL, "--key-env", "FAR_KEY", "--cost", "acme/one=-1"), "--cost"),
        (("far", "--url", URL, "--key-env", "FAR_KEY", "--cost", "acme/one=1/week"), "--cost"),
        (("far", "--url", URL, "--key-env", "FAR_KEY", "--route", "acme/one=them"), "--route"),
        (("far", "--url", URL, "--key-env", "FAR_KEY", "--route", "acme/one=them/one:a b"), "--route"),
        (("far", "--url", URL, "--key-env", "FAR_KEY", "--day-cap", "much"), "--day-cap"),
        (("far", "--url", URL, "--key-env", "FAR_KEY", "--rps", "nan"), "--rps"),
        (("far", "--url", URL, "--key-env", "FAR_KEY", "--rps", "inf"), "--rps"),
        (("far", "--url", URL, "--key-env", "FAR_KEY", "--limit", "0"), "--limit"),
        (("far", "--url", URL, "--key-env", "FAR_KEY", "--connect", "1e9"), "--connect"),
        (("--key-env", "FAR_KEY"), "NAME"),
        (("far", "--test"), "far"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_named_and_nothing_changes(words: tuple[str, ...], names: str) -> None:
    factories.make_model("acme", "one")
    assert names in refused(*words)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://far.example/v1", "far.example/v1", "https://", "https://user:planted@far.example/v1",
        "https://far.example/v1?x=1", "https://far.example/v1#x", "https://far.example:0/v1",
        "https://far.example:99999/v1", "http://127.0.0.1/v1", "http://127.1/v1", "http://2130706433/v1",
        "http://[::1]/v1", "http://10.0.0.1/v1", "http://169.254.169.254/latest", "http://localhost:8000/v1",
        "http://[::ffff:10.0.0.1]/v1", "https://far.example/v 1", "https://fär.example/v1", "https://[x/v1",
        "https://far.example/" + "x" * 300,
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    assert "--url" in refused("far", "--url", url, "--key-env", "FAR_KEY")


def test_a_name_that_leads_inside_is_refused_unless_the_operator_named_it(
    settings: Any, monkeypatch: Any
) -> None:
    import socket

    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answer)
    assert "DARKROOM_UPSTREAM_PRIVATE" in refused("far", "--url", URL, "--key-env", "FAR_KEY")
    settings.UPSTREAM_PRIVATE = ["far.example"]
    assert add().url == URL


def test_conformance_allows_loopback_and_no_other_inner_address(settings: Any) -> None:
    settings.CONFORMANCE = True
    upstream("far", "--url", "http://127.0.0.1:9/v1/", "--key-env", "FAR_KEY")
    assert Upstream.objects.get().url == "http://127.0.0.1:9/v1"
    assert "--url" in refused("far", "--url", "http://10.0.0.1/v1", "--key-env", "FAR_KEY")


def test_the_list_shows_states_and_no_secret() -> None:
    key = add("--day-cap", "3").keys.get()
    circuits.failed(key.provider_name, ProviderError("No.", permanent=False, refused=True, kind="quota"))
    said = upstream("--list")
    assert "far" in said and "(…4711): open" in said and "quota" in said and "3.00 credits a day" in said


def test_its_test_asks_each_key_a_harmless_question(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.UPSTREAM_PRIVATE = ["127.0.0.1"]
    monkeypatch.setenv("LOOP_KEY", Loopback.token)
    with Loopback() as there:
        said = upstream("loop", "--url", there.url, "--key-env", "LOOP_KEY", "--test")
        assert "LOOP_KEY: well" in said
        with pytest.raises(CommandError, match="1 of 1"):
            upstream("loop", "--key-env", "FAR_KEY", "--test")
        assert there.starts() == {}
