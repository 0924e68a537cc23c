"""`python -m tests.loopback_upstream`, also `script/upstream`: the loopback service for people, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.loopback_upstream import faults
from tests.loopback_upstream.app import Service
from tests.loopback_upstream.launcher import listening, server
from tests.loopback_upstream.settings import TOKEN, Settings

WELCOME = """Upstream is ready: {origin}/v1
Token: {token}
curl -X POST {origin}/v1/predictions -H 'Authorization: Bearer {token}' -d '{body}'
Faults, one for each create: curl -X POST {origin}/_faults -d '{{"fault": "create-429=2", "match": "cat", "times": 1}}'
Also by words in a prompt: "a cat fault:create-500*2". No more of them: curl -X DELETE {origin}/_faults
What happened: curl {origin}/_journal      Which faults there are: script/upstream --list"""
EXAMPLE = {"version": "stability-ai/stable-diffusion", "input": {"prompt": "a lighthouse"}}


def main() -> int:
    """Serve until stopped."""
    words = _words()
    if words.list:
        print(faults.listing())
        return 0
    settings = Settings(
        seconds=words.seconds, idempotent=not words.forgetful, rate=words.rate, limit=words.limit, seed=words.seed,
        journal=words.journal, note_calls=not words.quiet,
    )  # fmt: skip
    if words.token:
        settings.tokens = frozenset(words.token)
    service = Service(settings)
    for path in words.faults:
        for row in json.loads(path.read_text(encoding="utf-8")):
            service.rules.add_json(row)
    for fault in words.fault:
        name, _, chance = fault.partition("@")
        service.rules.add(name, chance=float(chance or 1.0))
    listener = listening(words.port)
    if not words.quiet:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        token = sorted(settings.tokens)[0]
        print(WELCOME.format(origin=origin, token=token, body=json.dumps(EXAMPLE)), flush=True)
    server(service).run([listener])
    return 0


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/upstream", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=8540, help="on 127.0.0.1 (8540); 0: any")
    add("--list", action="store_true", help="print every fault and leave")
    add("--seconds", type=float, default=2.0, help="how long a run takes (2)")
    add("--token", action="append", help=f"an API token that is accepted ({TOKEN}); may be repeated")
    add("--forgetful", action="store_true", help="ignore Idempotency-Key")
    add("--rate", type=float, default=0.0, help="creates a second, above it 429 (no limit)")
    add("--limit", type=int, default=0, help="predictions under way at once, above it 429 (no limit)")
    add("--fault", action="append", default=[], help="NAME or NAME@CHANCE for every request; may be repeated")
    add(
        "--faults",
        action="append",
        default=[],
        type=Path,
        help="a JSON file with a list of such as /_faults takes",
    )
    add("--seed", type=int, default=1, help="of the chances")
    add("--journal", type=Path, help="a file that gets every row of the journal")
    add("--quiet", action="store_true", help="print nothing, and note no calls")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
