"""A stored file that is gone is a 404, and a storage that does not answer a 503 with words, wherever files are sent."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from gallery.models import Export, Item, ShareLink
from gallery.privacy import exports
from gallery.shares import share_links
from predictions.files import uploads
from predictions.models import Output
from tests.runner.sampling import one_in, one_of
from tests.security import private_data
from tests.security.route_inventory import routes, streams
from tests.security.test_access_everywhere import Asker, bobs, said

pytestmark = pytest.mark.django_db
Break = Callable[[], None]


def remove_files() -> None:
    """Every file is gone, its row is not."""
    for path in Path(settings.MEDIA_ROOT).rglob("*"):
        if path.is_file():
            path.unlink()


def unmount() -> None:
    """The storage itself is gone."""
    shutil.rmtree(settings.MEDIA_ROOT)


BROKEN = [(remove_files, 404), (unmount, 503)]


@pytest.fixture
def link(public: Item, alice: User) -> ShareLink:
    return share_links.share(public, alice)


def addresses(item: Item, link: ShareLink) -> list[str]:
    """Where one picture's bytes are to be had."""
    output = item.output
    sizes = [f"picture/{size}" for size in ("small", "medium", "full")]
    pages = [
        f"{base}{size}" for base in (f"/gallery/{item.public_id}/", f"/s/{link.token}/") for size in sizes
    ]
    apis = [f"/api/items/{item.public_id}/{size}" for size in sizes]
    return [f"/f/{output.token}/{output.name}", *pages, *apis, f"/api/gallery/{item.public_id}/picture/full"]


@pytest.mark.parametrize(("break_it", "status"), BROKEN)
def test_each_address_of_a_picture_says_so(
    public: Item, link: ShareLink, as_alice: Client, break_it: Break, status: int
) -> None:
    before = {path: as_alice.get(path).status_code for path in addresses(public, link)}
    assert {path for path, found in before.items() if found != 200} == set()
    break_it()
    for place, path in enumerate(before):
        for method in one_of(("GET", "HEAD"), of=f"{place} {status}"):
            answer = as_alice.generic(method, path)
            assert answer.status_code == status, (method, path)
            assert status != 503 or answer["Retry-After"] == "5", (method, path)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("break_it", [remove_files, unmount])
def test_no_address_answers_500(break_it: Break) -> None:
    scene = private_data.make()
    break_it()
    page, program, faults = Asker(scene.bob), Asker(scene.bob, token=True), []
    for route in one_in(12, routes(), of=break_it.__name__):
        if streams(route):
            continue
        for _, (address, _named) in one_in(
            3, enumerate(route.filled(bobs(scene, route))), lambda one: one[0], of=route.path
        ):
            answer = (program if route.is_api else page).ask("GET", address)
            said(answer)
            if answer.status_code == 500:
                faults.append(address)
    assert faults == []


@pytest.mark.parametrize(("break_it", "status"), BROKEN)
def test_a_signed_address_of_an_upload_says_so(alice: User, break_it: Break, status: int) -> None:
    sent = uploads.Sent(name="a.txt", content_type="text/plain", metadata={})
    upload = uploads.keep(alice, alice.account, sent, [b"words"])
    path = uploads.signed_path(upload, timezone.now() + timedelta(hours=1))
    assert Client().get(path).status_code == 200
    break_it()
    assert Client().get(path).status_code == status


@pytest.mark.parametrize(("break_it", "status"), BROKEN)
def test_the_panels_picture_says_so(public: Item, staff: User, break_it: Break, status: int) -> None:
    client = Client()
    client.force_login(staff, backend=settings.AUTHENTICATION_BACKENDS[0])
    break_it()
    pk = Output.objects.get(pk=public.output_id).pk
    assert client.get(f"/admin/predictions/output/{pk}/picture/").status_code == status


def test_an_archive_is_not_begun_while_the_storage_is_away(public: Item, as_alice: Client) -> None:
    unmount()
    answer = as_alice.post("/library/zip/", {"ids": public.public_id}, follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert "files can&#x27;t be reached right now." in answer.content.decode()


def test_an_export_waits_for_a_storage_that_is_away(public: Item, alice: User) -> None:
    export = Export.objects.create(user=alice, account=alice.account)
    unmount()
    exports.build_next()
    export.refresh_from_db()
    assert (export.state, export.tries) == (Export.State.MAKING, 0)
    Path(settings.MEDIA_ROOT).mkdir(parents=True)
    Export.objects.filter(pk=export.pk).update(lease_until=None, state=Export.State.OWED)
    assert exports.build_next()
    export.refresh_from_db()
    assert export.state == Export.State.READY
    with zipfile.ZipFile(Path(settings.MEDIA_ROOT) / export.file.key) as archive:
        assert any(name.endswith("missing.txt") for name in archive.namelist())
