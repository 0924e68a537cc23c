"""What the documentation says: whole in both languages, with nothing typed twice, no dead link, nothing unsafe."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from accounts.models import User
from predictions import models
from predictions.catalogue import lookup
from studio.guide import documents, live_values, markdown_html, model_reference
from tests import factories
from tests.config.test_page_basics import Page
from tests.runner.sampling import one_in

NAMES = [*documents.NAMES, documents.MODEL]
ADDRESSES = [documents.address(name) for name in documents.NAMES] + [
    "/docs/models/lucataco/flux-schnell-lora",
    "/docs/search?q=webhook",
]
LINK = re.compile(r'href="(/docs/[^"]*)"')


@pytest.fixture
def shop(db: None) -> None:
    call_command("catalogue", verbosity=0)


def reader(language: str = "en") -> live_values.Reader:
    model = model_reference.find("lucataco/flux-schnell-lora")
    return live_values.Reader("https://studio.example.org", language, model)


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_headings_and_the_same_code(shop: None, name: str) -> None:
    english, chinese = (documents.text(name, reader(language)) for language in documents.LANGUAGES)
    heads = [
        re.findall(r"^(#+) ", re.sub(r"```.*?```", "", text, flags=re.S), re.M) for text in (english, chinese)
    ]
    assert heads[0] == heads[1]
    codes = [re.findall(r"^```.*?^```$", text, re.S | re.M) for text in (english, chinese)]
    assert codes[0] == codes[1]
    rows = [len(re.findall(r"^\|", text, re.M)) for text in (english, chinese)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_chinese_page_is_written_in_chinese(name: str) -> None:
    prose = re.sub(r"`[^`]*`|\{[{%].*?[%}]\}|\(.*?\)", "", documents.source(name, "zh-hans").split("```")[0])
    for paragraph in re.findall(r"^[^|#\n].{60,}$", prose, re.M):
        assert re.search(r"[\u4e00-\u9fff]", paragraph), paragraph


@pytest.mark.parametrize("language", documents.LANGUAGES)
def test_every_placeholder_has_a_value_and_every_value_a_place(
    shop: None, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents._ENGINE, "string_if_invalid", "NO VALUE %s")
    for name in NAMES:
        text = documents.text(name, reader(language))
        assert not re.findall(r"NO VALUE.*|.*\{[{%].*", text), name
        assert not re.findall(r"^\| --- .*\n(?!\|)", text, re.M), f"{name} has a table without rows"
    sources = "".join(documents.source(name, language) for name in NAMES)
    for name, value in live_values.values(reader(language)).items():
        for part in value if isinstance(value, dict) else [""]:
            assert f" {name}.{part}".rstrip(".") in sources


def test_the_numbers_are_those_of_the_running_server(shop: None, client: Client, settings: Any) -> None:
    settings.RATE_LIMITS = {"create": 0, "poll": 77, "other": 4321}
    settings.IN_FLIGHT_PER_ACCOUNT = 19
    settings.WORK_LIMIT = 7200.0
    text = client.get("/docs/limits.md").content.decode()
    assert "| creating predictions | no limit |" in text
    assert "| 77 |" in text and "4,321" in text and "19 predictions" in text and "2 hours" in text


def test_a_price_that_an_operator_changes_is_the_price_on_the_page(shop: None, client: Client) -> None:
    version = lookup.find_version("stability-ai/sdxl")
    assert version is not None
    version.model.prices.create(number=9, unit="run", amount=12_500_000)
    assert "12.5 credits per run" in client.get("/docs/money.md").content.decode()
    assert "12.5 credits per run" in client.get("/docs/models/stability-ai/sdxl").content.decode()


# -- As pages -------------------------------------------------------------------------------------------------


# Each page in one language at least.
WELL_MADE = [
    (path, language) for path in ADDRESSES for language in one_in(2, documents.LANGUAGES, str, of=path)
]


@pytest.mark.parametrize(("path", "language"), one_in(4, WELL_MADE))
def test_a_page_is_well_made(shop: None, client: Client, path: str, language: str) -> None:
    answer = client.get(path, headers={"Accept-Language": language})
    text = answer.content.decode()
    parsed = Page(text)
    assert answer.status_code == 200 and f'<html lang="{language}"' in text
    assert len(parsed.ids) == len(set(parsed.ids)), "an id stands twice"
    assert parsed.inline == [] and "<style" not in text
    assert text.count("<h1") == 1
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert len(answer.content) < 60_000


@pytest.mark.parametrize("language", one_in(2, documents.LANGUAGES))
def test_no_link_within_the_documentation_is_dead(shop: None, client: Client, language: str) -> None:
    headers = {"Accept-Language": language}
    texts = {path: client.get(path, headers=headers).content.decode() for path in ADDRESSES}
    for path, text in list(texts.items()):
        for link in set(re.findall(r'href="([^"]*)"', text)):
            target, _, anchor = link.partition("#")
            target = target or path
            if not target.startswith(("/docs/", "/llms.txt", "/account/", "/library/")):
                continue
            if target not in texts:
                found = client.get(target, headers=headers)
                assert found.status_code in {200, 302}, (path, link)
                texts[target] = found.content.decode()
            assert not anchor or f'id="{anchor}"' in texts[target], (path, link)


def test_anchors_are_the_same_in_every_language(shop: None, client: Client) -> None:
    for name in NAMES:
        anchors = [
            [section.anchor for section in documents.html(name, reader(lang)).sections]
            for lang in documents.LANGUAGES
        ]
        assert anchors[0] == anchors[1]
        assert len(anchors[0]) == len(set(anchors[0])), name


def test_the_address_in_the_samples_is_the_one_that_was_asked(
    shop: None, client: Client, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    text = client.get("/docs/index.md", headers={"Host": "studio.example.org:8443"}).content.decode()
    assert "curl -s http://studio.example.org:8443/v1/models/" in text
    settings.PUBLIC_URL = "https://pictures.example.org"
    assert "https://pictures.example.org/v1/models/" in client.get("/docs/").content.decode()


def test_a_page_asks_the_database_for_what_stands_on_it_only(shop: None, client: Client) -> None:
    for path, most in (("/docs/webhooks", 6), ("/docs/limits", 6)):
        client.get(path)
        with CaptureQueriesContext(connection) as asked:
            client.get(path)
        assert len(asked) <= most, [one["sql"] for one in asked]


def test_a_member_reads_samples_with_the_model_they_used_last(
    shop: None, client: Client, alice: User
) -> None:
    client.force_login(alice)
    assert "flux-dev-lora" not in client.get("/docs/index.md").content.decode()
    factories.make_prediction(alice, lookup.find_version("lucataco/flux-dev-lora"))
    assert 'darkroom.run("lucataco/flux-dev-lora"' in client.get("/docs/index.md").content.decode()


def test_a_model_that_is_gone_has_no_page(shop: None, client: Client) -> None:
    version = lookup.find_version("stability-ai/sdxl")
    assert version is not None
    version.model.enabled = False
    version.model.save()
    for path in (
        "/docs/models/stability-ai/sdxl",
        "/docs/models/stability-ai/sdxl.md",
        "/docs/nothing",
        "/docs/x.md",
    ):
        assert client.get(path).status_code == 404


def test_without_any_model_the_pages_still_open(db: None, client: Client) -> None:
    for path in ("/docs/", "/docs/models", "/docs/money", "/docs/openai", "/llms.txt"):
        assert client.get(path).status_code == 200


def test_every_model_of_the_catalogue_has_a_page_with_all_its_inputs(shop: None, client: Client) -> None:
    for model in models.HostedModel.objects.all():
        text = client.get(f"/docs/models/{model.ref}.md").content.decode()
        version = lookup.find_version(model.ref)
        assert version is not None and version.properties
        for name in version.properties:
            assert f"\n| `{name}` | " in text


# -- For programs, and for those who search --------------------------------------------------------------------


def test_programs_find_every_page_as_text(shop: None, client: Client) -> None:
    text = client.get("/llms.txt").content.decode()
    links = re.findall(r"\]\(http://testserver(/docs/[^)]+\.md)\)", text)
    for document in ("/api/schema", "/v1/openapi.json", "/openai/v1/openapi.json"):
        assert f"(http://testserver{document})" in text and client.get(document).status_code == 200
    assert len(links) == len(documents.NAMES) + models.HostedModel.objects.count()
    for link in links:
        answer = client.get(link)
        assert answer["Content-Type"] == "text/markdown; charset=utf-8"
        assert answer.content.decode().startswith("# ") and "{{" not in answer.content.decode()


def test_a_text_comes_in_the_language_that_its_address_names(shop: None, client: Client) -> None:
    assert client.get("/docs/money.md?lang=zh-hans").content.decode().startswith("# 计费")
    assert client.get("/docs/money.md?lang=xx").content.decode().startswith("# Money")
    assert "?lang=zh-hans)" in client.get("/llms.txt?lang=zh-hans").content.decode()


def test_the_search_finds_headings_first_and_works_without_scripts(shop: None, client: Client) -> None:
    whole = client.get("/docs/search?q=idempotency-key").content.decode()
    assert re.findall(r"<strong>(.*?)</strong>", whole)[0] == "Idempotency-Key"
    part = client.get("/docs/search?q=idempotency-key", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and '<a href="/docs/repeats#idempotency-key">' in part
    assert "Nothing matches" in client.get("/docs/search?q=zzzzqq").content.decode()


def test_the_search_reads_chinese(shop: None, client: Client) -> None:
    found = client.get("/docs/search?q=签名", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert '<a href="/docs/webhooks#verify-the-signature">' in found


def test_what_is_searched_for_is_shown_as_text_only(shop: None, client: Client) -> None:
    answer = client.get("/docs/search", {"q": "<script>alert(1)</script>\x00" + "x" * 5000})
    assert answer.status_code == 200
    assert b"<script>alert" not in answer.content


def test_html_in_a_text_stays_text() -> None:
    text = "# A\n\n<b onclick=x>b</b> [x](javascript:alert(1)) `<i>`\n"
    rendered = markdown_html.render(text, "en", ("a",))
    assert "<b" not in rendered.opening.replace("<blockquote", "") and "href" not in rendered.opening


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "# A\n## B\n```\n", "{{ host }} {% if %}", "1. # A"]
)
def test_the_description_of_an_imported_model_is_text(shop: None, client: Client, text: str) -> None:
    models.HostedModel.objects.filter(name="sdxl").update(description=text)
    answer = client.get("/docs/models/stability-ai/sdxl").content.decode()
    lead = answer.partition("</h1>\n<p>")[2].partition("</p>")[0]
    assert lead == escape(" ".join(text.split()))
    assert client.get("/llms.txt").status_code == 200
