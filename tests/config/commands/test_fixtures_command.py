"""What outside conformance suites rely on, and that nothing of it exists in any other mode."""

from __future__ import annotations

import base64
import json
import stat
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import replicate
from django.core.management import CommandError, call_command
from replicate.exceptions import ModelError

from accounts.models import MICRO, Account, ApiToken, User
from config.management.commands import fixtures as command
from engine.fixtures import BY_ROLE, NAMES
from engine.published_models import served_models
from predictions import availability
from predictions.catalogue import conformance_models, loader, lookup
from predictions.models import HostedModel, Price, Version
from tests import factories
from tests.servers.file_server import FileServer
from tests.servers.server_process import ServerProcess

ROLES = {"text", "iterator", "image", "file_input", "slow", "fail"}


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    return tmp_path / "fixtures.json"


@pytest.fixture
def mode(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings, with the mode on."""
    monkeypatch.setenv("PORT", "8123")
    settings.CONFORMANCE = True
    # The tables are there; a real server's are made below.
    monkeypatch.setattr(command, "call_command", lambda *_given, **_named: None)
    return settings


def made(paper: Path) -> dict[str, Any]:
    call_command("fixtures", str(paper))
    found: dict[str, Any] = json.loads(paper.read_text())
    return found


@pytest.mark.django_db
def test_it_writes_what_a_suite_needs_for_its_owner_alone(mode: Any, paper: Path) -> None:
    found = made(paper)
    assert set(found) == {"base_url", "tokens", "models"} and set(found["models"]) == ROLES
    assert found["base_url"] == "http://127.0.0.1:8123"
    assert stat.S_IMODE(paper.stat().st_mode) == 0o600
    for role, ref in found["models"].items():
        version = lookup.find_version(ref)
        assert version is not None and version.model.ref == BY_ROLE[role]


@pytest.mark.django_db
def test_it_gives_the_public_address_where_there_is_one(mode: Any, paper: Path) -> None:
    mode.PUBLIC_URL = "https://pictures.example.org"
    assert made(paper)["base_url"] == "https://pictures.example.org"


@pytest.mark.django_db
@pytest.mark.parametrize("port", ["0", "http", "70000"])
def test_it_says_so_when_it_cannot_know_the_port(
    mode: Any, paper: Path, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CommandError, match="PORT"):
        made(paper)


@pytest.mark.django_db
def test_it_changes_nothing_the_second_time(mode: Any, paper: Path) -> None:
    first = made(paper)
    counts = [model.objects.count() for model in (User, ApiToken, HostedModel, Version, Price)]
    assert made(paper) == first
    assert [model.objects.count() for model in (User, ApiToken, HostedModel, Version, Price)] == counts


@pytest.mark.django_db
def test_a_lost_file_gets_new_tokens_and_the_old_ones_run_out_in_the_end(
    mode: Any, paper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(paper)["tokens"]
    # The models are there by now, and stay as they are.
    monkeypatch.setattr(loader, "load", lambda *_given: None)
    monkeypatch.setattr(command, "TOKENS_KEPT", 4)
    for _ in range(5):
        paper.unlink()
        last = made(paper)["tokens"]
    assert set(first.values()).isdisjoint(last.values())
    for username in conformance_models.USERNAMES.values():
        assert ApiToken.objects.usable().filter(user__username=username).count() == 4


@pytest.mark.django_db
def test_funded_pays_for_a_thousand_jobs_of_each_and_no_credit_for_none(mode: Any, paper: Path) -> None:
    made(paper)
    factories.give(User.objects.get(username="conformance-no-credit"), 5)
    made(paper)
    balances = {
        role: Account.objects.get(name=name).balance for role, name in conformance_models.USERNAMES.items()
    }
    dearest = {"conformance/image": 4}
    prices = {price.model.ref: price.amount for price in Price.objects.filter(model__owner="conformance")}
    assert set(prices) == NAMES and all(prices.values())
    assert balances["funded"] >= 1000 * sum(n * dearest.get(ref, 1) for ref, n in prices.items())
    assert balances["other"] >= MICRO and balances["no_credit"] == 0


@pytest.mark.django_db
def test_its_accounts_run_many_jobs_side_by_side(mode: Any, paper: Path) -> None:
    made(paper)
    limits = Account.objects.filter(name__startswith="conformance-").values_list("in_flight_limit", flat=True)
    assert len(limits) == 3 and all(limit >= 4 for limit in limits)


@pytest.mark.django_db
def test_it_never_takes_over_a_persons_account(mode: Any, paper: Path) -> None:
    factories.make_user("conformance-other")
    with pytest.raises(CommandError, match="person"):
        made(paper)
    assert not paper.exists()


@pytest.mark.django_db
def test_it_refuses_in_any_other_mode(paper: Path) -> None:
    with pytest.raises(CommandError, match="DARKROOM_CONFORMANCE=1"):
        call_command("fixtures", str(paper))
    assert not paper.exists() and not User.objects.exists() and not HostedModel.objects.exists()


@pytest.mark.django_db
def test_without_the_mode_nobody_serves_them() -> None:
    loader.load()
    conformance_models.match_mode()
    assert not HostedModel.objects.filter(owner="conformance").exists()
    assert not served_models(False) & NAMES and served_models(True) >= NAMES
    assert not any(
        availability.can_serve(HostedModel(owner="conformance", name=n.split("/")[1])) for n in NAMES
    )


@pytest.mark.django_db
def test_a_start_without_the_mode_puts_away_what_one_with_it_left_behind(mode: Any, paper: Path) -> None:
    found = made(paper)
    own = factories.make_token(factories.make_user("member"))
    mode.CONFORMANCE = False
    conformance_models.match_mode()
    assert not HostedModel.objects.filter(owner="conformance", enabled=True).exists()
    assert lookup.find_version(found["models"]["text"]) is None
    assert [token.prefix for token in ApiToken.objects.usable()] == [own[:7]]
    mode.CONFORMANCE = True
    again = made(paper)
    assert again["models"] == found["models"] and again["tokens"] != found["tokens"]
    assert lookup.find_version(found["models"]["text"]) is not None


# -- a real server ---------------------------------------------------------------------------------------------

GIF = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=")


@pytest.fixture(scope="module")
def suite(conformant_server: ServerProcess) -> dict[str, Any]:
    """What the command wrote beside the running server, run twice."""
    found: dict[str, Any] = json.loads((conformant_server.data / "fixtures.json").read_text())
    return found


@pytest.fixture(scope="module")
def client(suite: dict[str, Any]) -> replicate.Client:
    return replicate.Client(api_token=suite["tokens"]["funded"], base_url=suite["base_url"])


def create(client: replicate.Client, suite: dict[str, Any], role: str, given: dict[str, Any]) -> Any:
    return client.predictions.create(version=suite["models"][role].split(":")[1], input=given)


@pytest.mark.server
def test_text_and_strings_come_through_the_official_client(
    client: replicate.Client, suite: dict[str, Any]
) -> None:
    assert "a red cat" in str(client.run(suite["models"]["text"], input={"prompt": "a red cat"}))
    items = list(client.run(suite["models"]["iterator"], input={"prompt": "a red cat"}))
    assert len(items) >= 3 and "a red cat" in "".join(items)
    assert items == list(client.run(suite["models"]["iterator"], input={"prompt": "a red cat"}))


@pytest.mark.server
def test_the_iterator_streams_one_event_an_item_and_shows_a_prefix_meanwhile(
    client: replicate.Client, suite: dict[str, Any]
) -> None:
    # A dozen words: two seconds, so that a busy machine has time to look.
    given = {"prompt": " ".join(str(n) for n in range(12))}
    prediction = create(client, suite, "iterator", given)
    prefixes: list[Any] = []
    while prediction.status in ("starting", "processing"):
        time.sleep(0.05)
        prediction.reload()
        if prediction.status == "processing" and prediction.output:
            prefixes.append(prediction.output)
    assert prefixes and all(prediction.output[: len(some)] == some for some in prefixes)
    assert min(len(some) for some in prefixes) < len(prediction.output)
    events = list(client.stream(suite["models"]["iterator"], input=given))
    assert [str(event.data) for event in events if event.event.value == "output"] == prediction.output
    assert events[-1].event.value == "done"


@pytest.mark.server
def test_pictures_are_files_of_the_size_asked_for_and_the_same_each_time(
    client: replicate.Client, suite: dict[str, Any]
) -> None:
    given = {"prompt": "a", "width": 32, "num_outputs": 2}
    first, second = (
        [httpx.get(str(url)) for url in client.run(suite["models"]["image"], input=given)] for _ in range(2)
    )
    assert [answer.headers["content-type"] for answer in first] == ["image/png"] * 2
    assert [answer.content for answer in first] == [answer.content for answer in second]


@pytest.mark.server
def test_a_picture_comes_back_from_a_data_uri_an_own_address_and_the_machine_itself(
    client: replicate.Client, suite: dict[str, Any]
) -> None:
    uri = "data:image/gif;base64," + base64.b64encode(GIF).decode()
    first = str(client.run(suite["models"]["file_input"], input={"image": uri}))
    second = str(client.run(suite["models"]["file_input"], input={"image": first}))
    with FileServer({"/a.gif": (200, {"Content-Type": "image/gif"}, GIF)}) as beside:
        third = str(client.run(suite["models"]["file_input"], input={"image": f"{beside.url}/a.gif"}))
    for url in (first, second, third):
        answer = httpx.get(url)
        assert (answer.content, answer.headers["content-type"]) == (GIF, "image/gif")
    with pytest.raises(ModelError, match="Input image could not be fetched"):
        client.run(suite["models"]["file_input"], input={"image": suite["base_url"] + "/nothing.gif"})


@pytest.mark.server
def test_the_failing_one_raises_its_very_message(client: replicate.Client, suite: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as failed:
        client.run(suite["models"]["fail"], input={"message": "Ünhappy:  just so."})
    assert failed.value.prediction.error == "Ünhappy:  just so."


@pytest.mark.server
def test_the_slow_ones_run_four_at_a_time_and_stop_when_told(
    client: replicate.Client, suite: dict[str, Any]
) -> None:
    slow = [create(client, suite, "slow", {"seconds": 120}) for _ in range(4)]
    while any(not prediction.logs for prediction in slow):
        time.sleep(0.1)
        for prediction in slow:
            prediction.reload()
    assert {prediction.status for prediction in slow} == {"processing"}
    for prediction in slow:
        prediction.cancel()
        prediction.reload()
        assert prediction.status == "canceled" and prediction.output is None


@pytest.mark.server
def test_an_account_without_credit_is_refused_and_another_sees_nothing_of_funded(
    client: replicate.Client, suite: dict[str, Any]
) -> None:
    prediction = create(client, suite, "text", {"prompt": "a"})
    url = f"{suite['base_url']}/v1/predictions"
    body = {"version": suite["models"]["text"], "input": {"prompt": "a"}}
    answers = {
        role: httpx.post(url, json=body, headers={"Authorization": f"Bearer {token}"})
        for role, token in suite["tokens"].items()
    }
    assert {role: answer.status_code for role, answer in answers.items()} == {
        "funded": 201,
        "other": 201,
        "no_credit": 402,
    }
    other = {"Authorization": f"Bearer {suite['tokens']['other']}"}
    assert httpx.get(f"{url}/{prediction.id}", headers=other).status_code == 404


@pytest.mark.server
def test_afterwards_the_audit_finds_nothing(conformant_server: ServerProcess, suite: dict[str, Any]) -> None:
    done = conformant_server.manage("audit")
    assert done.returncode == 0, done.stdout + done.stderr
