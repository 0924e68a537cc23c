"""The record of what staff did: whole, in order, and out of everybody's reach."""

from __future__ import annotations

import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, close_old_connections, connection, connections, transaction

from accounts.audit import log_chain
from accounts.models import AppendOnlyError, AuditEntry, User
from accounts.staff import audit_log, log_triggers
from tests import factories

pytestmark = pytest.mark.django_db
TABLE = "accounts_auditentry"


def fill(most: int = 5) -> None:
    boss = factories.make_staff("writer")
    for number in range(most):
        audit_log.write(boss, "user.warn", boss, reason=f"reason {number}", detail={"before": {"n": number}})


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_rows_follow_from_each_other_and_hold_what_was_done(staff: User, alice: User) -> None:
    first = audit_log.write(None, "user.mute", alice, reason=" why\x00 ", account=alice.account_id, case=3)
    second = audit_log.write(
        staff, "user.unmute", alice, detail={"a\x00": "b\x00", "sum": 1.5, "big": "x" * 9000}
    )
    assert (first.number, first.previous, second.number, second.previous) == (
        1,
        audit_log.FIRST,
        2,
        first.digest,
    )
    kept = AuditEntry.objects.get(pk=second.pk)
    assert kept.detail["a"] == "b" and len(kept.detail["big"]) < 3000
    assert (kept.actor_name, kept.subject_kind, kept.subject_name) == ("boss", "user", "alice")
    assert list(audit_log.broken_entries()) == []


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {TABLE} SET reason = 'another'",
        f"UPDATE {TABLE} SET actor_id = NULL WHERE number = 2",
        f"DELETE FROM {TABLE}",
        f"DELETE FROM {TABLE} WHERE number = 5",
        f"TRUNCATE {TABLE} CASCADE",
    ],
)
def test_the_database_refuses_to_change_or_shorten_it(statement: str) -> None:
    if "TRUNCATE" in statement and connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL knows the statement")
    fill()
    before = list(AuditEntry.objects.values())
    if connection.vendor == "postgresql":
        # What waits for the transaction's end would refuse TRUNCATE before the trigger is asked.
        execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(DatabaseError, match="never"), transaction.atomic():
        execute(statement)
    assert list(AuditEntry.objects.values()) == before


def test_so_do_its_model_and_its_queryset() -> None:
    fill()
    entry = AuditEntry.objects.get(number=3)
    entry.reason = "another"
    for deed in (
        entry.save, entry.delete, AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(reason="another"),
    ):  # fmt: skip
        with pytest.raises(AppendOnlyError):
            deed()
    with pytest.raises((AppendOnlyError, DatabaseError)), transaction.atomic():
        AuditEntry.objects.bulk_update([entry], ["reason"])
    assert list(audit_log.broken_entries()) == []


def unguarded(*statements: str) -> None:
    """As somebody would who owns the database file, the triggers taken off."""
    if connection.vendor == "postgresql":
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER")
    else:
        execute("DROP TRIGGER audit_never_changed")
        execute("DROP TRIGGER audit_never_shortened")
    for statement in statements:
        execute(statement)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (f"UPDATE {TABLE} SET reason = 'another' WHERE number = 3", [(3, "was changed")]),
        (f"UPDATE {TABLE} SET actor_name = 'eve' WHERE number = 5", [(5, "was changed")]),
        (f"UPDATE {TABLE} SET detail = '{{}}' WHERE number = 2", [(2, "was changed")]),
        (f"DELETE FROM {TABLE} WHERE number = 3", [(3, "a row is missing")]),
        (f"DELETE FROM {TABLE} WHERE number = 1", [(1, "a row is missing")]),
    ],
)
def test_the_audit_finds_what_was_done_behind_the_triggers(
    statement: str, found: list[tuple[int, str]]
) -> None:
    fill()
    unguarded(statement)
    assert list(audit_log.broken_entries()) == found
    kinds = [str(breach) for breach in log_chain.breaches()]
    assert kinds[0].startswith("record triggers:") and f"entry {found[0][0]}: {found[0][1]}" in kinds[1]
    with pytest.raises(CommandError, match="2 breaches"):
        call_command("audit", quick=True)


def test_an_end_that_was_cut_off_is_found_by_an_audit_that_saw_it_before() -> None:
    fill()
    assert list(log_chain.breaches()) == []
    unguarded(f"DELETE FROM {TABLE} WHERE number > 3")
    log_triggers.install()
    # What is left follows from itself.
    assert list(audit_log.broken_entries()) == []
    for _time in range(2):
        assert [str(one) for one in log_chain.breaches()] == [
            "record entries 4 to 5: were there at an earlier audit and are gone"
        ]


def test_missing_triggers_are_put_back_by_the_next_migrate_and_by_repair() -> None:
    unguarded()
    assert not log_triggers.are_installed()
    call_command("audit", repair=True, quick=True)
    assert log_triggers.are_installed()
    fill()
    with pytest.raises(DatabaseError), transaction.atomic():
        execute(f"DELETE FROM {TABLE}")


@pytest.mark.django_db(transaction=True)
def test_many_who_write_at_once_get_numbers_without_a_gap() -> None:
    boss = factories.make_staff("writer")
    begin, faults = threading.Barrier(8), list[BaseException]()

    def write(name: int) -> None:
        try:
            begin.wait(30)
            for number in range(6):
                with transaction.atomic():
                    audit_log.write(boss, "user.warn", reason=f"{name} {number}")
                    if number == 3:
                        transaction.set_rollback(True)
        except BaseException as fault:
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    close_old_connections()
    assert faults == []
    assert list(AuditEntry.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 41))
    assert list(audit_log.broken_entries()) == []
