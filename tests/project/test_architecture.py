"""Architecture rules: which package may import which, and which module may write which columns."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

from tests.support import source_rules
from tests.support.source_rules import source, sources

pytestmark = pytest.mark.usefixtures("product_source")

LIFECYCLE = ("predictions/lifecycle",)
# They write columns of the same name of their own rows: of purchases, and of accounts.
OTHER_STATUSES = (
    "accounts/billing", "accounts/staff/sanctions.py", "accounts/staff/suspensions.py", "gallery/privacy",
)  # fmt: skip


def test_it_changes_the_status_of_a_prediction_in_lifecycle_alone() -> None:
    owners = (*LIFECYCLE, *OTHER_STATUSES)
    found = [
        line for one in sources() for line in source_rules.column_writes(one, {"status", "phase"}, owners)
    ]
    assert found == []


def test_it_makes_predictions_in_submit_and_lifecycle_alone() -> None:
    owners = ("predictions/submit", *LIFECYCLE)
    assert [line for one in sources() for line in source_rules.constructions(one, "Prediction", owners)] == []


def test_it_writes_balances_in_credits_alone() -> None:
    owners = ("accounts/credits/",)
    assert [
        line for one in sources() for line in source_rules.column_writes(one, {"balance", "held"}, owners)
    ] == []


def test_it_writes_debts_in_credits_alone() -> None:
    owners, columns = ("accounts/credits/",), {"to_take_back", "taken_back", "allowance_ended_upto"}
    found = [line for one in sources() for line in source_rules.column_writes(one, columns, owners)]
    found += [line for one in sources() for line in source_rules.constructions(one, "EndedAllowance", owners)]
    # What is owed to a buyer, in money, is another column of that name.
    money = (*owners, "accounts/billing/")
    assert (
        found + [line for one in sources() for line in source_rules.column_writes(one, {"owed"}, money)] == []
    )


def test_it_writes_the_ledger_in_credits_alone() -> None:
    owners = ("accounts/credits/",)
    assert [
        line for one in sources() for line in source_rules.constructions(one, "LedgerEntry", owners)
    ] == []


def test_it_counts_what_tokens_spend_in_credits_alone() -> None:
    # What is spent at upstreams is another column of that name, with an owner of its own.
    owner = ("accounts/credits/", "predictions/upstreams/run_records.py")
    limits = {"spent", "day_limit", "month_limit", "total_limit"}
    found = [line for one in sources() for line in source_rules.constructions(one, "TokenSpending", owner)]
    # A token that is being made has spent nothing yet.
    found += [
        line
        for one in sources()
        for line in source_rules.column_writes(one, limits, (*owner, "accounts/tokens/api_tokens.py"))
    ]
    assert found == []


def test_it_writes_stored_files_in_media_alone() -> None:
    owners = ("predictions/files/media.py", "predictions/files/removal.py")
    found = [line for one in sources() for line in source_rules.constructions(one, "StoredFile", owners)]
    found += [line for one in sources() for line in source_rules.column_writes(one, {"doomed_at"}, owners)]
    assert found == []


def test_it_counts_what_accounts_take_up_in_room_alone() -> None:
    columns = {"stored_bytes", "upload_bytes", "input_bytes", "output_bytes"}
    owner = ("predictions/submit/quotas.py",)
    found = [line for one in sources() for line in source_rules.column_writes(one, columns, owner)]
    found += [line for one in sources() for line in source_rules.constructions(one, "AccountUsage", owner)]
    assert found == []


def test_it_writes_which_uploads_are_needed_in_uploads_alone() -> None:
    owners = ("predictions/files/uploads.py",)
    assert [line for one in sources() for line in source_rules.constructions(one, "UploadUse", owners)] == []


def test_it_writes_the_states_of_upstreams_keys_in_circuits_alone() -> None:
    states = {"failures", "openings", "open_until", "rest_until", "probe", "probe_until", "error_kind"}
    owners = ("predictions/upstreams/circuits.py",)
    assert [line for one in sources() for line in source_rules.column_writes(one, states, owners)] == []


def test_it_writes_what_was_sent_to_upstreams_in_spending_alone() -> None:
    owners = ("predictions/upstreams/run_records.py",)
    for model in ("UpstreamRun", "UpstreamDay"):
        assert [line for one in sources() for line in source_rules.constructions(one, model, owners)] == []


def test_it_calls_nobody_outside_inside_a_transaction() -> None:
    assert [line for one in sources() for line in source_rules.outside_calls_in_transactions(one)] == []


def test_it_looks_at_the_length_of_what_callers_send_before_it_looks_inside() -> None:
    assert list(source_rules.unbounded_inputs(sources())) == []


@pytest.mark.parametrize(
    "field",
    [
        "serializers.ListField(child=Text(), max_length=5)",
        "DictField()",
        "RowSerializer(many=True)",
        "JSONField()",
    ],
)
def test_it_would_notice_a_list_of_any_length(field: str) -> None:
    row = f"class RowSerializer(Serializer):\n    rows = {field}\n"
    used = f"{row}class OuterSerializer(Serializer):\n    row = RowSerializer()\nOuterSerializer(data=1)"
    assert list(source_rules.unbounded_inputs([source(used)]))
    assert not list(source_rules.unbounded_inputs([source(row)]))
    bounded = used.replace(field, "BoundedListField(child=Text(), max_length=5)")
    assert not list(source_rules.unbounded_inputs([source(bounded)]))


def test_it_postpones_annotations_everywhere() -> None:
    assert [one.path for one in sources() if source_rules.lacks_postponed_annotations(one)] == []


def test_its_own_middleware_is_async_capable() -> None:
    own = [import_string(path) for path in settings.MIDDLEWARE if path.split(".")[0] in source_rules.LAYERS]
    assert own
    assert [one for one in own if not getattr(one, "async_capable", False)] == []


@pytest.mark.parametrize(
    "text",
    [
        "prediction.status = 'failed'",
        "a, row.phase = 1, 2",
        "Prediction.objects.filter(pk=1).update(status='failed')",
        "Prediction.objects.update_or_create(pk=1, defaults={'phase': 'ended'})",
        "Prediction.objects.bulk_update(rows, ['status'])",
    ],
)
def test_it_would_notice_a_status_written_elsewhere(text: str) -> None:
    assert list(source_rules.column_writes(source(text), {"status", "phase"}, LIFECYCLE))
    assert not list(
        source_rules.column_writes(source(text, "predictions/lifecycle/x.py"), {"status", "phase"}, LIFECYCLE)
    )


@pytest.mark.parametrize(
    "text",
    [
        "with transaction.atomic():\n    await_(provider.start(order))",
        "@transaction.atomic\ndef f():\n    storage.save(name, content)",
        "with atomic():\n    if x:\n        storages['outputs'].delete(name)",
        "with transaction.atomic(using='x'):\n    httpx.get(url)",
        "with transaction.atomic():\n    http_client.client(timeout_s=1)",
        "def far():\n    asyncio.run(go())\nwith transaction.atomic():\n    far()",
        "with transaction.atomic():\n    self._provider.cancel(job)",
    ],
)
def test_it_would_notice_a_call_outside_in_a_transaction(text: str) -> None:
    assert list(source_rules.outside_calls_in_transactions(source(text)))


def test_it_would_notice_rows_made_elsewhere() -> None:
    text = "StoredFile.objects.filter(pk=1).update(state='doomed')\nStoredFile(key='x')\nStoredFile.objects.get(pk=1)"
    assert (
        len(list(source_rules.constructions(source(text), "StoredFile", ("predictions/files/media.py",))))
        == 2
    )
