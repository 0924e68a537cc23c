"""Redeem codes: each account once, each use once, and a clear word for everything else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from operator import itemgetter
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.audit import checks
from accounts.billing import redeem_codes
from accounts.models import (
    MICRO,
    Account,
    AuditEntry,
    CodeBatch,
    LedgerEntry,
    Notice,
    Plan,
    RedeemCode,
    Redemption,
    User,
)
from accounts.organizations import management
from accounts.tokens import api_tokens
from tests import factories
from tests.accounts.billing.billing_rows import make_codes
from tests.runner.sampling import one_in, one_in_each, short_or_whole
from tests.servers.server_process import ServerProcess
from tests.support.csv_files import rows_of
from tests.support.races import together

ClientOf = Callable[[User], Client]
CLIENTS = short_or_whole(16, 50)
ONCE = "0123456789abcdef01234567"
FORM = {
    "name": "spring",
    "worth": "12.5",
    "count": "3",
    "uses": "1",
    "expires": "",
    "plan": "",
    "reason": "fair",
}


def redeem(user: User, code: str) -> redeem_codes.Redeemed:
    return redeem_codes.redeem_uncounted(user, factories.account_of(user), code)


def balance(user: User) -> int:
    return factories.account_of(user).balance


def test_a_code_is_eighty_bits_and_is_kept_as_a_digest_alone(db: None) -> None:
    codes = make_codes(200)
    assert len(set(codes)) == 200
    assert all(redeem_codes.normalize(code) for code in codes)
    kept = str(list(RedeemCode.objects.values()))
    assert not any(redeem_codes.normalize(code) in kept or code in kept for code in codes)
    assert {row.hint for row in RedeemCode.objects.all()} == {code[-4:] for code in codes}
    assert len(codes[0]) == len("DR-XXXX-XXXX-XXXX-XXXX")


@pytest.mark.parametrize(
    "write",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: code.removeprefix("DR-"),
        lambda code: f"  {code.replace('-', ' ')}\t",
        lambda code: code.replace("-", "\u2013"),
        lambda code: code.replace("0", "O").replace("1", "l"),
        lambda code: code[3:].replace("0", "o").replace("1", "I"),
    ],
)
def test_a_code_may_be_typed_in_many_ways(charlie: User, write: Callable[[str], str]) -> None:
    (code,) = make_codes()
    redeem(charlie, write(code))
    assert balance(charlie) == 10 * MICRO


def test_what_it_gives_stands_in_the_ledger_once(charlie: User) -> None:
    (code,) = make_codes()
    found = redeem(charlie, code)
    entry = LedgerEntry.objects.get(account=charlie.account)
    assert (entry.kind, entry.balance_delta) == ("redeem", 10 * MICRO)
    assert entry.reference == f"redeem-{found.redemption.pk}" and entry.reason.endswith(code[-4:])
    assert list(checks.breaches()) == []


def test_each_account_redeems_a_code_once_and_a_code_as_often_as_it_has_uses(db: None) -> None:
    (code,) = make_codes(uses=2)
    first, second, third = (factories.make_user() for _number in range(3))
    redeem(first, code)
    for user, why in ((first, "own"), (second, ""), (third, "used"), (second, "own")):
        if not why:
            redeem(user, code)
            continue
        with pytest.raises(redeem_codes.CannotRedeem) as refused:
            redeem(user, code)
        assert refused.value.why == why
    assert (balance(first), balance(second), balance(third)) == (10 * MICRO, 10 * MICRO, 0)
    assert RedeemCode.objects.get().uses_left == 0 and Redemption.objects.count() == 2


def test_a_member_redeems_a_code_once_whomever_they_act_for(db: None) -> None:
    (code,) = make_codes(uses=5)
    user, other = factories.make_user(), factories.make_user()
    redeem(user, code)
    club = management.create(user, "Studio Nord")
    with pytest.raises(redeem_codes.CannotRedeem) as refused:
        redeem_codes.redeem_uncounted(user, club, code)
    assert refused.value.why == "own"
    assert RedeemCode.objects.get().uses_left == 4 and Redemption.objects.count() == 1
    redeem_codes.redeem_uncounted(other, club, code)
    assert Account.objects.get(pk=club.pk).balance == 10 * MICRO


def test_a_code_that_is_over_or_withdrawn_gives_nothing(charlie: User, staff: User) -> None:
    (late,) = make_codes(expires_at=timezone.now() + timedelta(days=1))
    CodeBatch.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    (withdrawn,) = make_codes()
    redeem_codes.revoke(CodeBatch.objects.order_by("-id")[0], by=staff, reason="leaked")
    one, other = make_codes(2)
    redeem_codes.revoke(
        RedeemCode.objects.get(digest=redeem_codes.digest(redeem_codes.normalize(one))),
        by=staff,
        reason="lost",
    )
    for code, why in ((late, "expired"), (withdrawn, "revoked"), (one, "revoked")):
        with pytest.raises(redeem_codes.CannotRedeem) as refused:
            redeem(charlie, code)
        assert refused.value.why == why
    assert balance(charlie) == 0 and not Redemption.objects.exists()
    redeem(charlie, other)
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"codes.revoke", "code.revoke"}


def test_a_suspended_account_redeems_nothing_and_the_code_stays(charlie: User) -> None:
    (code,) = make_codes()
    Account.objects.filter(pk=charlie.account_id).update(status=Account.Status.SUSPENDED)
    with pytest.raises(redeem_codes.CannotRedeem):
        redeem(charlie, code)
    assert RedeemCode.objects.get().uses_left == 1 and not Redemption.objects.exists()


def test_a_batch_may_bring_a_plan(charlie: User, client_of: ClientOf) -> None:
    plan = Plan.objects.create(name="Studio", month_limit=900 * MICRO)
    (code,) = make_codes(plan=plan)
    client_of(charlie).post("/account/redeem/", {"code": code})
    assert factories.account_of(charlie).plan == plan
    assert Notice.objects.filter(user=charlie, kind="credits.plan").exists()


@pytest.mark.django_db(transaction=True)
def test_many_clients_at_once_on_one_code_are_one_success() -> None:
    (code,) = make_codes()
    users = [factories.make_user() for _number in range(9)]
    asks = [partial(_post, api_tokens.issue(user, "race")[1], code) for user in users]
    answers = together(asks)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [409] * 8, [getattr(answer, "content", answer) for answer in answers][:3]
    assert sum(balance(user) for user in users) == 10 * MICRO
    assert Redemption.objects.count() == 1 and RedeemCode.objects.get().uses_left == 0
    assert list(checks.breaches()) == []


def _post(token: str, code: str) -> Any:
    return Client().post(
        "/api/redeem",
        {"code": code},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )


@pytest.mark.django_db(transaction=True)
def test_many_tries_of_one_account_are_one_success() -> None:
    (code,) = make_codes(uses=16)
    user = factories.make_user()
    plain = api_tokens.issue(user, "race")[1]
    answers = together([partial(_post, plain, code) for _number in range(16)])
    statuses = sorted(answer.status_code for answer in answers)
    # Each counts as an attempt until it is examined, so that those beyond ten at once may have to wait.
    assert statuses[0] == 200 and set(statuses[1:]) <= {409, 429}
    assert balance(user) == 10 * MICRO and RedeemCode.objects.get().uses_left == 15


@pytest.mark.server
def test_many_clients_over_http_on_a_real_server(conformant_server: ServerProcess) -> None:
    """A socket each, real processes, the server's database on disk."""
    code, plains = _prepared(conformant_server)
    asks = [partial(_send, f"{conformant_server.url}/api/redeem", plain, code) for plain in plains]
    statuses = sorted(answer.status_code for answer in together(asks))
    assert statuses == [200] + [409] * (CLIENTS - 1)
    output = _shell(
        conformant_server, "from accounts.audit import checks;print(len(list(checks.breaches())))"
    )
    assert output.strip().endswith("0")


