"""Permissions of every view of the admin and of the API: one row for each; a view without a row fails.

Five levels: a visitor, a member, a moderator, an operator, an administrator. Whoever may not enter a view of the panel
is sent to the sign-in page (who is no staff) or refused with 403; some places answer 404, as if they were not there.
In one run each view is asked for by one of them, and of the five that each model has alike two or three.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Announcement, User
from accounts.staff import groups
from gallery.models import Case
from predictions.api_dialects.common import rate_limits
from predictions.models import Upstream
from tests import factories
from tests.admin.test_model_admins import fill
from tests.runner.sampling import one_in
from tests.security.test_token_scopes import ROUTES

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]
LEVELS = ("visitor", "member", "moderator", "operator", "administrator")
KINDS = ("changelist", "add", "change", "delete", "history")
M, O, A, NOBODY = "moderator operator administrator", "operator administrator", "administrator", ""  # noqa: E741

MODELS: dict[str, tuple[str, str, str]] = {
    # model: (who reads its list, a row and its history; who adds one; who deletes one)
    "account_emailaddress": (A, A, NOBODY),
    "accounts_account": (O, NOBODY, NOBODY),
    "accounts_accountspending": (O, NOBODY, NOBODY),
    "accounts_announcement": (O, NOBODY, NOBODY),
    "accounts_apitoken": (O, NOBODY, NOBODY),
    "accounts_auditentry": (O, NOBODY, NOBODY),
    "accounts_auditmark": (A, NOBODY, NOBODY),
    "accounts_codebatch": (O, O, NOBODY),
    "accounts_creditpack": (O, O, NOBODY),
    "accounts_dispute": (O, NOBODY, NOBODY),
    "accounts_endedallowance": (O, NOBODY, NOBODY),
    "accounts_gift": (O, NOBODY, NOBODY),
    "accounts_invitation": (O, O, NOBODY),
    "accounts_ledgerentry": (O, NOBODY, NOBODY),
    "accounts_membership": (O, NOBODY, NOBODY),
    "accounts_notice": (O, NOBODY, NOBODY),
    "accounts_noticechoice": (A, NOBODY, NOBODY),
    "accounts_organizationinvitation": (O, NOBODY, NOBODY),
    "accounts_paymentevent": (O, NOBODY, NOBODY),
    "accounts_plan": (O, O, NOBODY),
    "accounts_purchase": (O, NOBODY, NOBODY),
    "accounts_redeemcode": (O, NOBODY, NOBODY),
    "accounts_redemption": (O, NOBODY, NOBODY),
    "accounts_sanction": (M, NOBODY, NOBODY),
    "accounts_signin": (A, NOBODY, NOBODY),
    "accounts_secretfingerprint": (A, NOBODY, NOBODY),
    "accounts_site": (O, NOBODY, NOBODY),
    "accounts_throttle": (A, NOBODY, NOBODY),
    "accounts_tokenspending": (O, NOBODY, NOBODY),
    "accounts_user": (M, A, NOBODY),
    "auth_group": (A, A, A),
    "django_q_failure": (A, NOBODY, NOBODY),
    "django_q_ormq": (A, NOBODY, NOBODY),
    "django_q_schedule": (A, NOBODY, NOBODY),
    "django_q_success": (A, NOBODY, NOBODY),
    "gallery_accountdeed": (A, NOBODY, NOBODY),
    "gallery_case": (M, NOBODY, NOBODY),
    "gallery_closure": (O, NOBODY, NOBODY),
    "gallery_collection": (M, NOBODY, NOBODY),
    "gallery_collectioneditor": (A, NOBODY, NOBODY),
    "gallery_collectionitem": (M, NOBODY, NOBODY),
    "gallery_comment": (M, NOBODY, NOBODY),
    "gallery_evidence": (O, NOBODY, NOBODY),
    "gallery_export": (O, NOBODY, NOBODY),
    "gallery_follow": (A, NOBODY, NOBODY),
    "gallery_item": (M, NOBODY, NOBODY),
    "gallery_itemtag": (M, NOBODY, NOBODY),
    "gallery_like": (A, NOBODY, NOBODY),
    "gallery_preset": (O, NOBODY, NOBODY),
    "gallery_readerchoice": (A, NOBODY, NOBODY),
    "gallery_report": (M, NOBODY, NOBODY),
    "gallery_searchrow": (O, NOBODY, NOBODY),
    "gallery_sharelink": (M, NOBODY, NOBODY),
    "gallery_tag": (A, NOBODY, NOBODY),
    "mfa_authenticator": (A, NOBODY, NOBODY),
    "predictions_beat": (O, NOBODY, NOBODY),
    "predictions_blockedpicture": (O, NOBODY, NOBODY),
    "predictions_classifier": (O, O, NOBODY),
    "predictions_delivery": (O, NOBODY, NOBODY),
    "predictions_deliveryattempt": (O, NOBODY, NOBODY),
    "predictions_deployment": (O, O, NOBODY),
    "predictions_failureday": (O, NOBODY, NOBODY),
    "predictions_figureday": (O, NOBODY, NOBODY),
    "predictions_hostedmodel": (O, NOBODY, NOBODY),
    "predictions_idempotencykey": (O, NOBODY, NOBODY),
    "predictions_output": (M, NOBODY, NOBODY),
    "predictions_planrule": (O, NOBODY, NOBODY),
    "predictions_prediction": (O, NOBODY, NOBODY),
    "predictions_preview": (O, NOBODY, NOBODY),
    "predictions_price": (O, O, NOBODY),
    "predictions_promptrule": (O, O, NOBODY),
    "predictions_queuelook": (O, NOBODY, NOBODY),
    "predictions_rulehit": (O, NOBODY, NOBODY),
    "predictions_storedfile": (O, NOBODY, NOBODY),
    "predictions_unansweredcreate": (O, NOBODY, NOBODY),
    "predictions_accountusage": (O, NOBODY, NOBODY),
    "predictions_uploaduse": (O, NOBODY, NOBODY),
    "predictions_upload": (O, NOBODY, NOBODY),
    "predictions_upstream": (O, O, NOBODY),
    "predictions_upstreamday": (O, NOBODY, NOBODY),
    "predictions_upstreamkey": (O, NOBODY, NOBODY),
    "predictions_upstreamroute": (O, NOBODY, NOBODY),
    "predictions_upstreamrun": (O, NOBODY, NOBODY),
    "predictions_usageday": (O, NOBODY, NOBODY),
    "predictions_version": (O, NOBODY, NOBODY),
    "socialaccount_socialaccount": (A, NOBODY, NOBODY),
    "usersessions_usersession": (A, NOBODY, NOBODY),
}
"""Everything the panel lists."""
OTHERS: dict[str, str] = {
    # the name of a view that is no model's: who may enter it
    "upstreams_health": O,
    "operations": O,
    "maintenance": O,
    "draining": O,
    "operations_csv": O,
    "operations_switch": O,
    "announcements": O,
    "withdraw_announcement": O,
    "house": O,
    "members": M,
    "member": M,
    "moderation": M,
    "moderation_news": M,
    "moderation_undo": M,
    "moderation_bulk": M,
    "moderation_blur": M,
    "moderation_member": M,
    "moderation_case": M,
    "moderation_panel": M,
    "moderation_decide": M,
    "moderation_picture": M,
    "search": M,
    "index": M,
    "autocomplete": NOBODY,
    "view_on_site": M,
    "accounts_codebatch_revoke_batch": O,
    "accounts_redeemcode_revoke_code": O,
    "accounts_redemption_download_csv": O,
    "accounts_gift_download_csv": O,
    "accounts_purchase_download_csv": O,
    "accounts_purchase_pay_back": O,
    "accounts_purchase_paid_otherwise": O,
    "accounts_auditentry_download": O,
    "auth_user_password_change": A,
    "accounts_user_end_sessions": A,
    "accounts_user_remove_second_factor": A,
    "accounts_account_grant_credits": O,
    "accounts_account_adjust_credits": O,
    "accounts_account_suspend": O,
    "accounts_account_reopen": O,
    "accounts_ledgerentry_download_csv": O,
    "predictions_hostedmodel_import": O,
    "predictions_hostedmodel_bring_in": O,
    "predictions_classifier_try_it": O,
    "predictions_promptrule_try": O,
    "predictions_promptrule_try_rules": O,
    "predictions_promptrule_try_rule": O,
    "predictions_output_picture": M,
    "gallery_evidence_picture": NOBODY,
    "gallery_evidence_open_sealed": O,
    "app_list": M,
}
NEEDS_A_ROW = {name for name in OTHERS if name.startswith("moderation_")} | {"view_on_site"}
"""Who may enter these gets 404 for a key of nothing."""
ABOUT: dict[str, Any] = {
    # the prefix of a view name that belongs to no model: its URL parameter, or the model whose row's key
    "operations_csv": "days",
    "operations_switch": Upstream,
    "withdraw_announcement": Announcement,
    "member": User,
    "moderation_": Case,
    "moderation_member": "moderator",
    "view_on_site": ContentType,
    "auth_user_password_change": User,
}
EVERYBODYS = {"login", "logout", "jsi18n", "password_change", "password_change_done"}


def panel() -> Iterator[tuple[str, str]]:
    """Name and address of every view of the panel, with a row's key open as `{}`."""
    found: dict[str, str] = {}

    def walk(patterns: Any, before: str) -> None:
        for pattern in patterns:
            text = str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, before + text)
            elif isinstance(pattern, URLPattern) and pattern.name:
                found.setdefault(pattern.name, before + text)

    for pattern in get_resolver().url_patterns:
        text = str(pattern.pattern)
        if isinstance(pattern, URLResolver) and text.startswith("admin/"):
            walk(pattern.url_patterns, f"/{text}")
        elif isinstance(pattern, URLPattern) and text.startswith("admin/") and pattern.name:
            found.setdefault(pattern.name, f"/{text}")
    yield from found.items()


