"""No path and no exception's name in anything that a member or a program reads: every place where one becomes text."""

from __future__ import annotations

from functools import cache

import pytest

from tests.support import source_rules
from tests.support.source_rules import source, sources

pytestmark = pytest.mark.usefixtures("product_source")

FOR_PEOPLE = {
    "BadRules", "BadTerm", "CannotChange", "CannotCutOut", "CannotDo", "CannotGive", "CannotImport",
    "CannotIssue", "CannotRedeem", "CannotRefund", "CannotSend", "ChangedMeanwhile", "Exceeds",
    "ExplainedDenial", "HttpError", "InvalidSize", "NoSuchSize", "NotADataUri", "NotAPattern", "NotAnAmount",
    "NotCog", "NotFetched", "NotTaken", "NotYourRole", "PictureRefused", "PresetRefused", "Refusal",
    "TagTooLong", "TooManyTests", "Unreadable", "UnreadableImage", "Unusable", "_FetchError",
}  # fmt: skip
"""Classes whose text is written for people: a sentence, or the end of one, in words of ours."""

TERMINAL = (
    "accounts/management/", "predictions/management/", "gallery/management/", "config/management/",
    "config/checks.py", "config/health/readiness.py", "config/env.py", "config/server/launcher.py",
    "engine/local/config/settings_file.py", "engine/local/__main__.py",
    "predictions/dispatch/provider_lookup.py", "gallery/provenance/content_credentials.py",
)  # fmt: skip
"""Read by who starts the server, in a terminal, or by the checks of its settings."""

OPERATORS = {
    # On admin pages, where staff correct what is reported.
    "predictions/admin/image_safety.py": {"ClassifierDown"},
    "predictions/admin/upstream_forms.py": {"BadSetting"},
    "operations/upstream_health.py": {"NoMatchingKey"},
    "predictions/catalogue/cog_schema.py": {"ValueError"},
    "predictions/policy/matcher.py": {"error"},
    # In the audit log.
    "accounts/billing/orders.py": {"ProviderError"},
    "accounts/billing/refunds.py": {"ProviderError"},
    "accounts/billing/stripe_api.py": {"StripeError"},
    # In a ProviderError, a Down or a DeliveryAttempt: for operators, in words of ours beside the class.
    "predictions/image_safety/classifier_client.py": {"Exception", "NoMatchingKey"},
    "predictions/providers/embedded.py": {"TransportError"},
    "predictions/providers/http/api_client.py": {"BaseException"},
    "predictions/providers/http/downloads.py": {"CONNECTION_ERRORS"},
    "predictions/providers/replicate/provider.py": {"Broken", "Unsent"},
    # In the row of a run or of a key, or in a variable that is logged.
    "predictions/execution/start_outcomes.py": {"ProviderError"},
    "predictions/execution/result_files.py": {"BaseException"},
    "predictions/upstreams/circuits.py": {"ProviderError"},
    "predictions/upstreams/run_records.py": {"ProviderError"},
    "gallery/privacy/exports.py": {"Exception"},
    "accounts/notifications/mail_queue.py": {"Exception"},
    # From a child process to its parent, which logs it.
    "predictions/files/probe_worker.py": {"Exception", "_TooManyPixels"},
    "gallery/provenance/c2pa_signer.py": {"Exception"},
    # On the standard error of a service; members get a sentence of Refusal.
    "engine/local/models/video_clips.py": {"KeyError, OSError, RuntimeError, TypeError, ValueError"},
    "engine/local/models/pipeline_loader.py": {"BaseException", "TypeError, ValueError"},
    "engine/local/models/latent_previews.py": {
        "AttributeError, LinAlgError, RuntimeError, TypeError, ValueError"
    },
    "engine/local/models/pipelines.py": {"OSError, ValueError"},
    # Only its type is checked; the text goes nowhere.
    "engine/server/painter_child.py": {"Exception"},
    "engine/local/pipeline_worker.py": {"Exception"},
    "predictions/webhooks/failure_reasons.py": {"BaseException"},
    # Django leads back to the list without it.
    "core/admin/model_admins.py": {"OverflowError"},
}
"""Files in which the text of these exceptions goes to operators alone, or to nobody."""


@cache
def places() -> list[tuple[str, str, str]]:
    """Every place where an exception becomes text: its file, the line, and the classes."""
    return [
        (one.path, line, line.rpartition(" of ")[2])
        for one in sources()
        for line in source_rules.exceptions_as_text(one, FOR_PEOPLE)
    ]


def told_to_anybody() -> list[str]:
    return [
        line
        for path, line, classes in places()
        if not path.startswith(TERMINAL) and classes not in OPERATORS.get(path, set())
    ]


def test_no_exception_becomes_text_for_people_that_was_not_written_for_them() -> None:
    assert told_to_anybody() == []


def test_the_list_of_those_for_operators_names_nothing_that_is_gone() -> None:
    there = {(path, classes) for path, _line, classes in places()}
    listed = {(path, classes) for path, found in OPERATORS.items() for classes in found}
    assert listed - there == set()


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    f()\nexcept OSError as error:\n    fail(str(error))",
        "try:\n    f()\nexcept (ValueError, OSError) as error:\n    fail(f'It broke: {error}.')",
        "try:\n    f()\nexcept Exception as error:\n    raise Unusable(type(error).__name__)",
        "try:\n    f()\nexcept OSError as error:\n    note = error.strerror",
        "try:\n    f()\nexcept OSError as error:\n    note = error.args[0]",
        "try:\n    f()\nexcept OSError as error:\n    note = '%s' % error",
        "try:\n    f()\nexcept OSError as error:\n    note = 'It broke: {}.'.format(error)",
        "try:\n    f()\nexcept OSError:\n    note = traceback.format_exc()",
        "try:\n    f()\nexcept library.OddError as error:\n    log.info('x'); answer(repr(error))",
        "try:\n    f()\nexcept (Refusal, OSError) as error:\n    answer(str(error))",
        "def told(error: Exception) -> str:\n    return str(error)",
        "def told(error: KeyError | None) -> str:\n    return f'{error}'",
    ],
)
def test_it_would_notice_an_exception_whose_text_is_shown(text: str) -> None:
    assert list(source_rules.exceptions_as_text(source(text), {"Refusal"}))


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    f()\nexcept Refusal as error:\n    answer(str(error))",
        "try:\n    f()\nexcept engine.Refusal as error:\n    answer(str(error))",
        "try:\n    f()\nexcept OSError as error:\n    log.warning('broke', reason=str(error))",
        "try:\n    f()\nexcept OSError:\n    answer('It broke.')",
        "def told(error: Exception) -> str:\n    if isinstance(error, Refusal):\n        return str(error)",
    ],
)
def test_it_lets_pass_what_is_written_for_people_or_logged(text: str) -> None:
    assert list(source_rules.exceptions_as_text(source(text), {"Refusal"})) == []