def _send(address: str, plain: str, code: str) -> httpx.Response:
    return httpx.post(address, json={"code": code}, headers={"Authorization": f"Bearer {plain}"}, timeout=60)


_PREPARE = f"""
from accounts.billing import redeem_codes
from accounts.tokens import api_tokens
from accounts.models import User
from accounts.personal_accounts import ensure_account
print(redeem_codes.create_batch(name="race", credits=5_000_000, count=1, by=None)[1][0])
for number in range({CLIENTS}):
    user = User.objects.create(username=f"racer{{number}}")
    ensure_account(user)
    user.refresh_from_db()
    print(api_tokens.issue(user, "race")[1])
"""


def _prepared(server: ServerProcess) -> tuple[str, list[str]]:
    code, *plains = [line for line in _shell(server, _PREPARE).split() if line.startswith(("DR-", "dr_"))]
    return code, plains


def _shell(server: ServerProcess, text: str) -> str:
    done = server.manage("shell", "-v0", "-c", text)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_redeems_and_says_what_is_wrong_beside_the_field(charlie: User, client_of: ClientOf) -> None:
    (code,) = make_codes()
    client = client_of(charlie)
    wrong = client.post("/account/redeem/", {"code": "DR-0000-0000-0000-0000"})
    assert wrong.status_code == 422 and "There is no such code" in wrong.content.decode()
    assert client.post("/account/redeem/", {"code": code}, follow=True).context["own"].balance == 10 * MICRO
    again = client.post("/account/redeem/", {"code": code})
    assert "You have redeemed this code already" in again.content.decode()


