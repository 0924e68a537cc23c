"""What well-formed requests to `/api` must hold beyond their schema: names of models, networks, zones, days to come."""

from __future__ import annotations

import itertools
import json
import urllib.request
from typing import Any

LATER = "2031-05-01T12:00:00Z"
QUERY = {"zone": "UTC", "created_after": "2026-01-31T12:00:00Z", "created_before": LATER}
SOME_ID = "mQ4vT8xYk2Lr9sWc1nZb7A"
ONE_OF = ("q", "tag", "author", "model", "sort")
ONE_NAME_OF = {"/items": ("before", "after"), "/reports": ("item", "comment", "collection")}
"""Fields of bodies of which one has to be given, and one alone, by how the path ends."""
FIRST_TOKENS = range(1, 10)
"""Ids of the tokens that the run itself needs: it must not revoke or narrow its own."""

LISTS = {
    "prediction_id": "/api/predictions", "item_id": "/api/items", "share_id": "/api/shares",
    "message_id": "/api/deliveries",
}  # fmt: skip
"""Where the ids stand that a path may name."""
LIST_AGAIN = 10
"""After so many cases a list is asked for again, which takes longer than most of them."""
_turns = itertools.count(1)
_lists: dict[str, tuple[int, list[Any]]] = {}


def point_at_something(case: Any, token: str, models: dict[str, str]) -> None:
    """Name things in the path that are there, so that more is asked than whether they are."""
    given, path, turn = dict(case.path_parameters or {}), case.operation.path, next(_turns)
    if case.operation.method.upper() == "DELETE" and turn % 5:
        # Else nothing would be left for the others.
        return
    for name in LISTS.keys() & given.keys():
        address = "/api/gallery" if path.startswith("/api/gallery") else LISTS[name]
        there = _ids(case.operation.base_url, address, token)
        if there:
            given[name] = there[turn % len(there)]
    if {"owner", "name"} <= given.keys():
        owner, _, name = models["image"].partition(":")[0].partition("/")
        given |= {"owner": owner, "name": name}
    case.path_parameters = given


def _ids(base: str, address: str, token: str) -> list[Any]:
    """The ids in that list as they were a while ago: what was deleted since is asked for too."""
    asked, there = _lists.get(address, (0, []))
    if asked % LIST_AGAIN == 0:
        there = _listed(base, address, token)
    _lists[address] = (asked + 1, there)
    return there


def _listed(base: str, address: str, token: str) -> list[Any]:
    request = urllib.request.Request(base.rstrip("/") + address, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return [row["id"] for row in json.load(answer)["results"]]


def mend(case: Any, models: dict[str, str], inputs: dict[str, dict[str, Any]]) -> None:
    """Put values in place of those that no schema can tell from wrong ones."""
    query = case.query or {}
    for name in ("cursor", "from", "to"):
        query.pop(name, None)
    if case.operation.path.endswith("/gallery"):
        # One of the lists at a time: each has an order of its own.
        for name in [name for name in ONE_OF if query.get(name)][1:]:
            query.pop(name)
    for name in QUERY.keys() & query.keys():
        query[name] = QUERY[name]
    if isinstance(case.body, dict):
        case.body = _mended(case.operation.path, case.body, models, inputs)


def spare_own_tokens(case: Any) -> None:
    """Turn a change of a token that the run speaks with into one of a token that nobody has."""
    changes = "{token_id}" in case.operation.path and case.operation.method.lower() != "get"
    if changes and str(case.path_parameters.get("token_id")) in map(str, FIRST_TOKENS):
        case.path_parameters = {**case.path_parameters, "token_id": 10**9}


def _mended(
    path: str, body: dict[str, Any], models: dict[str, str], inputs: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    wish = {"version": models["image"], "input": inputs["image"]}
    if path.endswith("/quotes"):
        return {**body, **wish}
    if path.endswith("/batch"):
        return {**body, "wishes": [wish] * len(body.get("wishes") or [0])}
    fitting = {
        "expires_at": LATER,
        "networks": ["192.0.2.0/24"],
        "allowed_models": ["conformance/image"],
        "scopes": ["read", "predict"],
        "url": "https://receiver.example/hook",
        "name": "a token",
        "title": "a title",
        "text": "some words",
        "tags": ["sea"],
        "password": "open sesame",
    }
    told = {**body, **{name: fitting[name] for name in fitting.keys() & body.keys()}}
    for end, names in ONE_NAME_OF.items():
        given = [name for name in names if name in told]
        for name in given[1:]:
            del told[name]
        if path.endswith(end) and not given and "ids" not in told:
            told[names[0]] = SOME_ID
    if "before" in told or "after" in told:
        # The description of a change leaves every field open; what moves has to be named.
        told.setdefault("id", SOME_ID)
    return told
