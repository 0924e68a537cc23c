"""Limits of password attempts by member and network, by member, by network and by known device."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, check_password
from django.core import mail
from django.core.cache import cache
from django.test import Client, override_settings

from accounts.auth import login_attempts, passwords
from accounts.models import Notice, SignIn, Throttle, User
from accounts.sessions import known_devices
from core.cache import counters
from tests.accounts.auth.auth_forms import WORDS, just_signed_in
from tests.accounts.auth.login_form import BUSY, HERE, PASSWORD, THERE, WAITS, guess, guesses, known, leave
from tests.support.races import together

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


@pytest.fixture
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer than in service, for what holds of however many."""
    monkeypatch.setattr(login_attempts, "USER_NETWORK_LIMIT", (2, 300))


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were compared with a member's."""
    done: list[str] = []

    def noted(password: str, *given: Any, **more: Any) -> bool:
        done.append(password)
        return check_password(password, *given, **more)

    monkeypatch.setattr("django.contrib.auth.base_user.check_password", noted)
    return done


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was hashed, compared or for nobody."""
    done: list[str] = []
    encode = MD5PasswordHasher.encode

    def noted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        done.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", noted)
    return done


@pytest.mark.parametrize("login", ["alice", "nobody", "nobody@example.org"])
def test_the_sixth_wrong_password_from_one_network_waits_whoever_is_named(
    alice: User, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 5
    if login != "alice":
        most = 2
        monkeypatch.setattr(login_attempts, "USER_NETWORK_LIMIT", (most, 300))
    assert guesses(login) == ["wrong"] * most + ["wait"]
    assert SignIn.objects.filter(succeeded=False).count() == most


@pytest.mark.usefixtures("few_tries")
def test_the_wait_is_told_in_minutes(alice: User) -> None:
    guesses()
    answer = Client().post("/accounts/login/", {"login": "alice", "password": "wrong"}, REMOTE_ADDR=HERE)
    assert "Try again in 5 minutes, or reset your password by e-mail" in answer.content.decode()


@pytest.mark.usefixtures("few_tries")
def test_nobody_is_locked_out_by_wrong_passwords_from_elsewhere(alice: User) -> None:
    assert guesses()[-1] == "wait"
    assert guess(Client(), password=PASSWORD) == "wait", "the network that guessed waits"
    assert guess(Client(), password=PASSWORD, address=THERE) == "in"


@pytest.mark.usefixtures("few_tries")
@pytest.mark.parametrize("host", ["a.example", "b.example:8000"])
def test_another_host_brings_no_more_tries(alice: User, host: str) -> None:
    guesses()
    assert guess(Client(), headers={"host": host}) == "wait"


def test_no_spelling_and_no_address_of_a_member_brings_more_tries(alice: User, compared: list[str]) -> None:
    alice.emailaddress_set.create(email="second@example.org", verified=True)  # type: ignore[attr-defined]
    names = ["alice", "ALICE", " alice ", alice.email, alice.email.upper()]
    assert [guess(Client(), name) for name in names] == ["wrong"] * 5
    compared.clear()
    assert [guess(Client(), name, PASSWORD) for name in ("second@example.org", "alice")] == ["wrong"] * 2
    assert not compared
    assert guess(Client(), password=PASSWORD, address=THERE) == "in"


def page_of(login: str, address: str = HERE) -> str:
    """What is answered to a wrong password, but for the name and for what differs each time."""
    form = {"login": login, "password": "wrong"}
    text = Client().post("/accounts/login/", form, REMOTE_ADDR=address).content.decode()
    return re.sub(r"\b(\w{64}|[0-9a-f-]{32,36})\b", "", text).replace(login, "LOGIN")


@pytest.mark.usefixtures("few_tries")
def test_too_many_by_one_name_tell_nobody_whose_an_address_is(
    alice: User, bob: User, hashed: list[str]
) -> None:
    most = login_attempts.USER_NETWORK_LIMIT[0]
    assert guesses("alice")[-1] == "wait"
    names = (alice.email, bob.email, "nobody@example.org")
    pages: list[list[str]] = []
    hashes: list[int] = []
    for name in names:
        hashed.clear()
        pages.append([page_of(name) for _try in range(most + 1)])
        hashes.append(len(hashed))
    assert pages[0] == pages[1] == pages[2] and hashes == [most] * 3
    assert WAITS in pages[0][most] and WAITS not in pages[0][most - 1]


def test_nor_do_those_of_many_networks(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_attempts, "USER_LIMIT", (2, 3600))
    assert [guess(Client(), address=f"192.0.2.{n}") for n in range(3)] == ["wrong"] * 2 + ["wait"]
    pages = [page_of(name, THERE) for name in (alice.email, bob.email, "nobody@example.org")]
    assert pages[0] == pages[1] == pages[2] and WAITS not in pages[0]
    assert guess(Client(), alice.email, PASSWORD, THERE) == "wrong"


@pytest.mark.usefixtures("few_tries")
def test_names_of_nobody_are_counted_alike_however_they_are_written() -> None:
    assert [guess(Client(), name) for name in ["NO", " no", "No"]] == ["wrong"] * 2 + ["wait"]


@pytest.fixture
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer passwords than in service are compared a minute, so that fewer pages are drawn until one waits."""
    monkeypatch.setattr(login_attempts, "WORK_LIMIT", (3, 60))
    monkeypatch.setattr(login_attempts, "NETWORK_WORK_LIMIT", (5, 60))