@pytest.mark.parametrize(
    "code",
    one_in(3, ["", " ", "x" * 65, "\x00", "DR", "＝1+1", "<script>", "1" * 17, "é" * 16, "U" * 16]),
)
def test_what_can_be_no_code_is_refused(charlie: User, client_of: ClientOf, code: str) -> None:
    assert client_of(charlie).post("/account/redeem/", {"code": code}).status_code == 422
    answer = client_of(charlie).post("/api/redeem", {"code": code}, content_type="application/json")
    assert answer.status_code in {400, 404}


@pytest.fixture
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer than in service, for what holds of however many."""
    monkeypatch.setattr(redeem_codes, "WRONG_CODES_LIMIT", (3, 600))


def test_wrong_codes_are_throttled_and_right_ones_wait_too(
    few_tries: None, charlie: User, client_of: ClientOf
) -> None:
    (code,) = make_codes()
    client = client_of(charlie)
    answers = [
        client.post("/account/redeem/", {"code": redeem_codes.new_code()}).status_code
        for _number in range(redeem_codes.WRONG_CODES_LIMIT[0] + 1)
    ]
    assert answers == [422] * redeem_codes.WRONG_CODES_LIMIT[0] + [429]
    assert client.post("/account/redeem/", {"code": code}).status_code == 429
    answer = client.post("/api/redeem", {"code": code}, content_type="application/json")
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0
    assert balance(charlie) == 0


def test_a_member_who_guesses_keeps_no_neighbour_waiting(
    few_tries: None, db: None, client_of: ClientOf
) -> None:
    (code,) = make_codes()
    for _member in range(3):
        plain = api_tokens.issue(factories.make_user(), "guesses")[1]
        for _try in range(redeem_codes.WRONG_CODES_LIMIT[0]):
            assert _post(plain, redeem_codes.new_code()).status_code == 404
    newcomer = factories.make_user()
    assert client_of(newcomer).post("/account/redeem/", {"code": code}).status_code == 302


def test_the_desk_hands_a_batch_out_once_as_a_file(staff: User, charlie: User, client_of: ClientOf) -> None:
    client = client_of(staff)
    answer: Any = client.post(reverse("admin:accounts_codebatch_add"), FORM | {"once": ONCE, "name": "=1+1"})
    assert answer.streaming and "attachment" in answer["Content-Disposition"]
    assert "no-store" in answer["Cache-Control"]
    rows = rows_of(answer)
    assert len(rows) == 3 and rows[0]["credits"] == "12.50" and rows[0]["batch"] == "'=1+1"
    redeem(charlie, rows[0]["code"])
    assert balance(charlie) == 12_500_000
    again = client.post(reverse("admin:accounts_codebatch_add"), FORM | {"once": ONCE})
    assert again.status_code == 422 and CodeBatch.objects.count() == 1
    batch = CodeBatch.objects.get()
    for page in ("accounts_codebatch_change", "accounts_codebatch_changelist"):
        shown = client.get(
            reverse(f"admin:{page}", args=[batch.pk] if "list" not in page else [])
        ).content.decode()
        assert not any(row["code"] in shown for row in rows)
    entry = AuditEntry.objects.get(action="codes.make")
    assert entry.actor == staff and entry.detail["count"] == 3
    assert rows[1]["code"] not in str(entry.detail)


@pytest.mark.parametrize(
    ("field", "value"),
    one_in_each(4, [
        ("worth", "0"), ("worth", "-1"), ("worth", "1e3"), ("worth", "NaN"), ("worth", "9" * 12), ("count", "0"),
        ("count", "10001"), ("count", "x"), ("uses", "0"), ("uses", "-1"), ("expires", "2001-01-01"),
        ("expires", "9999-12-31"), ("reason", ""), ("name", ""), ("plan", "77"), ("once", "x"),
    ], itemgetter(0)),
)  # fmt: skip
def test_a_batch_that_makes_no_sense_is_refused_naming_the_field(
    staff: User, client_of: ClientOf, field: str, value: str
) -> None:
    answer = client_of(staff).post(
        reverse("admin:accounts_codebatch_add"), FORM | {"once": ONCE} | {field: value}
    )
    assert answer.status_code == 422 and list(answer.context["form"].errors) == [field]
    assert not CodeBatch.objects.exists()


def handed_out(answer: Any) -> list[str]:
    return [row["code"] for row in rows_of(answer)]


def test_a_double_click_shows_the_same_codes_and_makes_one_batch(staff: User, client_of: ClientOf) -> None:
    client, page = client_of(staff), reverse("admin:accounts_codebatch_add")
    first, second = (handed_out(client.post(page, FORM | {"once": ONCE})) for _click in range(2))
    assert len(first) == 3 and first == second
    assert (CodeBatch.objects.count(), RedeemCode.objects.count()) == (1, 3)
    acts = AuditEntry.objects.order_by("number").values_list("action", flat=True)
    assert list(acts) == ["codes.make", "codes.again"]
    assert handed_out(client.post(page, FORM | {"once": "f" * 24})) != first


@pytest.mark.parametrize("later", ["another amount", "another member of staff", "two hours", "withdrawn"])
def test_a_form_that_was_sent_gives_nobody_else_and_nothing_else(
    staff: User, client_of: ClientOf, later: str
) -> None:
    page, form = reverse("admin:accounts_codebatch_add"), FORM | {"once": ONCE}
    client = client_of(staff)
    assert len(handed_out(client.post(page, form))) == 3
    if later == "another amount":
        form |= {"worth": "99"}
    elif later == "another member of staff":
        client = client_of(factories.make_staff("other"))
    elif later == "two hours":
        CodeBatch.objects.update(created_at=timezone.now() - timedelta(hours=2))
    else:
        redeem_codes.revoke(CodeBatch.objects.get(), by=staff, reason="lost")
    again = client.post(page, form)
    assert again.status_code == 422 and "made the batch “spring”" in again.content.decode()
    assert CodeBatch.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_form_that_two_processes_take_at_once_makes_one_batch() -> None:
    staff = factories.make_staff()
    ask = partial(redeem_codes.create_batch, name="x", credits=MICRO, count=20, by=staff, once=ONCE)
    results = together([ask] * 4)
    assert {batch.pk for batch, _codes in results} == {CodeBatch.objects.get().pk}
    assert len({tuple(codes) for _batch, codes in results}) == 1
    assert RedeemCode.objects.count() == 20


def test_ten_thousand_codes_are_made_at_once(db: None) -> None:
    assert (
        len(set(make_codes(redeem_codes.MAX_CODES))) == RedeemCode.objects.count() == redeem_codes.MAX_CODES
    )


def test_codes_are_withdrawn_by_whoever_may_and_found_by_the_whole(staff: User, client_of: ClientOf) -> None:
    codes = make_codes(3)
    client = client_of(staff)
    found = client.get(reverse("admin:accounts_redeemcode_changelist"), {"q": codes[1].lower()})
    assert [row.hint for row in found.context["cl"].result_list] == [codes[1][-4:]]
    row = RedeemCode.objects.get(digest=redeem_codes.digest(redeem_codes.normalize(codes[1])))
    page = reverse("admin:accounts_redeemcode_revoke_code", args=[row.pk])
    helper = factories.make_user("helper", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=["view_redeemcode", "view_codebatch"]))
    assert client.post(page, {"reason": ""}).status_code == 422
    assert client.post(page, {"reason": "lost"}).status_code == 302
    row.refresh_from_db()
    assert row.revoked_at is not None
    batch = CodeBatch.objects.get()
    assert (
        client.post(
            reverse("admin:accounts_codebatch_revoke_batch", args=[batch.pk]), {"reason": "leaked"}
        ).status_code
        == 302
    )
    batch.refresh_from_db()
    assert batch.revoked_at is not None


def test_nobody_whose_own_account_is_closed_to_new_things_redeems_for_an_organisation(alice: User) -> None:
    (code,) = make_codes()
    club, own = management.create(alice, "club"), management.personal_account_of(alice)
    Account.objects.filter(pk=own.pk).update(status=Account.Status.SUSPENDED)
    with pytest.raises(redeem_codes.CannotRedeem) as error:
        redeem_codes.redeem_uncounted(alice, club, code)
    assert error.value.why == "closed" and not Redemption.objects.exists()
    Account.objects.filter(pk=own.pk).update(status=Account.Status.ACTIVE)
    redeem_codes.redeem_uncounted(alice, club, code)
    assert Account.objects.get(pk=club.pk).balance == 10 * MICRO
