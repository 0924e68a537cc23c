"""So many passwords are hashed at once and no more; the rest is refused before it costs anything."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from django.test import Client, override_settings

from accounts.auth import passwords
from accounts.models import User
from config import settings as project_settings
from tests.accounts.auth.auth_forms import WORDS

REAL = override_settings(PASSWORD_HASHERS=project_settings.PASSWORD_HASHERS)
"""As in service: tests have a fast one."""


def test_one_more_waits_and_the_next_is_refused() -> None:
    room, is_waiting, is_in = passwords.HashingSlots(1, 1), threading.Event(), threading.Event()

    class Waiting(threading.Semaphore):
        def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
            is_there = super().acquire(blocking, timeout)
            is_waiting.set()
            return is_there

    room._waiting = Waiting(1)

    def enter() -> None:
        with room.enter():
            is_in.set()

    thread = threading.Thread(target=enter)
    refused: list[passwords.Busy] = []

    def knock() -> None:
        try:
            with room.enter():
                pass
        except passwords.Busy as busy:
            refused.append(busy)

    with room.enter():
        thread.start()
        assert is_waiting.wait(30)
        second = threading.Thread(target=knock)
        second.start()
        second.join(30)
        assert refused and not is_in.is_set()
    thread.join(30)
    assert is_in.is_set()


def test_who_is_in_may_enter_again_and_leaves_once() -> None:
    room = passwords.HashingSlots(1, 0)
    for _time in range(2):
        with room.enter(), room.enter():
            pass
    with pytest.raises(ZeroDivisionError), room.enter():
        raise ZeroDivisionError
    with room.enter():
        pass


@REAL
def test_every_hash_needs_a_place_and_hashes_stay_djangos_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 10)
    made = make_password(WORDS)
    assert made.startswith("pbkdf2_sha256$10$") and check_password(WORDS, made)
    assert made == PBKDF2PasswordHasher().encode(WORDS, made.split("$")[2])
    monkeypatch.setattr(passwords, "HASHING_SLOTS", passwords.HashingSlots(0, 0))
    for work in (lambda: make_password(WORDS), lambda: check_password(WORDS, made)):
        with pytest.raises(passwords.Busy):
            work()


@REAL
@pytest.mark.django_db
def test_a_sign_up_that_finds_no_place_makes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHING_SLOTS", passwords.HashingSlots(0, 0))
    form = {"username": "dora", "email": "dora@example.org", "password1": WORDS, "password2": WORDS}
    answer = Client().post("/accounts/signup/", form)
    assert (answer.status_code, answer["Retry-After"], User.objects.count()) == (503, "5", 0)
