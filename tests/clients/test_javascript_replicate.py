"""The official JavaScript client of Replicate, in Node: running models, lists, files, webhooks, errors."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.clients.conftest import GIF
from tests.clients.node import Node, Thrown
from tests.clients.suite import PAGE, SMALL, Suite
from tests.servers.installations import eventually
from tests.servers.webhook_receiver import WebhookReceiver

pytestmark = pytest.mark.clients


# -- running models --------------------------------------------------------------------------------------------


def test_run_gives_what_the_model_says(js: Node, suite: Suite) -> None:
    program = "return replicate.run(given.ref, {input: {prompt: 'a red cat'}})"
    assert "a red cat" in js(program, ref=suite.models["text"])
    assert "a red cat" in js(program, ref="/".join(suite.model("text")))
    items = js(program, ref=suite.models["iterator"])
    assert len(items) >= 3 and "a red cat" in "".join(items)


def test_run_tells_of_its_progress_and_polls_on_when_the_hold_runs_out(js: Node) -> None:
    seen, output = js(
        """
        const seen = [];
        const told = (prediction) => seen.push(prediction.status);
        const output = await replicate.run(models.slow, {input: {seconds: 2}, wait: {mode: "block", timeout: 1}}, told);
        return [seen, output];
        """
    )
    assert output == "This took 2 seconds."
    assert seen[0] == "starting" and "processing" in seen and seen[-1] == "succeeded"


def test_run_by_polling(js: Node) -> None:
    wait = "{mode: 'poll', interval: 100}"
    assert "a red cat" in js(
        f"return replicate.run(models.text, {{input: {{prompt: 'a red cat'}}, wait: {wait}}})"
    )


def test_many_runs_side_by_side_each_get_their_own_answer(js: Node) -> None:
    told = js(
        """
        const numbers = [...Array(4).keys()];
        return Promise.all(numbers.map((n) => replicate.run(models.text, {input: {prompt: `number ${n}.`}})));
        """
    )
    assert [f"number {n}." in one for n, one in enumerate(told)] == [True] * 4


def test_a_failed_run_throws_the_models_words(js: Node) -> None:
    for mode in ("block", "poll"):
        with pytest.raises(Thrown) as failed:
            js(
                "return replicate.run(models.fail, {input: {message: 'It was not to be.'}, wait: {mode: given.mode}})",
                mode=mode,
            )
        assert (failed.value.kind, failed.value.message) == ("Error", "Prediction failed: It was not to be.")


def test_a_run_that_is_aborted_is_canceled(js: Node) -> None:
    status = js(
        """
        const leaving = new AbortController();
        let id;
        const told = (prediction) => { id = prediction.id; leaving.abort(); };
        const wait = {mode: "poll", interval: 100};
        try { await replicate.run(models.slow, {input: {seconds: 120}, wait, signal: leaving.signal}, told); } catch {}
        return (await replicate.predictions.cancel(id)).status;
        """
    )
    assert status == "canceled"


def test_create_wait_get_and_cancel(js: Node) -> None:
    made, ended, canceled = js(
        """
        const version = models.slow.split(":")[1];
        const made = await replicate.predictions.create({version, input: {seconds: 0.5}});
        const ended = await replicate.wait(made, {interval: 100});
        const long = await replicate.predictions.create({model: models.slow.split(":")[0], input: {seconds: 120}});
        await replicate.predictions.cancel(long.id);
        return [made, ended, await replicate.wait(long, {interval: 100})];
        """
    )
    assert (made["status"], made["output"], made["logs"]) == ("starting", None, "")
    assert (ended["status"], ended["output"]) == ("succeeded", "This took 0.5 seconds.")
    assert (canceled["status"], canceled["output"]) == ("canceled", None)


def test_a_stream_gives_each_item_and_ends_with_done(js: Node) -> None:
    events = js(
        """
        const events = [];
        for await (const event of replicate.stream(models.iterator, {input: {prompt: "a red cat\\nand more"}}))
            events.push([event.event, event.data, event.id]);
        return events;
        """
    )
    assert events[-1][0] == "done" and all(identity for _, _, identity in events)
    assert "a red cat\nand more" in "".join(data for event, data, _ in events if event == "output")


def test_a_stream_of_pictures_gives_file_objects_or_addresses_as_wished(js: Node) -> None:
    program = """
        const found = [];
        const {token: auth, url, mount} = order;
        const client = new Replicate({auth, baseUrl: url + mount, useFileOutput: given.objects});
        for await (const event of client.stream(models.image, {input: {prompt: "a", num_outputs: 2}}))
            if (event.event === "output")
                found.push(given.objects ? [event.data.url().href, (await event.data.blob()).size] : [event.data, 0]);
        return found;
        """
    objects, addresses = js(program, objects=True), js(program, objects=False)
    assert [httpx.get(url).headers["content-type"] for url, _ in objects + addresses] == ["image/png"] * 4
    assert [size for _, size in objects] == [len(httpx.get(url).content) for url, _ in objects]


def test_a_failing_stream_throws_the_models_words(js: Node) -> None:
    with pytest.raises(Thrown, match="It was not to be"):
        js(
            """
            const input = {message: "It was not to be."};
            for await (const event of replicate.stream(models.fail, {input})) event;
            """
        )


def test_run_gives_pictures_of_the_size_asked_for(js: Node) -> None:
    made = js(
        "return replicate.run(models.image, {input: {prompt: 'a', width: 32, height: 48, num_outputs: 2}})"
    )
    assert [Image.open(io.BytesIO(httpx.get(one).content)).size for one in made] == [(32, 48)] * 2


@pytest.mark.parametrize("objects", [True, False])
def test_behind_tls_outputs_are_file_objects_or_addresses_as_wished(js: Node, objects: bool) -> None:
    kinds, addresses, sizes = js(
        """
        const baseUrl = order.url.replace("http:", "https:") + order.mount;
        const client = new Replicate({auth: order.token, baseUrl, fetch: behindTls, useFileOutput: given.objects});
        const made = await client.run(models.image, {input: {prompt: "a", num_outputs: 2}});
        const sizes = given.objects ? await Promise.all(made.map(async (one) => (await one.blob()).size)) : [];
        return [made.map((one) => typeof one), made.map(String), sizes];
        """,
        objects=objects,
    )
    assert kinds == ["object" if objects else "string"] * 2
    assert all(url.startswith("https://") for url in addresses)
    if objects:
        plain = [url.replace("https:", "http:", 1) for url in addresses]
        assert sizes == [len(httpx.get(url).content) for url in plain]


# -- lists and the catalogue -----------------------------------------------------------------------------------


def test_paginate_walks_over_every_prediction_once(js: Node, suite: Suite) -> None:
    pages = js(
        """
        const pages = [];
        for await (const page of replicate.paginate(replicate.predictions.list)) pages.push(page.map((row) => row.id));
        return pages;
        """
    )
    found = [row for page in pages for row in page]
    assert len(pages) >= 2 and len(pages[0]) == PAGE
    assert len(found) == len(set(found)) and set(suite.many) <= set(found)


def test_models_are_listed_read_and_found(js: Node, suite: Suite) -> None:
    owner, name = suite.model("text")
    listed, model, versions, version, found = js(
        """
        const {owner, name, id} = given;
        const listed = [];
        for await (const page of replicate.paginate(replicate.models.list)) listed.push(...page);
        return [
            listed.map((model) => `${model.owner}/${model.name}`),
            await replicate.models.get(owner, name),
            (await replicate.models.versions.list(owner, name)).results.map((one) => one.id),
            await replicate.models.versions.get(owner, name, id),
            (await replicate.models.search("sdxl")).results.map((model) => `${model.owner}/${model.name}`),
        ];
        """,
        owner=owner,
        name=name,
        id=suite.version("text"),
    )
    assert f"{owner}/{name}" in listed and model["latest_version"]["id"] == suite.version("text")
    assert suite.version("text") in versions
    assert "prompt" in version["openapi_schema"]["components"]["schemas"]["Input"]["properties"]
    assert found == ["stability-ai/sdxl"]


def test_the_small_lists_can_be_read(js: Node) -> None:
    account, hardware, collections, trainings = js(
        """
        const collections = (await replicate.collections.list()).results;
        const full = collections.map(async (one) => (await replicate.collections.get(one.slug)).models.length);
        return [
            await replicate.accounts.current(),
            await replicate.hardware.list(),
            await Promise.all(full),
            (await replicate.trainings.list()).results,
        ];
        """
    )
    assert account["username"] == "conformance-funded" and hardware[0]["sku"]
    assert collections and all(collections)
    assert trainings == []


def test_a_deployment_is_listed_read_and_run_with_what_it_fixes(js: Node, suite: Suite) -> None:
    owner, name = suite.deployment
    listed, one, made = js(
        """
        const {owner, name} = given;
        const made = await replicate.deployments.predictions.create(owner, name, {input: {prompt: "a", width: 640}});
        return [
            (await replicate.deployments.list()).results.map((one) => [one.owner, one.name]),
            await replicate.deployments.get(owner, name),
            await replicate.wait(made, {interval: 100}),
        ];
        """,
        owner=owner,
        name=name,
    )
    assert listed == [[owner, name]] and one["current_release"]["version"] == suite.version("image")
    assert (made["status"], made["deployment"]) == ("succeeded", f"{owner}/{name}")
    picture = Image.open(io.BytesIO(httpx.get(made["output"][0]).content))
    assert picture.size == (SMALL["width"], SMALL["height"])


# -- files -----------------------------------------------------------------------------------------------------


def test_a_file_is_uploaded_read_listed_used_and_deleted(js: Node) -> None:
    made, same, listed, back, deleted, status = js(
        """
        const content = new File([Buffer.from(given.hex, "hex")], "dot.gif", {type: "image/gif"});
        const made = await replicate.files.create(content, {shelf: {row: 3}});
        const same = await replicate.files.get(made.id);
        const listed = (await replicate.files.list()).results.map((one) => one.id);
        const back = await replicate.run(models.file_input, {input: {image: made.urls.get}});
        const deleted = await replicate.files.delete(made.id);
        const status = await replicate.files.get(made.id).catch((error) => error.response.status);
        return [made, same, listed, back, deleted, status];
        """,
        hex=GIF.hex(),
    )
    assert (made["name"], made["content_type"], made["size"]) == ("dot.gif", "image/gif", len(GIF))
    assert made["metadata"] == {"shelf": {"row": 3}} and same == made and made["id"] in listed
    assert httpx.get(back).content == GIF
    assert (deleted, status) == (True, 404)


@pytest.mark.parametrize("strategy", ["default", "upload"])
@pytest.mark.parametrize("kind", ["File", "Blob", "Buffer"])
def test_a_file_in_the_input_reaches_the_model(js: Node, strategy: str, kind: str) -> None:
    back = js(
        """
        const bytes = Buffer.from(given.hex, "hex");
        const image = {
            File: new File([bytes], "dot.gif", {type: "image/gif"}),
            Blob: new Blob([bytes], {type: "image/gif"}),
            Buffer: bytes,
        }[given.kind];
        const fileEncodingStrategy = given.strategy;
        const client = new Replicate({auth: order.token, baseUrl: order.url + order.mount, fileEncodingStrategy});
        return client.run(models.file_input, {input: {image}});
        """,
        hex=GIF.hex(),
        strategy=strategy,
        kind=kind,
    )
    assert httpx.get(back).content == GIF


def test_a_data_uri_reaches_the_model(js: Node) -> None:
    back = js(
        """
        const image = "data:image/gif;base64," + Buffer.from(given.hex, "hex").toString("base64");
        return replicate.run(models.file_input, {input: {image}});
        """,
        hex=GIF.hex(),
    )
    answer = httpx.get(back)
    assert (answer.content, answer.headers["content-type"]) == (GIF, "image/gif")


def test_the_clients_faulty_way_to_send_data_uris_never_shows_its_token_to_anyone(
    js: Node, suite: Suite
) -> None:
    """It sends its own settings as the input, the token among them."""
    told = js(
        """
        const {token: auth, url, mount} = order;
        const client = new Replicate({auth, baseUrl: url + mount, fileEncodingStrategy: "data-uri"});
        const version = models.text.split(":")[1];
        return client.predictions.create({version, input: {prompt: "a"}}).catch((error) => error.message);
        """
    )
    assert suite.tokens["funded"] not in json.dumps(told)
    assert suite.tokens["funded"] not in Path(suite.log).read_text(errors="replace")


# -- webhooks --------------------------------------------------------------------------------------------------


def test_webhooks_pass_the_clients_own_check_and_a_changed_one_does_not(
    js: Node, receiver: WebhookReceiver
) -> None:
    made = js(
        """
        const wish = {version: models.text.split(":")[1], input: {prompt: "ein Käfer 🐞"}};
        return replicate.predictions.create({...wish, webhook: given.hook, webhook_events_filter: ["completed"]});
        """,
        hook=receiver.url,
    )
    eventually(lambda: receiver.requests)
    headers, body = receiver.requests[0]
    assert json.loads(body)["id"] == made["id"] and json.loads(body)["status"] == "succeeded"
    checked = js(
        """
        const {validateWebhook} = Replicate;
        const secret = (await replicate.webhooks.default.secret.get()).key;
        const {headers, text: body} = given;
        const request = new Request("http://here.invalid/", {method: "POST", headers, body});
        return [
            await validateWebhook({headers, body}, secret, crypto),
            await validateWebhook(request, secret, crypto),
            await validateWebhook({headers, body: body + " "}, secret, crypto),
        ];
        """,
        headers={name: value for name, value in headers.items() if name.startswith("webhook-")},
        text=body.decode(),
    )
    assert checked == [True, True, False]


# -- errors ----------------------------------------------------------------------------------------------------


def refusal(node: Node, program: str, **given: Any) -> tuple[int, dict[str, Any]]:
    """Status and problem of the `ApiError` that the program throws."""
    with pytest.raises(Thrown) as thrown:
        node(program, **given)
    assert thrown.value.kind == "ApiError"
    text = thrown.value.message
    return thrown.value.fields["status"], json.loads(text[text.index("{") : text.rindex("}") + 1])


def test_each_refusal_is_its_own_error_with_status_and_problem(js: Node, suite: Suite) -> None:
    create = "return replicate.predictions.create({version: models.text.split(':')[1], input: given.input})"
    stranger, poor = js.but(token="dr_" + "x" * 40), js.but(token=suite.tokens["no_credit"])
    status, problem = refusal(stranger, "return replicate.accounts.current()")
    assert (status, problem["title"]) == (401, "Unauthenticated")
    status, problem = refusal(poor, create, input={"prompt": "a"})
    assert (status, problem["title"]) == (402, "Insufficient credit")
    status, problem = refusal(js, "return replicate.models.get('no', 'body')")
    assert (status, problem["title"]) == (404, "Not found")
    status, problem = refusal(js, create, input={})
    assert (status, problem["detail"]) == (422, "- input: prompt is required\n")


def test_too_many_creates_throw_its_own_error(js: Node, suite: Suite) -> None:
    one_a_minute = js.but(url=suite.url, token=suite.tokens["narrow"])
    status, problem = refusal(
        one_a_minute,
        """
        const [model, input] = ["stability-ai/sdxl", {prompt: "a", width: 128, height: 128}];
        for (let n = 0; n < 3; n++) await replicate.predictions.create({model, input});
        """,
    )
    assert (status, problem["title"]) == (429, "Too many requests")


def test_it_can_be_imported_as_the_quick_start_does(node: Node, tmp_path: Path) -> None:
    told = node(
        """
        const {pathToFileURL} = await import("node:url");
        const {default: Client} = await import(pathToFileURL(`${order.packages}/replicate/index.js`));
        const client = new Client({auth: order.token, baseUrl: `${order.url}/v1`});
        return client.run(models.text, {input: {prompt: "a red cat"}});
        """
    )
    assert "a red cat" in told
