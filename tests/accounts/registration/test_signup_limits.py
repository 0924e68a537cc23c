"""Refused sign-ups: too many from one network, disposable addresses; and what the messages do not reveal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.core import mail
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone

from accounts.models import Site, User
from accounts.registration import email_addresses, invitations
from accounts.sessions import client_info
from accounts.site import site_rules
from config.checks import mails_lead_here
from tests.accounts.auth.auth_forms import WORDS, sign_up
from tests.support.races import together
from tests.support.source_rules import ROOT

pytestmark = pytest.mark.django_db
FAR = {"REMOTE_ADDR": "203.0.113.7"}


@pytest.fixture
def two_a_day() -> None:
    site_rules.change(sign_ups_per_network=2)


@pytest.mark.usefixtures("two_a_day")
def test_a_network_has_so_many_sign_ups_a_day() -> None:
    for number, address in enumerate(("203.0.113.7", "203.0.113.250")):
        sign_up(Client(), f"guest{number}", REMOTE_ADDR=address)
    assert sign_up(Client(), "third", ok=False, REMOTE_ADDR="203.0.113.99") is None
    sign_up(Client(), "elsewhere", REMOTE_ADDR="203.0.114.7")
    User.objects.update(date_joined=timezone.now() - timedelta(hours=25))
    sign_up(Client(), "third", REMOTE_ADDR="203.0.113.99")


@pytest.mark.usefixtures("two_a_day")
def test_what_came_from_a_network_counts_on_while_the_secret_key_is_changed(
    change_secret_key: Callable[[], None],
) -> None:
    for number in range(2):
        sign_up(Client(), f"guest{number}", **FAR)
        change_secret_key()
    assert sign_up(Client(), "third", ok=False, **FAR) is None


@pytest.mark.usefixtures("two_a_day")
def test_a_known_address_is_told_the_same_by_a_network_that_is_full(alice: User) -> None:
    for number in range(2):
        sign_up(Client(), f"guest{number}", **FAR)
    form = {"username": "dora", "password1": WORDS, "password2": WORDS}
    pages = [
        Client().post("/accounts/signup/", {**form, "email": email}, **FAR).context["form"].errors  # type: ignore[arg-type]
        for email in (alice.email, "nobody@example.org")
    ]
    assert pages[0] == pages[1] and "email" in pages[0]


@pytest.mark.usefixtures("two_a_day")
def test_a_network_is_kept_as_a_keyed_hash() -> None:
    user = sign_up(Client(), "dora", **FAR)
    assert len(user.sign_up_key) == 64 and "203.0.113" not in user.sign_up_key
    assert [user.sign_up_key] == client_info.sign_up_keys(
        RequestFactory().get("/", REMOTE_ADDR="203.0.113.200")
    )
    with override_settings(SECRET_KEY="another"):
        assert [user.sign_up_key] != client_info.sign_up_keys(
            RequestFactory().get("/", REMOTE_ADDR="203.0.113.7")
        )


@pytest.mark.usefixtures("two_a_day")
def test_who_is_invited_is_not_counted_against_the_network(staff: User) -> None:
    _row, path = invitations.make(staff, uses=5)
    for number in range(4):
        client = Client()
        client.get(path)
        sign_up(client, f"guest{number}", **FAR)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_from_one_network_are_no_more_than_it_may() -> None:
    Site.objects.all().delete()
    site_rules.change(sign_ups_per_network=2)
    tries = [partial(sign_up, Client(), f"guest{number}", ok=None, **FAR) for number in range(6)]
    assert sum(user is not None for user in together(tries)) == 2
    assert User.objects.exclude(sign_up_key="").count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_a_name_however_it_is_written() -> None:
    names = ["robin", "Robin", "ROBIN", "roBin"]
    made = together([partial(sign_up, Client(), name, ok=None) for name in names])
    assert [user for user in made if isinstance(user, Exception)] == []
    assert (
        sum(user is not None for user in made) == User.objects.filter(username__iexact="robin").count() == 1
    )


def test_addresses_behind_a_proxy_are_those_of_the_callers() -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="6.6.6.6, 203.0.113.7")
    with override_settings(TRUST_PROXY=True):
        assert (client_info.rate_limit_address(request), client_info.network_of(request)) == (
            "203.0.113.7",
            "203.0.113.0/24",
        )
    with override_settings(TRUST_PROXY=False):
        assert client_info.rate_limit_address(request) == "10.0.0.1"


def test_all_addresses_of_an_ipv6_household_are_counted_as_one() -> None:
    def counted(address: str) -> str:
        return client_info.rate_limit_address(RequestFactory().get("/", REMOTE_ADDR=address))

    assert counted("2001:db8:1:2::5") == counted("2001:db8:1:2:ffff::9") == "2001:db8:1:2::"
    assert counted("2001:db8:1:3::5") != counted("2001:db8:1:2::5")
    assert (counted("::ffff:203.0.113.7"), counted("nonsense")) == ("203.0.113.7", "0.0.0.0")


@pytest.mark.parametrize(
    "name",
    [
        "alice@example.org",
        "\u0430lice",  # the first letter is Cyrillic
        "alic\u03b5",  # the last one is Greek
        "\uff41lice",  # full width
        "admin",
        "Root",
        "al ice",
    ],
)
def test_no_name_passes_for_another_one(client: Client, name: str) -> None:
    assert sign_up(client, name, email="dora@example.org", ok=False) is None


@pytest.mark.parametrize("name", ["мария", "小明2026", "José_García", "νίκος", "dora.the-2nd"])
def test_names_of_every_alphabet_are_taken(client: Client, name: str) -> None:
    assert sign_up(client, name, email="dora@example.org").username == name


@pytest.mark.parametrize("email", ["x@mailinator.com", "x@MAILINATOR.com", "x@deep.down.mailinator.com"])
def test_addresses_to_throw_away_are_refused(client: Client, email: str) -> None:
    assert sign_up(client, "dora", email=email, ok=False) is None


def test_the_operator_allows_and_refuses_domains(client: Client) -> None:
    with override_settings(EMAIL_DOMAINS_ALLOWED=["mailinator.com"], EMAIL_DOMAINS_REFUSED=["bad.example"]):
        assert not email_addresses.is_refused("x@mailinator.com")
        assert email_addresses.is_refused("x@very.bad.example")
        assert not email_addresses.is_refused("x@notbad.example")
    site_rules.change(refuse_disposable=False)
    sign_up(client, "dora", email="x@mailinator.com")


@pytest.mark.parametrize("listed", ["@corp.example", ".corp.example", "Corp.Example", "bücher.example"])
def test_domains_count_however_the_operator_writes_them(listed: str) -> None:
    own = listed.strip("@.").lower()
    with override_settings(EMAIL_DOMAINS_REFUSED=[listed]):
        assert email_addresses.is_refused(f"dora@{own}") and email_addresses.is_refused(f"dora@mail.{own}")
        assert not email_addresses.is_refused("dora@elsewhere.example")
    with override_settings(EMAIL_DOMAINS_REFUSED=[own], EMAIL_DOMAINS_ALLOWED=[listed]):
        assert not email_addresses.is_refused(f"dora@{own}")


def test_one_cannot_change_to_an_address_to_throw_away(
    alice: User, client_of: Callable[[User], Client]
) -> None:
    client = client_of(alice)
    answer = client.post("/accounts/email/", {"email": "x@mailinator.com", "action_add": ""})
    assert "email" in answer.context["form"].errors


def test_who_has_one_already_can_still_reset_the_password(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@mailinator.com")
    Client().post("/accounts/password/reset/", {"email": "alice@mailinator.com"})
    assert "password/reset/key" in str(mail.outbox[0].body)


@override_settings(ACCOUNT_EMAIL_VERIFICATION="mandatory")
def test_nobody_is_told_which_addresses_are_known(alice: User) -> None:
    alice.emailaddress_set.create(email=alice.email, verified=True, primary=True)  # type: ignore[attr-defined]
    answers = []
    for name, email in (("dora", alice.email), ("eve", "eve@example.org")):
        form = {"username": name, "email": email, "password1": WORDS, "password2": WORDS}
        answer = Client().post("/accounts/signup/", form)
        answers.append((answer.status_code, answer["Location"]))
        reset = Client().post("/accounts/password/reset/", {"email": email})
        answers.append((reset.status_code, reset["Location"]))
    assert answers[:2] == answers[2:]
    assert "account already" in mail.outbox[0].subject
    assert not User.objects.filter(username="dora").exists()


def test_this_machine_is_no_network() -> None:
    assert client_info.sign_up_keys(RequestFactory().get("/")) == []
    assert client_info.sign_up_keys(RequestFactory().get("/", REMOTE_ADDR="::1")) == []
    assert client_info.sign_up_keys(RequestFactory().get("/", REMOTE_ADDR="nonsense")) != []


@pytest.mark.parametrize(
    ("address", "shown"),
    [("203.0.113.7", "203.0.113.0/24"), ("2001:db8:1:2::5", "2001:db8:1::/48"), ("0.0.0.0", ""), ("x", "")],
)
def test_only_the_network_is_shown(address: str, shown: str) -> None:
    assert client_info.network(address) == shown


_APPLE = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox 128 · Linux"),
        (
            f"Mozilla/5.0 (Windows NT 10.0) {_APPLE} Chrome/126.0 Safari/537.36 Edg/126.0",
            "Edge 126 · Windows",
        ),
        (
            f"Mozilla/5.0 (iPhone; like Mac OS X) {_APPLE} Version/17.5 Mobile/15E148 Safari/604.1",
            "Safari 17 · iPhone",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 14) {_APPLE} Chrome/126.0 Mobile Safari/537.36",
            "Chrome 126 · Android",
        ),
        ("curl/8.5.0", "curl"),
        ("<script>alert(1)</script>", "unknown"),
        ("", "unknown"),
        ("A" * 100_000, "A" * 30),
    ],
)
def test_a_browser_is_told_in_words(agent: str, words: str) -> None:
    assert client_info.browser(agent) == words


def test_mails_are_sent_only_where_their_links_lead_to_a_host_of_ours(alice: User) -> None:
    asked = {"email": alice.email}
    with override_settings(EMAIL_URL="smtp://mail.example", ALLOWED_HOSTS=["*"]):
        Client().post("/accounts/password/reset/", asked, headers={"host": "evil.example"})
        assert "evil.example" not in str(mail.outbox[-1].body)
        assert [one.id for one in mails_lead_here(None)] == ["darkroom.E007"], "so the server does not start"
    with override_settings(
        EMAIL_URL="smtp://mail.example", ALLOWED_HOSTS=["*"], PUBLIC_URL="https://here.example"
    ):
        Client().post("/accounts/password/reset/", asked, headers={"host": "evil.example"})
        assert "https://here.example/" in str(mail.outbox[-1].body)
        assert mails_lead_here(None) == []
    with override_settings(
        EMAIL_URL="smtp://mail.example", ALLOWED_HOSTS=["here.example"], PUBLIC_URL="https://here.example"
    ):
        answer = Client().post("/accounts/password/reset/", asked, headers={"host": "evil.example"})
        assert (answer.status_code, mails_lead_here(None), len(mail.outbox)) == (400, [], 2)
    with override_settings(EMAIL_URL="", ALLOWED_HOSTS=["*"]):
        assert mails_lead_here(None) == [], "mails are files of the operator's"


def test_with_a_mail_server_no_host_but_ones_own_is_answered() -> None:
    cases = {
        ("", ""): "*",
        ("", "smtp://mail.example"): "127.0.0.1 localhost [::1]",
        ("https://here.example", "smtp://mail.example"): "here.example 127.0.0.1 localhost [::1]",
    }
    program = """
import importlib, json, os, sys
from config import settings
for os.environ["DARKROOM_PUBLIC_URL"], os.environ["DARKROOM_EMAIL_URL"] in json.loads(sys.argv[1]):
    print(*importlib.reload(settings).ALLOWED_HOSTS)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps([*cases])], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [*cases.values()], done.stderr
