"""Kinds of upstreams: one that is made up goes from the command line to a picture, a cost and a webhook.

`CONSUMERS` lists every module that asks the table of kinds, each with the test that tries it with the made-up one. Who
begins to ask it adds a line and a test here.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, ClassVar

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import MICRO, User
from core import crypto
from predictions.dispatch import provider_lookup
from predictions.models import Prediction, Upstream, UpstreamDay, UpstreamRun, Version
from predictions.providers import kinds, upstream
from predictions.providers.base import Job, Order, OutputRef, Provider, ProviderError, Update
from predictions.providers.provider_names import is_upstream
from predictions.providers.replicate import ReplicateProvider
from predictions.providers.upstream import ProviderKind, UpstreamConfig, UpstreamProvider, WebhookScheme
from predictions.upstreams import configuration, health_check, setup, webhook_secrets, webhook_urls
from tests import factories, fakes
from tests.predictions.upstreams.test_upstream_admin import ADD, change, sent
from tests.predictions.upstreams.upstream_fixtures import accept, fresh
from tests.predictions.upstreams.upstream_rows import make_upstream
from tests.support.source_rules import Source, sources

CONSUMERS = {
    "predictions/models/upstreams.py": "test_a_kind_is_a_choice_and_replicate_the_default",
    "predictions/upstreams/configuration.py": "test_it_goes_from_the_command_line_to_a_picture_and_its_cost",
    "predictions/management/commands/upstream.py": "test_the_command_takes_known_kinds_and_names_them",
    "predictions/upstreams/setup.py": "test_a_kind_has_no_settings_but_its_own",
    "predictions/admin/upstreams.py": "test_the_form_offers_the_kind_where_there_are_several",
    "predictions/upstreams/health_check.py": "test_its_own_question_says_whether_a_key_is_well",
    "predictions/upstreams/webhook_secrets.py": "test_its_webhooks_are_checked_as_it_signs_them",
    "predictions/upstreams/webhook_view.py": "test_its_webhooks_are_checked_as_it_signs_them",
}
KIND = "chalk"
SECRET = "planted-chalk-secret-4711"
URL = "https://chalk.example/api"

rows = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


class ChalkProvider(UpstreamProvider):
    """Draws at once, and charges a quarter of a dollar for it."""

    orders: ClassVar[list[Order]] = []
    takes_addresses: ClassVar[bool] = True

    def __init__(self, config: UpstreamConfig) -> None:
        super().__init__(config)
        self.fetches_inputs = self.takes_addresses

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        yield

    async def start(self, order: Order) -> Job | Update:
        self.orders.append(order)
        return Job(id=f"chalk-{len(self.orders)}")

    async def check(self, job: Job) -> Update:
        picture = OutputRef(name="out-0.png", content_type="image/png", address="0")
        return Update("succeeded", output=[picture], metrics={"upstream_cost": 0.25})

    async def cancel(self, job: Job) -> bool:
        return True

    async def fetch(self, job: Job, ref: OutputRef) -> AsyncIterator[bytes]:
        yield factories.picture()

    async def release(self, job: Job) -> None:
        pass


async def check_key(config: UpstreamConfig, *, redirect_is_error: bool) -> ProviderError | None:
    """Well where the secret is the right one."""
    well = config.secret == SECRET
    return None if well else ProviderError("Wrong chalk.", permanent=False, refused=True, kind="key")


async def fetch_secret(config: UpstreamConfig) -> str:
    return "signed-with-chalk"


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    return headers.get("x-chalk") == secret


@pytest.fixture
def chalk(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderKind]:
    """A kind with webhooks, and without other settings of its own."""
    kind = ProviderKind(
        label="Chalk",
        provider=ChalkProvider,
        check_key=check_key,
        settings=frozenset({"webhooks"}),
        webhooks=WebhookScheme(fetch_secret, is_signed),
    )
    monkeypatch.setitem(kinds.PROVIDERS, KIND, kind)
    monkeypatch.setattr(ChalkProvider, "orders", [])
    monkeypatch.setenv("CHALK_KEY", SECRET)
    yield kind


@pytest.fixture
def staff_client(staff: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(staff)


def add(*words: str) -> Upstream:
    call_command("upstream", "board", "--kind", KIND, "--url", URL, "--key-env", "CHALK_KEY", *words)
    return Upstream.objects.get(name="board")


@pytest.mark.usefixtures("product_source")
def test_every_consumer_of_the_table_is_tried_with_the_made_up_kind() -> None:
    table = "predictions/providers/kinds.py"
    asking = {one.path for one in sources() if one.path != table and "kinds" in _imports(one)}
    assert asking == set(CONSUMERS)
    assert set(CONSUMERS.values()) <= set(globals())


@pytest.mark.usefixtures("product_source")
def test_nobody_but_the_table_imports_a_kind() -> None:
    folders = tuple(f"predictions/providers/{name}/" for name in kinds.PROVIDERS)
    table = "predictions/providers/kinds.py"
    for one in sources():
        if one.path != table and not one.path.startswith(folders):
            assert not _imports(one) & set(kinds.PROVIDERS), one.path


def _imports(one: Source) -> set[str]:
    """The names right below `predictions.providers` that a file imports from, whichever way it is written."""
    package = "predictions.providers"
    found = {name.name for node in one.nodes if isinstance(node, ast.Import) for name in node.names}
    for node in one.nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    below = (name.removeprefix(f"{package}.") for name in found if name.startswith(f"{package}."))
    return {name.partition(".")[0] for name in below}


@pytest.mark.parametrize("kind", list(kinds.PROVIDERS))
def test_every_kind_has_a_provider_with_all_that_is_asked_of_one(kind: str) -> None:
    known = kinds.PROVIDERS[kind]
    config = UpstreamConfig(
        "upstream-7", "far", URL, SECRET, False, 1, 1, 1.0, 1.0, 1.0, "auto", None, 1, 1, kind=kind
    )
    provider = kinds.build(config)
    assert isinstance(provider, Provider) and type(provider) is known.provider
    assert provider.is_remote and provider.is_remote == is_upstream(provider.name)
    assert known.settings <= set(upstream.KIND_SETTINGS) and known.label and len(kind) <= 20
    assert ("webhooks" in known.settings) == (known.webhooks is not None)
    assert SECRET not in repr(provider)


@rows
def test_a_kind_is_a_choice_and_replicate_the_default(chalk: ProviderKind) -> None:
    assert Upstream().kind == kinds.DEFAULT == "replicate"
    assert Upstream(name="x", url=URL, kind=KIND).get_kind_display() == "Chalk"
    assert make_upstream("plain").kind == "replicate"
    [provider] = configuration.all_providers()
    assert isinstance(provider, ReplicateProvider)


@rows
def test_a_process_that_does_not_know_the_column_may_still_add_an_upstream() -> None:
    pk = make_upstream("old").pk
    left_out = {"id", "kind", "name"}
    columns = [one.column for one in Upstream._meta.concrete_fields if one.column not in left_out]
    listed = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO predictions_upstream (name, {listed})"
            f" SELECT 'older', {listed} FROM predictions_upstream WHERE id = %s",
            [pk],
        )
    assert Upstream.objects.get(name="older").kind == "replicate"


@rows
def test_an_upstream_of_an_unknown_kind_hinders_no_other() -> None:
    make_upstream("far", kind="of-tomorrow")
    known = make_upstream("near")
    assert [one.group for one in configuration.all_providers()] == [known.name]


@committed
def test_it_goes_from_the_command_line_to_a_picture_and_its_cost(
    chalk: ProviderKind, alice: User, version: Version
) -> None:
    upstream = add()
    prediction = accept(alice, version)
    fakes.work_off()
    row = fresh(prediction)
    assert (row.status, row.provider, len(row.output or [])) == (
        "succeeded", upstream.keys.get().provider_name, 1,
    )  # fmt: skip
    assert provider_lookup.shown_name(row.provider) == "board"
    [order] = ChalkProvider.orders
    assert order.key == prediction.provider_key
    run = UpstreamRun.objects.get()
    assert (run.outcome, run.cost, run.job_id) == ("succeeded", 25 * MICRO, "chalk-1")
    assert UpstreamDay.objects.get().spent == 25 * MICRO


@committed
@pytest.mark.parametrize("itself", [True, False])
def test_files_are_fetched_here_for_a_kind_that_reads_no_addresses(
    itself: bool, chalk: ProviderKind, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChalkProvider, "takes_addresses", itself)
    asked: list[str] = []

    async def get(client: Any, url: str, pictures: bool) -> tuple[str, bytes]:
        asked.append(url)
        return "image/png", factories.picture()

    monkeypatch.setattr("predictions.inputs.fetch._get", get)
    properties = {"prompt": {"type": "string"}, "image": {"type": "string", "format": "uri"}}
    add()
    url = "https://pictures.example/a.png"
    accept(
        alice, factories.make_version(input_schema={"type": "object", "properties": properties}), image=url
    )
    fakes.start_once()
    [order] = ChalkProvider.orders
    assert asked == ([] if itself else [url])
    assert (
        order.input["image"] == url if itself else order.input["image"].startswith("data:image/png;base64,")
    )


@rows
def test_the_command_takes_known_kinds_and_names_them(
    chalk: ProviderKind, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add().kind == KIND
    call_command("upstream", "--list")
    assert f"board: {KIND}, {URL}, on" in capsys.readouterr().out
    with pytest.raises(CommandError, match=r"replicate.*chalk"):
        call_command("upstream", "other", "--kind", "slate", "--url", URL, "--key-env", "CHALK_KEY")
    with pytest.raises(CommandError, match=r"--kind: .*under a name of its own"):
        call_command("upstream", "board", "--kind", "replicate")
    # The same is no change, and without a word it stays.
    call_command("upstream", "board", "--kind", KIND, "--priority", "3")
    call_command("upstream", "board", "--url", URL)
    assert (Upstream.objects.get().kind, Upstream.objects.get().priority) == (KIND, 3)
    with pytest.raises(setup.BadSetting, match="replicate, chalk"):
        setup.apply("other", setup.UpstreamSettings(url=URL, kind="slate", keys={"key": SECRET}))


@rows
def test_a_kind_has_no_settings_but_its_own(chalk: ProviderKind) -> None:
    with pytest.raises(CommandError, match=r"--idempotent: .* no such setting"):
        add("--idempotent")
    with pytest.raises(CommandError, match=r"--files: .* no such setting"):
        add("--files", "data")
    assert add("--webhooks", "--files", "auto").webhooks


@rows
def test_the_form_offers_the_kind_where_there_are_several(staff_client: Client, chalk: ProviderKind) -> None:
    assert 'name="kind"' in staff_client.get(ADD).content.decode()
    answer = staff_client.post(ADD, sent(kind=KIND, idempotent="on"))
    assert answer.status_code == 200 and "no such setting" in answer.content.decode()
    assert staff_client.post(ADD, sent(kind="slate")).status_code == 200
    assert staff_client.post(ADD, sent(kind=KIND)).status_code == 302
    upstream = Upstream.objects.get()
    assert upstream.kind == KIND
    page = staff_client.get(change(upstream)).content.decode()
    assert "Chalk" in page and 'name="kind"' not in page
    assert 'name="webhooks"' in page and 'name="files"' not in page and 'name="idempotent"' not in page
    assert "Chalk" in staff_client.get(reverse("admin:predictions_upstream_changelist")).content.decode()


@rows
def test_the_form_is_silent_about_the_only_kind(staff_client: Client) -> None:
    assert len(kinds.PROVIDERS) == 1
    assert 'name="kind"' not in staff_client.get(ADD).content.decode()
    assert staff_client.post(ADD, sent()).status_code == 302
    assert Upstream.objects.get().kind == "replicate"
    assert (
        "Replicate" not in staff_client.get(reverse("admin:predictions_upstream_changelist")).content.decode()
    )


@rows
def test_its_own_question_says_whether_a_key_is_well(chalk: ProviderKind) -> None:
    assert health_check.check_now(add().keys.get().provider_name) is None
    other = make_upstream("other", kind=KIND, secret="planted-wrong-secret").keys.get()
    found = health_check.check_now(other.provider_name)
    assert found is not None and (found.kind, str(found)) == ("key", "Wrong chalk.")


@committed
def test_its_webhooks_are_checked_as_it_signs_them(
    chalk: ProviderKind, alice: User, version: Version, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PUBLIC_URL = "https://pictures.example"
    upstream = add("--webhooks")
    fetcher = webhook_secrets.Fetcher()
    fetcher.step()
    fetcher.wait(30)
    assert crypto.decrypt(Upstream.objects.get().webhook_secret) == "signed-with-chalk"
    prediction = accept(alice, version)
    fakes.start_once()
    assert _webhook_status(upstream, prediction, "something else") == 401
    assert _webhook_status(upstream, prediction, "signed-with-chalk") == 200
    # A kind that sends none has no address to call.
    monkeypatch.setitem(kinds.PROVIDERS, KIND, ProviderKind("Chalk", ChalkProvider, check_key))
    assert _webhook_status(upstream, prediction, "signed-with-chalk") == 404
    assert not webhook_secrets.missing().exists() and kinds.with_webhooks() == ["replicate"]
    configuration.reset()
    assert configuration.config(upstream.keys.get().provider_name).webhook_url == ""


def _webhook_status(upstream: Upstream, prediction: Prediction, signature: str) -> int:
    path = f"{webhook_urls.PATH}{webhook_urls.token(upstream.pk)}/{prediction.provider_key}"
    return (
        Client().post(path, {}, content_type="application/json", headers={"x-chalk": signature}).status_code
    )
