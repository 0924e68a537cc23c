"""Classifiers: requests, effects of scores, and behaviour when they are unavailable."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from accounts.models import MICRO, User
from accounts.site import site_rules
from core import crypto
from gallery.models import Item
from predictions.files import uploads
from predictions.image_safety import classifier_client, classifiers, upload_checks
from predictions.models import Classifier, Output, Prediction, RuleHit, Version
from predictions.submit import acceptance, work_request
from predictions.webhooks import signatures
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.predictions.image_safety.classifier_service import ClassifierService, as_bytes, scene

pytestmark = pytest.mark.django_db(transaction=True)
LIMITS = {"nsfw": {"sensitive": 0.5, "flag": 0.7, "drop": 0.9}}
PICTURE = as_bytes(scene(2))


def by_size(picture: bytes, context: dict[str, Any]) -> dict[str, float]:
    """A classifier in this process: the second picture of a batch is what it does not like."""
    if context.get("index") == 1:
        return {"nsfw": 0.95}
    if context.get("index") == 3:
        raise RuntimeError("it broke")
    return {"nsfw": 0.1}


@pytest.fixture
def service(settings: Any) -> Iterator[ClassifierService]:
    settings.OUTBOUND_ALLOW = ["127.0.0.1/32"]
    settings.CLASSIFIERS = [f"{__name__}.by_size"]
    with ClassifierService() as one:
        yield one


def add(service: ClassifierService, **fields: Any) -> Classifier:
    values: dict[str, Any] = {
        "name": "watcher", "kind": "webhook", "target": service.url, "limits": LIMITS, "timeout": 5, **fields
    }  # fmt: skip
    return Classifier.objects.create(**values)


@pytest.fixture
def version(db: None) -> Version:
    schema = {
        "type": "object",
        "title": "Input",
        "properties": {"prompt": {"type": "string"}, "num_outputs": {"type": "integer", "default": 1}},
    }
    return factories.make_version(input_schema=schema)


def make(user: User, version: Version, provider: FakeProvider, count: int = 1) -> Prediction:
    """A prediction that was made and collected."""
    provider.files = {"0": PICTURE}
    provider.updates = [fakes.done(count)]
    given = {"prompt": "a secret prompt", "num_outputs": count}
    made = acceptance.accept(work_request.Request(factories.account_of(user), user, version, given))
    fakes.work_off()
    made.refresh_from_db()
    return made


def test_it_is_sent_the_thumbnail_signed_and_without_the_prompt(
    alice: User, version: Version, provider: FakeProvider, service: ClassifierService
) -> None:
    secret = signatures.new_secret()
    add(service, secret=crypto.encrypt(secret))
    made = make(alice, version, provider)
    headers, body = service.requests[0]
    assert Webhook(secret).verify(body, headers)
    said = json.loads(body)
    assert base64.b64decode(said["picture"]["data"])[:2] == b"\xff\xd8"
    assert said["picture"]["content_type"] == "image/jpeg"
    assert said["context"] == {
        "kind": "output", "prediction": made.public_id, "model": version.model.ref, "index": 0
    }  # fmt: skip
    assert b"secret prompt" not in body


@pytest.mark.parametrize(
    ("score", "status", "sensitive", "action"),
    [
        (0.2, "succeeded", False, None),
        (0.5, "succeeded", True, None),
        (0.75, "succeeded", True, "flag"),
        (0.9, "failed", None, "refuse"),
    ],
)
def test_its_limits_say_what_becomes_of_a_picture(
    alice: User,
    version: Version,
    provider: FakeProvider,
    service: ClassifierService,
    score: float,
    status: str,
    sensitive: bool | None,
    action: str | None,
) -> None:
    service.labels = {"nsfw": score, "other": 1}
    add(service)
    made = make(alice, version, provider)
    assert made.status == status and made.filtered == (status == "failed")
    hit = RuleHit.objects.first()
    assert (hit.action if hit else None) == action and (hit is None or hit.case_owed == (action == "flag"))
    if sensitive is not None:
        output = Output.objects.get()
        assert output.marks["scores"] == {"watcher": {"nsfw": score, "other": 1.0}}
        assert Item.objects.get().sensitive == output.marks.get("sensitive", False) == sensitive


def test_what_is_dropped_is_not_paid_for_and_the_others_come(
    alice: User, version: Version, provider: FakeProvider, service: ClassifierService
) -> None:
    add(service, kind="python", target=f"{__name__}.by_size")
    made = make(alice, version, provider, 3)
    assert (made.status, made.filtered, made.charge) == ("succeeded", 1, 2 * MICRO)
    assert len(made.output) == 2
    assert list(Output.objects.order_by("index").values_list("index", flat=True)) == [0, 2]
    assert made.logs.endswith("[Of 3 outputs these were too sensitive and were dropped: 2.]\n")
    assert factories.account_of(alice).balance == 98 * MICRO


def test_where_the_operator_says_so_it_is_paid_for(
    alice: User, version: Version, provider: FakeProvider, service: ClassifierService
) -> None:
    site_rules.change(filtered_costs=True)
    add(service, kind="python", target=f"{__name__}.by_size")
    made = make(alice, version, provider, 3)
    assert (made.filtered, made.charge, made.delivered) == (1, 3 * MICRO, 2)


def test_what_nobody_could_judge_is_never_paid_for_and_not_called_sensitive(
    alice: User, version: Version, provider: FakeProvider, service: ClassifierService
) -> None:
    site_rules.change(filtered_costs=True)
    add(service, kind="python", target=f"{__name__}.by_size", when_down="refuse")
    made = make(alice, version, provider, 4)
    assert (made.status, made.filtered, made.charge, made.delivered) == ("succeeded", 1, 3 * MICRO, 2)
    assert "these could not be had and cost nothing: 4. Of 4 outputs these were too sensitive" in made.logs
    service.status = 500
    Classifier.objects.update(kind="webhook", target=service.url)
    classifiers.drop_cache()
    made = make(alice, version, provider)
    assert (made.status, made.filtered, made.charge) == ("failed", 0, 0)
    assert made.error == (
        "What came could not be checked just now, and was not let through. Try again. Nothing was charged."
    )


@pytest.mark.parametrize(
    ("when_down", "status", "marks"),
    [
        ("pass", "succeeded", {}),
        ("review", "succeeded", {"unrated": True, "flagged": ["watcher"]}),
        ("refuse", "failed", None),
    ],
)
def test_what_happens_when_it_fails_is_the_operators_choice(
    alice: User,
    version: Version,
    provider: FakeProvider,
    service: ClassifierService,
    when_down: str,
    status: str,
    marks: dict[str, Any] | None,
) -> None:
    service.status = 500
    row = add(service, when_down=when_down)
    made = make(alice, version, provider)
    assert made.status == status
    if marks is not None:
        assert Output.objects.get().marks == marks
    row.refresh_from_db()
    assert row.failed_at is not None and row.failure == "It answered 500."


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"<html>", b"[]", b'{"labels": 3}', b'{"labels": {"nsfw": 2}}', b'{"labels": {"nsfw": NaN}}',
        b'{"labels": {"nsfw": true}}', b'{"labels": {"": 1}}', b'"x"', b"x" * 70_000, b"[" * 60_000,
    ],
)  # fmt: skip
def test_an_answer_that_is_none_counts_as_a_failure(service: ClassifierService, raw: bytes) -> None:
    import asyncio

    service.raw = raw
    with pytest.raises(classifier_client.ClassifierDown):
        asyncio.run(
            classifier_client.classify(classifiers.as_config(add(service)), PICTURE, "image/jpeg", {})
        )


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/", "http://169.254.169.254/", "http://localhost/x"])
def test_inner_addresses_are_asked_only_where_the_operator_allows_them(settings: Any, target: str) -> None:
    import asyncio

    settings.OUTBOUND_ALLOW = []
    row = Classifier(name="inner", kind="webhook", target=target)
    with pytest.raises(classifier_client.ClassifierDown):
        asyncio.run(classifier_client.classify(classifiers.as_config(row), PICTURE, "image/jpeg", {}))


@pytest.mark.parametrize("target", ["os.system", "subprocess.run", "no.such.thing"])
def test_python_runs_only_where_the_setting_names_it(settings: Any, target: str) -> None:
    settings.CLASSIFIERS = ["no.such.thing"]
    with pytest.raises(classifier_client.ClassifierDown):
        classifier_client.load_callable(target)


def test_one_that_hangs_is_left_and_its_place_counts(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio
    import threading

    go = threading.Event()
    monkeypatch.setattr(
        classifier_client, "load_callable", lambda target: lambda picture, context: go.wait(30) and {}
    )
    row = Classifier(name="slow", kind="python", target="any.where", timeout=1)
    monkeypatch.setattr(classifier_client, "MAX_TIMEOUT_S", 0.05)
    for _again in range(classifier_client.MAX_FUNCTION_CALLS):
        with pytest.raises(classifier_client.ClassifierDown, match="did not answer"):
            asyncio.run(classifier_client.classify(classifiers.as_config(row), PICTURE, "image/jpeg", {}))
    with pytest.raises(classifier_client.ClassifierDown, match="under way"):
        asyncio.run(classifier_client.classify(classifiers.as_config(row), PICTURE, "image/jpeg", {}))
    go.set()
    until = time.monotonic() + 10
    while classifier_client._slots._value < classifier_client.MAX_FUNCTION_CALLS and time.monotonic() < until:  # type: ignore[attr-defined]
        threading.Event().wait(0.01)
    assert classifier_client._slots._value == classifier_client.MAX_FUNCTION_CALLS  # type: ignore[attr-defined]


def test_sent_files_are_judged_where_it_says_so(alice: User, service: ClassifierService) -> None:
    row = add(service)
    service.labels = {"nsfw": 0.95}

    def send() -> Any:
        sent = uploads.Sent("in.png", "image/png", {})
        return uploads.keep(alice, factories.account_of(alice), sent, iter([PICTURE]))

    assert send().name == "in.png" and service.requests == []
    row.on_uploads = True
    row.save()
    with pytest.raises(upload_checks.NotTaken, match="too sensitive"):
        send()
    assert RuleHit.objects.get().excerpt == "in.png nsfw 0.95"
    service.labels = {"nsfw": 0.1}
    add(service, name="other", target="https://judge.invalid/", on_uploads=True, when_down="refuse")
    with pytest.raises(upload_checks.NotTaken, match="could not be checked"):
        send()


def test_a_house_without_classifiers_asks_nobody(
    alice: User, version: Version, provider: FakeProvider, service: ClassifierService
) -> None:
    assert make(alice, version, provider).status == "succeeded"
    assert service.requests == [] and Output.objects.get().marks == {}
