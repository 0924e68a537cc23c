"""Moderators of the tests, and a reported picture."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from gallery.models import Case, Item
from gallery.social import abuse_reports
from gallery.social.abuse_reports import Reporter
from tests import factories


def make_moderator(name: str, *more: str) -> User:
    """A moderator with the least rights, and what is named beside."""
    user = factories.make_user(name, is_staff=True, display_name=name.title())
    wanted = ("view_case", "decide_case", *more)
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def ada(db: None) -> User:
    """A moderator."""
    return make_moderator("ada")


@pytest.fixture
def bea(db: None) -> User:
    """Another one."""
    return make_moderator("bea")


@pytest.fixture
def as_ada(client_of: Callable[[User], Client], ada: User) -> Client:
    """Ada's browser."""
    return client_of(ada)


@pytest.fixture
def as_bea(client_of: Callable[[User], Client], bea: User) -> Client:
    """Bea's browser."""
    return client_of(bea)


def complain(thing: abuse_reports.Target, user: User, reason: str = "copied", words: str = "") -> Case:
    """Report a thing; its open case."""
    assert abuse_reports.report(thing, Reporter(user), reason, words)
    return Case.objects.order_by("-id").filter(kind="report", reports__reporter=user)[0]


@pytest.fixture
def case(public: Item, charlie: User) -> Case:
    """The case of Alice's public picture, which Charlie reported."""
    return complain(public, charlie, words="This is my picture from March.")
