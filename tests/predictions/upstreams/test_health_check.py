"""Resting keys recover by health checks, also without any traffic."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from predictions.models import UpstreamKey
from predictions.providers.base import ProviderError
from predictions.upstreams import circuits, health_check
from tests.loopback_upstream import Upstream as Loopback
from tests.predictions.upstreams import upstream_rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def there() -> Iterator[Loopback]:
    with Loopback() as service:
        yield service


@pytest.fixture
def key(there: Loopback, settings: Any) -> UpstreamKey:
    settings.UPSTREAM_PRIVATE = ["127.0.0.1"]
    return upstream_rows.make_upstream("loop", url=there.url, secret=there.token, read_s=1.0).keys.get()


def rest(key: UpstreamKey, kind: Any = "key") -> None:
    circuits.failed(key.provider_name, ProviderError("No.", permanent=False, refused=True, kind=kind))
    assert again(key).state == "open"


def rest_is_over(key: UpstreamKey) -> None:
    UpstreamKey.objects.filter(pk=key.pk).update(open_until=timezone.now() - timedelta(milliseconds=1))


def sweep() -> None:
    prober = health_check.Prober()
    prober.step()
    prober.wait()


def again(key: UpstreamKey) -> UpstreamKey:
    return UpstreamKey.objects.get(pk=key.pk)


def test_a_well_key_comes_back_without_any_traffic(key: UpstreamKey, there: Loopback) -> None:
    rest(key)
    sweep()
    assert again(key).state == "open", "its rest is not over"
    rest_is_over(key)
    sweep()
    assert again(key).state == "closed"
    assert circuits.unavailable() == set() and there.starts() == {}


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("account-401", "open"), ("account-402", "open"), ("account-403", "open"), ("account-500", "open"),
        ("account-502", "open"), ("account-drop", "open"), ("account-hang", "open"),
        ("account-404", "closed"), ("account-html", "closed"), ("account-422", "closed"),
        ("account-429=30", "closed"),
    ],
)  # fmt: skip
def test_it_stays_at_rest_as_long_as_the_answer_says_so(
    key: UpstreamKey, there: Loopback, fault: str, state: str
) -> None:
    rest(key)
    rest_is_over(key)
    there.fault(fault)
    sweep()
    found = again(key)
    assert found.state == state
    assert there.token not in found.error
    if state == "open":
        assert found.openings == 2 and found.open_until is not None and found.open_until > timezone.now()


@pytest.mark.parametrize("kind", ["quota", "address"])
def test_what_no_question_shows_is_left_to_the_next_start(key: UpstreamKey, kind: str) -> None:
    rest(key, kind)
    rest_is_over(key)
    sweep()
    assert again(key).state == "open"
    assert circuits.key_states().half_open == {key.provider_name}
    assert circuits.claim_probe(key.provider_name)


def test_a_redirect_tells_the_operator_who_asks_where_the_address_leads(
    key: UpstreamKey, there: Loopback
) -> None:
    there.fault("account-redirect")
    found = health_check.check_now(key.provider_name)
    assert found is not None and found.kind == "address"
    assert "leads elsewhere, to http" in str(found)
    assert again(key).state == "closed"


def test_what_is_mended_there_is_noticed_here(key: UpstreamKey, there: Loopback) -> None:
    there.fault("account-500", times=1)
    rest(key)
    for state in ("open", "closed"):
        rest_is_over(key)
        sweep()
        assert again(key).state == state


def test_paused_ones_are_left_alone(key: UpstreamKey, there: Loopback) -> None:
    rest(key)
    rest_is_over(key)
    key.upstream.paused = True
    key.upstream.save()
    sweep()
    assert again(key).state == "open" and there.rows("account") == []


def test_a_house_without_upstreams_asks_the_database_nothing(django_assert_num_queries: Any) -> None:
    health_check.Prober().step()
    with django_assert_num_queries(0):
        health_check.Prober().step()
