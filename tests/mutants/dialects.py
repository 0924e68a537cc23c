"""Faults in the dialects: what programs send and are answered."""

from __future__ import annotations

from tests.mutants import Mutant

REPLICATE, OPENAI = "predictions/api_dialects/replicate", "predictions/api_dialects/openai"
DOOR, RATES = "predictions/api_dialects/common/endpoint.py", "predictions/api_dialects/common/rate_limits.py"
CREATE = ("tests/predictions/api_dialects/replicate/test_create.py",)
LISTS = ("tests/predictions/api_dialects/replicate/test_prediction_lists.py",)
SIZES = (
    "tests/predictions/api_dialects/openai/test_image_sizes.py",
    "tests/predictions/api_dialects/openai/test_generations.py",
)

MUTANTS = [
    Mutant(
        f"{REPLICATE}/views.py",
        "    _own(request, public_id)\n    return json_response(",
        "    return json_response(",
        "Any token cancels others' predictions.",
        (*CREATE, "tests/security/test_item_access.py", "tests/predictions/api_dialects/replicate"),
    ),
    Mutant(
        f"{REPLICATE}/views.py",
        "rows = rows.filter(created_at__lt=before)",
        "rows = rows.filter(created_at__lte=before)",
        "What was made at the end of a span is in two spans.",
        LISTS,
    ),
    Mutant(
        f"{REPLICATE}/views.py",
        '        response["Idempotent-Replayed"] = "true"\n',
        "        pass\n",
        "A program cannot tell that its create was there before.",
        ("tests/predictions/api_dialects/replicate/test_idempotency.py",),
    ),
    Mutant(
        f"{REPLICATE}/views.py",
        "        status = created if present.is_ended else waiting\n",
        "        status = waiting\n",
        "A held create that has ended is answered as one that has not.",
        CREATE,
    ),
    Mutant(
        f"{REPLICATE}/cursor_pages.py",
        '    side = "lt" if down else "gt"',
        '    side = "lte" if down else "gte"',
        "The last row of a page is the first of the next.",
        LISTS,
    ),
    Mutant(
        f"{REPLICATE}/cursor_pages.py",
        "not 1 <= int(text) <= PAGE",
        "not 0 <= int(text) <= PAGE",
        "A page of no rows can be asked for.",
        (*LISTS, "tests/predictions/api_dialects/replicate/test_create_errors.py"),
    ),
    Mutant(
        f"{REPLICATE}/file_views.py",
        "    if upload is None or not uploads.opens(upload, *signed_parts):",
        "    if upload is None:",
        "Files are given to whoever knows their id, without a signature.",
        (
            "tests/predictions/api_dialects/replicate/test_output_files.py",
            "tests/predictions/api_dialects/replicate/test_uploads.py",
        ),
    ),
    Mutant(
        f"{REPLICATE}/file_views.py",
        "    if len(raw) > MAX_METADATA:",
        "    if len(raw) > MAX_METADATA + 1:",
        "Metadata of a file may be a byte longer than is read.",
        (
            "tests/predictions/api_dialects/replicate/test_output_files.py",
            "tests/predictions/api_dialects/replicate/test_uploads.py",
        ),
    ),
    Mutant(
        f"{REPLICATE}/file_views.py",
        "    rows = Upload.objects.visible().filter(account=request.api_token.account, public_id=public_id)",
        "    rows = Upload.objects.visible().filter(public_id=public_id)",
        "Any token reads and deletes others' files.",
        (
            "tests/predictions/api_dialects/replicate/test_output_files.py",
            "tests/predictions/api_dialects/replicate/test_uploads.py",
        ),
    ),
    Mutant(
        f"{REPLICATE}/create_body.py",
        "    faults_ += _webhook_faults(body)\n",
        "",
        "Webhooks are accepted for addresses inside the operator's network.",
        (*CREATE, "tests/predictions/api_dialects/replicate/test_webhooks.py"),
    ),
    Mutant(
        f"{REPLICATE}/prediction_stream.py",
        "for text in _outputs(prediction, urls)[seen.outputs :]:",
        "for text in _outputs(prediction, urls):",
        "A client that comes back to a stream gets what it has once more.",
        ("tests/predictions/api_dialects/replicate/test_prediction_stream.py",),
    ),
    Mutant(
        DOOR,
        "            token_scopes.require(\n"
        "                token,\n                scope or token_scopes.required_scope("
        "str(request.method), changing=token_scopes.PREDICT),\n            )\n",
        "",
        "A token's scopes are not asked for.",
        ("tests/predictions/api_dialects/replicate/test_token_refusals.py",),
    ),
    Mutant(
        RATES,
        "    if not counted.passed:\n        raise Throttled(limit_status)\n",
        "",
        "Nobody is ever told to slow down.",
        ("tests/predictions/api_dialects/replicate/test_rate_limits.py",),
    ),
    Mutant(
        RATES,
        "(kind, str(account.pk), subject)\n",
        "(kind, subject)\n",
        "All accounts share one limit.",
        ("tests/predictions/api_dialects/replicate/test_rate_limits.py",),
    ),
    Mutant(
        f"{OPENAI}/request_body.py",
        "MAX_COUNT = 10",
        "MAX_COUNT = 11",
        "More pictures than OpenAI's clients know can be asked for at once.",
        ("tests/predictions/api_dialects/openai/test_generation_errors.py",),
    ),
    Mutant(
        f"{OPENAI}/request_body.py",
        '    if isinstance(value, bool) or not isinstance(value, int):\n        raise wrong_type(name, "integer"',
        '    if not isinstance(value, int):\n        raise wrong_type(name, "integer"',
        "`n: true` makes one picture in place of a refusal.",
        ("tests/predictions/api_dialects/openai/test_generation_errors.py",),
    ),
    Mutant(
        f"{OPENAI}/image_sizes.py",
        "shrink = min(1.0, _most(width) / size.width, _most(height) / size.height)",
        "shrink = min(1.0, _most(width) / size.width)",
        "A picture that is too tall loses its shape.",
        SIZES,
    ),
    Mutant(
        f"{OPENAI}/views.py",
        "        picture_uploads.forget(kept)\n",
        "        pass\n",
        "Pictures of an edit that was refused stay in the account's room.",
        (
            "tests/predictions/api_dialects/openai/test_edits.py",
            "tests/predictions/api_dialects/openai/test_edit_errors.py",
        ),
    ),
]
