"""Content policy for prompts and inputs, applied by `submit.check` to every request of any API or page.

Every text of an input is searched, in lists and objects too; files and their URLs are not. A negative prompt is
searched only by rules that say so, because naming the unwanted there is innocent. A deployment's fixed inputs are
searched like the caller's own.
"""

from __future__ import annotations

from predictions.policy.evaluation import MAX_TEXT, Finding, Verdict, evaluate, limit_faults

__all__ = ["MAX_TEXT", "Finding", "Verdict", "evaluate", "limit_faults"]