@pytest.mark.usefixtures("little_work")
def test_right_passwords_in_a_loop_wait_too_for_each_is_work(alice: User, bob: User) -> None:
    device, most = known(), login_attempts.WORK_LIMIT[0]
    done = [guess(Client(), password=PASSWORD) for _try in range(most + 1)]
    assert done == ["in"] * most + ["busy"]
    assert guess(Client(), "bob", PASSWORD) == "in" and guess(device, password=PASSWORD) == "in"
    done = [guess(leave(device), password=PASSWORD, address=THERE) for _try in range(most)]
    assert done == ["in"] * (most - 1) + ["busy"], "known devices are counted apart, and together"


@pytest.mark.usefixtures("little_work")
def test_of_many_names_from_one_network_so_many_passwords_are_compared_a_minute(
    alice: User, hashed: list[str]
) -> None:
    device, most = known(), login_attempts.NETWORK_WORK_LIMIT[0]
    hashed.clear()
    done = [guess(Client(), f"nobody{number}") for number in range(most + 2)]
    assert done == ["wrong"] * most + ["busy"] * 2 and len(hashed) == most
    assert guess(Client(), password=PASSWORD, address=THERE) == "in"
    assert guess(device, password=PASSWORD) == "in", "no neighbour keeps a known device waiting"


