"""Providers built from rows: cheap to read, and soon up to date."""

from __future__ import annotations

from typing import Any

import pytest

from predictions.models import Upstream
from predictions.providers.registry import UnknownProvider
from predictions.providers.upstream import SAME, Route
from predictions.upstreams import configuration, setup, webhook_urls
from tests import factories
from tests.predictions.upstreams import upstream_rows

pytestmark = pytest.mark.django_db


def names() -> list[str]:
    return [one.name for one in configuration.all_providers()]


def test_each_key_in_use_is_a_provider_and_the_preferred_comes_first() -> None:
    late = upstream_rows.make_upstream("late", priority=200)
    first = upstream_rows.make_upstream("first", priority=1, keys=2)
    upstream_rows.make_key(first, enabled=False)
    upstream_rows.make_upstream("off", enabled=False)
    one, two = first.keys.filter(enabled=True).order_by("pk")
    assert names() == [one.provider_name, two.provider_name, late.keys.get().provider_name]
    assert [one.group for one in configuration.all_providers()] == ["first", "first", "late"]


def test_what_is_switched_off_is_still_known_by_name() -> None:
    off = upstream_rows.make_upstream("off", enabled=False).keys.get()
    assert names() == []
    assert configuration.provider(off.provider_name).name == off.provider_name
    with pytest.raises(UnknownProvider):
        configuration.provider("upstream-999999")


def test_asking_again_within_a_second_asks_the_database_nothing(django_assert_num_queries: Any) -> None:
    upstream_rows.make_upstream()
    configuration.all_providers()
    with django_assert_num_queries(0):
        for _ in range(100):
            assert len(configuration.all_providers()) == 1


def test_after_a_second_one_query_sees_that_nothing_changed(django_assert_num_queries: Any) -> None:
    upstream_rows.make_upstream()
    [before] = configuration.all_providers()
    configuration.forget()
    with django_assert_num_queries(1):
        assert configuration.all_providers() == [before]


def test_every_saved_change_of_a_row_is_seen() -> None:
    upstream = upstream_rows.make_upstream(keys=2)
    [one, two] = configuration.all_providers()
    key = upstream.keys.order_by("pk")[0]
    key.enabled = False
    key.save()
    assert names() == [two.name]
    stale = Upstream.objects.get(pk=upstream.pk)
    for limit in (3, 4):
        # Both from rows that were read before the other's change.
        row = Upstream.objects.get(pk=upstream.pk) if limit == 3 else stale
        row.in_flight_limit = limit
        row.save()
        [now] = configuration.all_providers()
        assert (now.limit, now.group_limit) == (limit, limit)
    assert one.limit == 16


def test_a_provider_stays_the_same_object_while_its_rows_say_the_same() -> None:
    upstream = upstream_rows.make_upstream()
    [before] = configuration.all_providers()
    upstream_rows.make_upstream("another")
    upstream.save()
    assert configuration.provider(before.name) is before


def test_an_upstreams_weight_is_parted_among_its_keys() -> None:
    upstream_rows.make_upstream("one", weight=3)
    two = upstream_rows.make_upstream("two", weight=1, keys=0)
    upstream_rows.make_key(two, weight=1)
    upstream_rows.make_key(two, weight=3)
    assert [one.weight for one in configuration.all_providers()] == [3000, 250, 750]


def test_one_that_serves_everything_serves_what_the_catalogue_gets_tomorrow_too() -> None:
    upstream = upstream_rows.make_upstream()
    model = factories.make_model("acme", "here")
    upstream_rows.make_route(upstream, model, their_name="them/there", their_version="-")
    gone = factories.make_model("acme", "gone")
    upstream_rows.make_route(upstream, gone, enabled=False)
    [one] = configuration.all_providers()
    assert one.serves("acme/here") and one.serves("acme/tomorrow") and not one.serves("acme/gone")
    routes = configuration.config(one.name).routes
    assert routes is not None
    assert routes["acme/here"] == Route("them/there", "")
    assert routes["acme/tomorrow"] == Route("acme/tomorrow", SAME)
    assert routes.get("acme/gone") is None and "acme/gone" not in routes


def test_one_with_a_list_serves_what_is_on_it() -> None:
    upstream = upstream_rows.make_upstream(serves_all=False)
    model = factories.make_model("acme", "here")
    upstream_rows.make_route(upstream, model, their_version="a" * 64)
    upstream_rows.make_route(upstream, factories.make_model("acme", "off"), enabled=False)
    [one] = configuration.all_providers()
    assert configuration.config(one.name).routes == {"acme/here": Route("acme/here", "a" * 64)}
    assert not one.serves("acme/off") and not one.serves("acme/else")


def test_only_one_inside_may_be_reached_inside(settings: Any) -> None:
    settings.UPSTREAM_PRIVATE = ["10.1.0.0/16", "gateway.lan"]
    upstream_rows.make_upstream("far", url="https://far.example/v1")
    upstream_rows.make_upstream("literal", url="http://10.1.2.3:8000/v1")
    upstream_rows.make_upstream("named", url="http://gateway.lan/v1")
    upstream_rows.make_upstream("wrong", url="http://10.2.0.1/v1")
    found = {one.group: configuration.config(one.name) for one in configuration.all_providers()}
    assert {name: config.allow_private for name, config in found.items()} == {
        "far": False, "literal": True, "named": True, "wrong": False,
    }  # fmt: skip
    assert found["far"].reach == () and "10.1.0.0/16" in found["literal"].reach


def test_it_is_asked_to_call_back_only_where_others_reach_this_server(settings: Any) -> None:
    upstream = upstream_rows.make_upstream(webhooks=True)
    settings.PUBLIC_URL = "https://studio.example.org"
    [one] = configuration.all_providers()
    address = configuration.config(one.name).webhook_url
    assert address.startswith("https://studio.example.org/hooks/upstream/") and address.endswith("/{key}")
    token = address.split("/")[-2]
    assert webhook_urls.upstream_of(token) == upstream.pk
    assert webhook_urls.upstream_of(token[:-1] + ("A" if token[-1] != "A" else "B")) is None
    assert webhook_urls.upstream_of("1") is None
    for private in ("", "http://127.0.0.1:8000", "http://localhost:8000"):
        settings.PUBLIC_URL = private
        configuration.reset()
        assert configuration.config(one.name).webhook_url == ""


def test_the_command_and_this_process_agree_at_once() -> None:
    upstream_rows.make_upstream("far")
    assert len(names()) == 1
    setup.apply("far", setup.UpstreamSettings(settings={"enabled": False}))
    assert names() == []
