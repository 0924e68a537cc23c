"""Output files at their own addresses."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from gallery import moderation
from predictions.files import media, removal
from predictions.models import Output, StoredFile
from tests import factories
from tests.predictions.api_dialects.replicate.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def output(alice: User) -> Output:
    return factories.make_item(alice).output


def address(output: Output) -> str:
    return media.output_path(output.token, output.name)


def body(answer: object) -> bytes:
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer dr_" + "x" * 40}, {"Authorization": "nonsense"}]
)
def test_it_is_sent_without_a_token_and_with_one_that_it_does_not_need(
    output: Output, headers: dict[str, str]
) -> None:
    answer = Client().get(address(output), headers=headers)
    assert answer.status_code == 200
    assert body(answer) == factories.picture()
    assert answer["Content-Type"] == "image/png" and answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Length"] == str(output.file.size)
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Content-Disposition"] == f'inline; filename="{output.name}"'


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=10-", 10, None), ("bytes=-5", -5, None), ("bytes=0-999999", 0, None)],
)
def test_a_range_gets_that_part(output: Output, asked: str, first: int, last: int | None) -> None:
    whole = factories.picture()
    answer = Client().get(address(output), headers={"Range": asked})
    part = whole[first : None if last is None else last + 1]
    assert (answer.status_code, body(answer)) == (206, part)
    begin = first % len(whole)
    assert answer["Content-Range"] == f"bytes {begin}-{begin + len(part) - 1}/{len(whole)}"


@pytest.mark.parametrize(
    "asked", ["bytes=9-1", "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=-", "bytes=" + "9" * 40 + "-"]
)
def test_a_range_that_is_none_gets_the_whole(output: Output, asked: str) -> None:
    assert Client().get(address(output), headers={"Range": asked}).status_code == 200


@pytest.mark.parametrize("asked", ["bytes=99999-", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(output: Output, asked: str) -> None:
    answer = Client().get(address(output), headers={"Range": asked})
    assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{output.file.size}")


def test_a_cache_that_has_it_is_told_so(output: Output) -> None:
    etag = Client().get(address(output))["ETag"]
    assert Client().get(address(output), headers={"If-None-Match": etag}).status_code == 304
    part = Client().get(address(output), headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert part.status_code == 200


def test_head_says_the_length_and_sends_nothing(output: Output) -> None:
    answer = Client().head(address(output))
    assert (answer.status_code, answer["Content-Length"], answer.content) == (200, str(output.file.size), b"")


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "application/octet-stream"])
def test_what_a_browser_could_run_is_only_a_download(output: Output, content_type: str) -> None:
    StoredFile.objects.filter(pk=output.file_id).update(content_type=content_type)
    answer = Client().get(address(output))
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_a_hidden_one_goes_to_its_owner_alone(
    api: Api, stranger: Api, output: Output, alice: User, client_of: object
) -> None:
    moderation.hide(output.item, "copied work")
    assert Client().get(address(output)).status_code == 404
    assert (
        stranger.client.get(
            address(output), headers={"Authorization": f"Bearer {stranger.token}"}
        ).status_code
        == 404
    )
    assert (
        api.client.get(address(output), headers={"Authorization": f"Bearer {api.token}"}).status_code == 200
    )
    assert client_of(alice).get(address(output)).status_code == 200  # type: ignore[operator]
    moderation.restore(output.item)
    assert Client().get(address(output)).status_code == 200


def test_another_name_or_token_finds_nothing(output: Output) -> None:
    assert Client().get(f"/f/{output.token}/other.png").status_code == 404
    assert Client().get(f"/f/{'x' * 31}/{output.name}").status_code == 404


def test_stale_pending_and_doomed_files_are_removed_and_kept_ones_stay(output: Output) -> None:
    from django.utils import timezone

    stale = factories.make_stored_file(state="pending")
    young = factories.make_stored_file(state="pending")
    doomed = factories.make_stored_file(state="kept")
    StoredFile.objects.filter(pk=stale.pk).update(created_at=timezone.now().replace(year=2020))
    media.doom([doomed])
    assert removal.remove_unowned() == 2
    assert set(StoredFile.objects.values_list("pk", flat=True)) == {output.file_id, young.pk}
    assert not media.storage().exists(stale.key) and not media.storage().exists(doomed.key)
    assert media.storage().exists(output.file.key)


def test_an_owner_that_comes_for_a_swept_file_is_rolled_back() -> None:
    file = factories.make_stored_file(state="pending")
    media.doom([file])
    with pytest.raises(RuntimeError):
        media.keep([file])