@pytest.mark.usefixtures("little_work")
def test_a_confirmed_password_and_an_old_one_are_work_as_well(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    for _try in range(login_attempts.WORK_LIMIT[0]):
        assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302
    assert BUSY in client.post("/accounts/reauthenticate/", {"password": PASSWORD}).content.decode()
    form = {"oldpassword": PASSWORD, "password1": WORDS, "password2": WORDS}
    for _try in range(login_attempts.WORK_LIMIT[0]):
        client.post("/accounts/password/change/", {**form, "password2": "another"})
    assert BUSY in client.post("/accounts/password/change/", form).content.decode()


def test_with_no_place_to_hash_nothing_is_looked_at_or_counted(
    alice: User, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASHING_SLOTS", passwords.HashingSlots(0, 0))
    answer = Client().post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "The server is busy checking other passwords" in answer.content.decode()
    assert not hashed and not Throttle.objects.exists() and not SignIn.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_right_passwords_at_once_never_pass_for_guesses(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHING_SLOTS", passwords.HashingSlots(passwords.MAX_CONCURRENT, 8))
    # However long eight hashes take here.
    monkeypatch.setattr(passwords, "WAIT_S", 120.0)
    done = together([partial(guess, Client(), password=PASSWORD) for _try in range(8)])
    assert done == ["in"] * 8


@pytest.mark.django_db(transaction=True)
def test_of_many_tries_at_once_five_passwords_are_compared(
    alice: User, compared: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASHING_SLOTS", passwords.HashingSlots(24, 0))
    tries = 9
    done = together([partial(guess, Client()) for _try in range(tries)])
    assert (done.count("wrong"), done.count("wait"), len(compared)) == (5, tries - 5, 5)


@pytest.mark.usefixtures("few_tries")
def test_a_neighbour_who_guesses_at_many_names_keeps_nobody_else_waiting(alice: User, bob: User) -> None:
    for number in range(4):
        guess(Client(), f"nobody{number}")
    guesses("bob")
    assert guess(Client(), password=PASSWORD) == "in"


def test_a_network_that_never_stops_waits_but_not_on_known_devices(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_attempts, "NETWORK_LIMIT", (3, 600))
    device = known()
    assert [guess(Client(), f"nobody{number}") for number in range(4)] == ["wrong"] * 3 + ["wait"]
    assert guess(Client(), password=PASSWORD) == "wait"
    assert guess(device, password=PASSWORD) == "in"


def test_many_networks_together_have_a_limit_for_each_member_but_not_on_known_devices(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_attempts, "USER_LIMIT", (2, 3600))
    device = known()
    assert [guess(Client(), address=f"192.0.2.{n}") for n in range(3)] == ["wrong"] * 2 + ["wait"]
    assert guess(Client(), password=PASSWORD, address=THERE) == "wait"
    assert guess(device, password=PASSWORD, address=THERE) == "in"
    assert guess(Client(), "bob", PASSWORD, THERE) == "in"


@pytest.mark.usefixtures("few_tries")
def test_the_right_password_is_no_try_that_counts(alice: User) -> None:
    assert {guess(Client(), password=PASSWORD) for _time in range(4)} == {"in"}
    assert not Throttle.objects.filter(count__gt=0).exclude(what="work").exists()


def test_a_known_device_has_a_limit_too(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_attempts, "DEVICE_LIMIT", (3, 900))
    device, most = known(), login_attempts.DEVICE_LIMIT[0]
    done = [guess(device, address=f"192.0.2.{number}") for number in range(most + 1)]
    assert done == ["wrong"] * most + ["wait"]
    assert guess(Client(), password=PASSWORD) == "in", "it is counted by itself"


@pytest.mark.usefixtures("few_tries")
def test_a_device_stays_known_while_the_secret_key_is_changed(
    alice: User, change_secret_key: Callable[[], None], settings: Any
) -> None:
    device, tries = known(), login_attempts.USER_NETWORK_LIMIT[0] + 1
    change_secret_key()
    assert guesses(times=tries)[-1] == "wait"
    assert guess(device, password=PASSWORD) == "in"
    settings.SECRET_KEY_FALLBACKS = []
    assert guess(leave(device), password=PASSWORD) == "in", "it was made known anew with the new key"


@pytest.mark.usefixtures("few_tries")
def test_a_device_is_known_to_its_own_member_alone(alice: User, bob: User) -> None:
    device = known("bob")
    cookie = device.cookies[f"device_{bob.pk}"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/accounts/"
    device.cookies[f"device_{alice.pk}"] = cookie.value
    guesses()
    assert guess(device, password=PASSWORD) == "wait"


@pytest.mark.usefixtures("few_tries")
@pytest.mark.parametrize("forged", ["", "x", "a:b:c", "WzEsIDJd:1x:sig"])
def test_a_forged_device_is_nobodys(alice: User, forged: str) -> None:
    device = Client()
    device.cookies[f"device_{alice.pk}"] = forged
    guesses()
    assert guess(device, password=PASSWORD) == "wait"


@pytest.mark.usefixtures("few_tries")
def test_devices_are_forgotten_with_the_password_and_when_every_session_ends(
    alice: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    guesses()
    device = known()
    alice.set_password(WORDS)
    alice.save()
    assert guess(device, password=WORDS) == "wait"
    alice.set_password(PASSWORD)
    alice.save()
    device, here = known(), known()
    guess(here, password=PASSWORD, address=THERE)
    here.post("/accounts/sessions/others/end/")
    assert guess(device, password=PASSWORD) == "wait"
    assert guess(leave(here), password=PASSWORD) == "in", "where it was asked for is known still"
    monkeypatch.setattr(known_devices, "MAX_AGE_S", -1)
    assert guess(leave(here), password=PASSWORD) == "wait"


@pytest.mark.usefixtures("few_tries")
def test_who_sets_a_new_password_by_mail_need_not_wait(alice: User) -> None:
    guesses()
    client = Client()
    client.post("/accounts/password/reset/", {"email": alice.email}, REMOTE_ADDR=HERE)
    link = re.search(r"/accounts/password/reset/key/\S+", str(mail.outbox[-1].body))
    assert link is not None
    form = client.get(link[0], follow=True, REMOTE_ADDR=HERE)
    client.post(form.redirect_chain[-1][0], {"password1": WORDS, "password2": WORDS}, REMOTE_ADDR=HERE)
    assert guess(Client(), password=WORDS) == "wait"
    assert guess(client, password=WORDS) == "in"


def test_a_member_is_told_once_that_somebody_guesses(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_attempts, "NOTIFY_FROM", 3)
    for number in range(3):
        guesses(address=f"192.0.2.{number}", times=2)
    notice = Notice.objects.get(user=alice, kind="account.guessed")
    assert notice.params == {"n": 3} and notice.mail_owed and notice.link == "/accounts/sessions/"


def test_ones_own_slips_on_a_known_device_are_told_to_nobody(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_attempts, "NOTIFY_FROM", 2)
    device = known()
    for _slip in range(4):
        guess(device)
    assert not Notice.objects.exists()


@pytest.mark.usefixtures("few_tries")
def test_no_number_of_keys_in_the_caches_brings_more_tries(alice: User) -> None:
    assert guesses(times=2) == ["wrong"] * 2
    # As if others had driven out all that there was.
    cache.clear()
    counters.cache.clear()
    assert guesses(times=1) == ["wait"]


@override_settings(ACCOUNT_RATE_LIMITS={"signup": "2/m/ip"})
def test_what_allauth_counts_is_driven_out_by_no_other_keys(db: None) -> None:
    def sign_up() -> int:
        return Client().post("/accounts/signup/", {"username": "x"}).status_code

    assert [sign_up() for _try in range(3)] == [200, 200, 429]
    for number in range(20_000):
        cache.set(f"credentials-{number}", True, 3600)
    assert sign_up() == 429


@pytest.mark.usefixtures("few_tries")
def test_the_old_password_is_a_try_as_well(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    just_signed_in(client)
    form = {"oldpassword": "wrong", "password1": WORDS, "password2": WORDS}
    for _try in range(login_attempts.USER_NETWORK_LIMIT[0]):
        assert "oldpassword" in client.post("/accounts/password/change/", form).context["form"].errors
    answer = client.post("/accounts/password/change/", {**form, "oldpassword": PASSWORD})
    assert WAITS in answer.content.decode()
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


@pytest.mark.usefixtures("few_tries")
def test_so_is_the_password_that_is_asked_for_once_more(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    for _try in range(login_attempts.USER_NETWORK_LIMIT[0]):
        client.post("/accounts/reauthenticate/", {"password": "wrong"})
    assert WAITS in client.post("/accounts/reauthenticate/", {"password": PASSWORD}).content.decode()
    assert guess(Client(), password=PASSWORD, address="127.0.0.1") == "wrong", "it is not compared"
