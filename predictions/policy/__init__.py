"""Rules on prompts and inputs that every door passes: `submit.check` asks, whoever sends the request.

Every text of an input is searched, in lists and objects too; files and their addresses are not. What a picture should
*not* show (a negative prompt) is searched only by rules that say so, because naming there what is unwanted is innocent.
A deployment's fixed inputs are searched like the caller's own.
"""

from __future__ import annotations

from predictions.policy.evaluation import MAX_TEXT, Finding, Verdict, judge, objections

__all__ = ["MAX_TEXT", "Finding", "Verdict", "judge", "objections"]
