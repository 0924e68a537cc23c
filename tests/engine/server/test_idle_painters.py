"""Idle painters: the painter server ends, and the next job starts another."""

from __future__ import annotations

import psutil

from tests.engine.engine_service import SMALL, is_alive, running, wait_for


def test_without_work_the_painters_process_ends_and_the_next_order_starts_another() -> None:
    with running(rest_after_s=0.5) as service:
        assert not service.below("dr-painters"), "it starts with the first order"
        first = service.run("first", SMALL)
        wait_for(lambda: not service.below("dr-painters"), "the painters' process to end")
        assert service.health()["ready"], "an order could be begun"
        second = service.run("second", SMALL)
        assert (first["status"], second["status"]) == ("succeeded", "succeeded")
        assert service.file("first") == service.file("second")
        assert service.below("dr-fork-server"), "who forks them has other work too and stays"
        assert "lost" not in service.errors.read_text()


def test_one_that_paints_for_longer_than_that_is_left_alone() -> None:
    with running(rest_after_s=0.1) as service:
        service.put("long", {**SMALL, "width": 256, "height": 256, "num_outputs": 2})
        child = service.painting("long")
        forks = service.painters()
        assert service.ended("long")["status"] == "succeeded"
        assert service.get("long")["logs"].count("Using seed") == 1, "it was painted once"
        wait_for(lambda: not is_alive(forks), "the painters' process to end")
        assert not is_alive(child)


def test_orders_that_come_as_it_ends_are_all_painted() -> None:
    with running(rest_after_s=0.01) as service:
        ends = [service.run(f"order-{number}", SMALL)["status"] for number in range(4)]
        assert ends == ["succeeded"] * 4


def test_at_rest_the_engine_ends_as_ever() -> None:
    with running(rest_after_s=0.1) as service:
        service.run("first", SMALL)
        wait_for(lambda: not service.below("dr-painters"), "the painters' process to end")
        below = psutil.Process(service.process.pid).children(recursive=True)
        assert service.stop() == 0
        wait_for(lambda: not any(is_alive(one.pid) for one in below), "its processes to end")