VIEWS = dict(panel())


@pytest.fixture(autouse=True)
def _nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Access is decided before a page is rendered; rendering all of them takes minutes."""
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", property(lambda _self: ""))
    monkeypatch.setattr(admin.site, "each_context", lambda _request: {})


class Actors:
    """One of each level."""

    def __init__(self) -> None:
        groups.sync()
        self.clients = {"visitor": Client(raise_request_exception=False)}
        people = {
            "member": factories.make_user("member"),
            "moderator": self._staff("moderator", groups.MODERATORS),
            "operator": self._staff("operator", groups.OPERATORS),
            "administrator": factories.make_staff("administrator"),
        }
        for level, user in people.items():
            self.clients[level] = Client(raise_request_exception=False)
            self.clients[level].force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])

    def _staff(self, name: str, group: str) -> User:
        user = factories.make_user(name, is_staff=True)
        user.groups.set(Group.objects.filter(name=group))
        return user


def row_of(name: str) -> Any:
    """The key of a row that a view is about: rows have whatever number comes next."""
    for model in sorted(admin.site._registry, key=lambda one: -len(one._meta.model_name or "")):
        if name.startswith(f"{model._meta.app_label}_{model._meta.model_name}_"):
            return last(model)
    if "<" not in VIEWS[name]:
        return ""
    beginning = max((one for one in ABOUT if name.startswith(one)), key=len)
    about = ABOUT[beginning]
    return about if isinstance(about, str) else last(about)


def last(model: Any) -> Any:
    """The key of its newest row; without one, a key of nothing."""
    found = model._default_manager.order_by("pk").last()
    return "1" if found is None else found.pk


def entered(answer: Any) -> bool | None:
    """Whether a view let somebody in; None where it only says that there is no such row."""
    if answer.status_code == 302:
        if answer["Location"] == "/admin/":
            return None
        return not answer["Location"].startswith(("/accounts/login", "/admin/login"))
    return answer.status_code not in (401, 403, 404)


def expected(name: str) -> str | None:
    """Who may enter a view, as the table has it; None where it has no row."""
    if name in OTHERS:
        return OTHERS[name]
    for kind in KINDS:
        model = name.removesuffix(f"_{kind}")
        if model != name and model in MODELS:
            reads, adds, deletes = MODELS[model]
            return {"add": adds, "delete": deletes}.get(kind, reads)
    return None


def model_of(name: str) -> str:
    """The model whose view it is, of a kind that each has; else its own name."""
    model = next((name.removesuffix(f"_{kind}") for kind in KINDS if name.endswith(f"_{kind}")), name)
    return model if model in MODELS else name


def test_every_view_of_the_panel_has_a_row() -> None:
    missing = [name for name in VIEWS if expected(name) is None and name not in EVERYBODYS]
    assert missing == [], "say in MODELS or OTHERS who may enter these"


def test_every_row_is_of_a_view() -> None:
    models = {f"{one._meta.app_label}_{one._meta.model_name}" for one in admin.site._registry}
    assert [name for name in MODELS if name not in models] == []
    assert [name for name in OTHERS if name not in VIEWS] == []


def address(name: str) -> str:
    if name == "app_list":  # the only one that is written as a regular expression
        return "/admin/accounts/"
    return re.sub(r"<[^>]*>", str(row_of(name)), VIEWS[name])


def test_who_may_enter_each_view_of_the_panel() -> None:
    fill("first")
    actors, wrong, entries, asked = Actors(), [], 0, 0
    for name in (name for _of, alike in groupby(sorted(VIEWS), model_of) for name in one_in(3, alike, str)):
        if name in EVERYBODYS:
            continue
        allowed, place = (expected(name) or "").split(), address(name)
        for level in one_in(8, LEVELS, str, of=name):
            client, asked = actors.clients[level], asked + 1
            answer = client.get(place)
            if answer.status_code == 405:
                answer = client.post(place)
            if answer.status_code >= 500:
                wrong.append(f"{name}: {level} gets {answer.status_code}")
            came = entered(answer)
            if came is None or (level in allowed and answer.status_code == 404 and name in NEEDS_A_ROW):
                continue
            entries += came
            if came != (level in allowed):
                wrong.append(f"{name}: {level} gets {answer.status_code}, the table says {allowed}")
    assert wrong == []
    assert entries > asked / 6, "else whoever may not enter was all that was tried"


# -- The API ---------------------------------------------------------------------------------------------------------


def test_staff_is_nobody_special_in_the_api() -> None:
    """A token of staff opens what a member's opens; a visitor gets 401, but where everybody may look."""
    # Numbers are ids of others' objects.
    factories.make_token(factories.make_user())
    Actors()
    wrong = []
    users = [User.objects.get(username=name) for name in LEVELS[1:]]
    tokens = {user.username: factories.make_token(user) for user in users}
    for place in one_in(10, ROUTES):
        cache.clear()
        rate_limits.reset()
        codes = {}
        for level in LEVELS:
            headers = {"Authorization": f"Bearer {tokens[level]}"} if level in tokens else {}
            codes[level] = Client(raise_request_exception=False).get(place, headers=headers).status_code
        staffs = {codes[level] for level in LEVELS[1:]}
        is_open = re.search(r"stream|openapi|/schema|/docs|/download|/gallery|/reports|/announcements", place)
        if len(staffs) != 1:
            wrong.append(f"{place}: {codes}")
        if codes["visitor"] != 401 and not is_open:
            wrong.append(f"{place}: a visitor gets {codes['visitor']}")
        if max(codes.values()) >= 500 and 501 not in codes.values():
            wrong.append(f"{place}: {codes}")
    assert wrong == []
