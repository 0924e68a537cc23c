"""Admin of prompt rules: editing, a dry run on a prompt and on recent predictions, and their hits."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts.models import Plan, User
from accounts.staff import audit_log
from core.admin.cells import link, pretty
from core.admin.columns import choice_column, time_column
from core.admin.model_admins import BaseAdmin, ReadOnlyAdmin, register_read_only
from core.clock import Now
from predictions.models import Action, PlanRule, Prediction, PromptRule, RuleHit
from predictions.policy import dry_runs, matcher, prompt_rules

_AUDITED_FIELDS = ("name", "kind", "text", "action", "words", "negative", "enabled")
_MAX_AUDITED = 4000


def check_text(kind: str, text: str) -> str:
    """The error in a rule's words or pattern, as a sentence; empty where it is valid."""
    if kind == PromptRule.Kind.PATTERN:
        try:
            matcher.compile_pattern(text.strip())
        except matcher.NotAPattern as fault:
            return _("RE2 does not take this pattern: %(why)s.") % {"why": str(fault).rstrip(".")}
        return ""
    words = matcher.parse_words(text)
    if not words:
        return _("Write at least one word.")
    if len(words) > matcher.MOST_WORDS:
        return _("At most %(most)s words in one rule.") % {"most": matcher.MOST_WORDS}
    too_long = next((word for word in words if len(word) > matcher.MOST_WORD), "")
    if too_long:
        return _("“%(word)s…” is longer than %(most)s characters.") % {
            "word": too_long[:20],
            "most": matcher.MOST_WORD,
        }
    without_letters = next((word for word in words if not any(sign.isalnum() for sign in word)), "")
    return (
        _("“%(word)s” has neither letter nor digit.") % {"word": without_letters[:20]}
        if without_letters
        else ""
    )


class RuleForm(forms.ModelForm):
    """A prompt rule with a valid pattern or words."""

    class Meta:
        model = PromptRule
        fields = ("name", "kind", "text", "action", "words", "negative", "enabled")

    def clean(self) -> dict[str, Any]:
        """Validate the pattern or words."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("kind") and cleaned.get("text"):
            error = check_text(cleaned["kind"], cleaned["text"])
            if error:
                self.add_error("text", error)
        return cleaned


class PlanRuleInline(TabularInline):
    """Different actions for accounts of some plans."""

    model = PlanRule
    fields = ("plan", "action")
    extra = 0
    hide_title = True


# All exceptions by plan; they are edited with their rule.
register_read_only(PlanRule, list_display=("rule", "plan", "action"), list_filter=("action", "plan"))


class TryForm(forms.Form):
    """Input of the dry run: a prompt, a plan, and an unsaved rule."""

    prompt = forms.CharField(
        label=gettext_lazy("Prompt"),
        max_length=20_000,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )
    plan = forms.ModelChoiceField(
        label=gettext_lazy("Plan"),
        queryset=Plan.objects.order_by("name"),
        required=False,
        empty_label=gettext_lazy("none"),
        widget=UnfoldAdminSelectWidget,
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("A rule that is not saved yet"),
        choices=PromptRule.Kind.choices,
        widget=UnfoldAdminSelectWidget,
    )
    text = forms.CharField(
        label=gettext_lazy("looks for"),
        max_length=20_000,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=gettext_lazy("Empty: only the rules that are there are tried."),
    )
    negative = forms.BooleanField(label=gettext_lazy("negative prompts too"), required=False)

    def clean(self) -> dict[str, Any]:
        """The unsaved rule must be valid."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("text"):
            error = check_text(cleaned.get("kind", ""), cleaned["text"])
            if error:
                self.add_error("text", error)
        return cleaned


@admin.register(PromptRule)
class PromptRuleAdmin(BaseAdmin):
    """Prompt rules. Unneeded ones are disabled, not deleted: hits name them."""

    form = RuleForm
    list_display = ("name", "kind", "short", "action_label", "enabled", "changed_at")
    list_filter = ("enabled", "action", "kind")
    search_fields = ("name", "text")
    fields = (*_AUDITED_FIELDS, "created_by", "created_at", "changed_at")
    readonly_fields = ("created_by", "created_at", "changed_at")
    inlines = (PlanRuleInline,)
    actions_list = ("try_rules",)
    actions_detail = ("try_rule",)
    action_label = choice_column(
        "action", gettext_lazy("does"), {"off": "default", "flag": "warning", "refuse": "danger"}
    )

    def get_urls(self) -> list[URLPattern]:
        """Adds the dry run page."""
        view = self.admin_site.admin_view(self.try_view)
        return [path("try/", view, name="predictions_promptrule_try"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromptRule]:
        rows: QuerySet[PromptRule] = super().get_queryset(request)
        return rows.select_related("created_by")

    @action(description=gettext_lazy("Try the rules"), url_path="box", icon="science", permissions=["view"])
    def try_rules(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the dry run page."""
        return HttpResponseRedirect(reverse("admin:predictions_promptrule_try"))

    @action(description=gettext_lazy("Try it"), url_path="box", icon="science", permissions=["view"])
    def try_rule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirect to the dry run page with this rule as the draft."""
        query = urlencode({"rule": object_id})
        return HttpResponseRedirect(f"{reverse('admin:predictions_promptrule_try')}?{query}")

    @display(description=gettext_lazy("looks for"))
    def short(self, rule: PromptRule) -> str:
        if rule.kind == PromptRule.Kind.PATTERN:
            return format_html("<code>{}</code>", rule.text[:60])
        words = matcher.parse_words(rule.text)
        listed = ", ".join(words[:4])[:60]
        return f"{listed} … ({len(words)})" if len(words) > 4 else listed

    def save_model(self, request: HttpRequest, obj: PromptRule, form: forms.ModelForm, change: bool) -> None:
        """Record who made it, and keep its values before the change."""
        request.rule_before = _state(PromptRule.objects.get(pk=obj.pk)) if change else None  # type: ignore[attr-defined]
        if not change:
            obj.created_by = cast(User, request.user)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """After the exceptions are saved: write the audit log and report what the rule would have matched."""
        super().save_related(request, form, formsets, change)
        rule: PromptRule = form.instance
        PromptRule.objects.filter(pk=rule.pk).update(changed_at=Now())
        prompt_rules.drop_cache()
        before, after = request.rule_before, _state(PromptRule.objects.get(pk=rule.pk))  # type: ignore[attr-defined]
        if before != after:
            action_name = "prompt_rule.change" if change else "prompt_rule.add"
            audit_log.write(
                cast(User, request.user), action_name, rule, detail={"before": before or {}, "after": after}
            )
        if rule.enabled:
            counted = dry_runs.on_recent(prompt_rules.compile_rules([rule]))
            self.message_user(request, _count_words(counted), messages.INFO)

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """Dry run: a prompt against the enabled rules, and a draft against recent predictions."""
        if not self.has_view_permission(request):
            return HttpResponse(status=403)
        form = TryForm(request.POST) if request.method == "POST" else TryForm(initial=self._draft(request))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Try the rules"),
            "form": form,
            "back": reverse("admin:predictions_promptrule_changelist"),
            "may_add": self.has_add_permission(request),
        }
        if request.method == "POST" and form.is_valid():
            context |= _dry_run(form.cleaned_data)
        status = 422 if form.is_bound and form.errors else 200
        return TemplateResponse(request, "admin/policy/try.html", context, status=status)

    def _draft(self, request: HttpRequest) -> dict[str, Any]:
        """Initial values from the rule in the query string, to be tried before it is changed."""
        number = request.GET.get("rule", "")
        is_number = number.isascii() and number.isdigit() and len(number) < 18
        rule = PromptRule.objects.filter(pk=int(number)).first() if is_number else None
        return {"kind": rule.kind, "text": rule.text, "negative": rule.negative} if rule is not None else {}


def _state(rule: PromptRule) -> dict[str, Any]:
    values = {name: getattr(rule, name) for name in _AUDITED_FIELDS}
    values["text"] = values["text"][:_MAX_AUDITED]
    values["plans"] = {
        str(exception.plan): exception.action for exception in rule.plans.select_related("plan")
    }
    return values


def _dry_run(data: dict[str, Any]) -> dict[str, Any]:
    """Context of the page: each match with its span, and the outcome."""
    draft = None
    if data["text"]:
        draft = PromptRule(
            name=_("The new rule"), kind=data["kind"], text=data["text"], negative=data["negative"]
        )
    plan_id = data["plan"].pk if data["plan"] is not None else None
    matches = dry_runs.on_prompt(data["prompt"], plan_id, draft) if data["prompt"] else []
    outcome = dry_runs.outcome(matches)
    counted = dry_runs.on_recent(prompt_rules.compile_rules([draft])) if draft is not None else None
    return {
        "tried": bool(data["prompt"]),
        "found": matches,
        "outcome": outcome,
        "outcome_words": Action(outcome).label if matches else "",
        "counted": counted,
        "count_words": _count_words(counted) if counted is not None else "",
        "draft": draft,
    }


def _count_words(counted: dry_runs.MatchCount) -> str:
    return ngettext(
        "Of the last %(of)s prompt it would have found something in %(found)s.",
        "Of the last %(of)s prompts it would have found something in %(found)s.",
        counted.of,
    ) % {"of": counted.of, "found": counted.found}


@admin.register(RuleHit)
class RuleHitAdmin(ReadOnlyAdmin):
    """Hits of rules and classifiers, kept for ninety days."""

    list_display = (
        "when",
        "what",
        "source",
        "action_label",
        "excerpt",
        "account",
        "user",
        "prediction_link",
        "case_owed",
    )
    list_filter = ("what", "action", "case_owed")
    list_select_related = ("account", "user")
    search_fields = ("source", "excerpt", "prediction__exact", "account__name", "user__username")
    fields = (
        "when", "what", "rule", "source", "done", "excerpt", "account", "user", "prediction_link",
        "output_index", "marks_column", "case_owed",
    )  # fmt: skip
    when = time_column("created_at", gettext_lazy("when"))

    @display(
        description=gettext_lazy("done"),
        label={"off": "default", "flag": "warning", "refuse": "danger"},
    )
    def action_label(self, hit: RuleHit) -> tuple[str, str]:
        labels = {"flag": _("shown to a moderator"), "refuse": _("refused")}
        return hit.action, labels.get(hit.action, str(hit.get_action_display()))

    @display(description=gettext_lazy("done"))
    def done(self, hit: RuleHit) -> str:
        return self.action_label(hit)[1]

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, hit: RuleHit) -> str:
        if not hit.prediction:
            return "–"
        address = reverse("admin:predictions_prediction_changelist")
        return format_html('<a href="{}?q={}">{}</a>', address, hit.prediction, hit.prediction[:8])

    @display(description=gettext_lazy("said"))
    def marks_column(self, hit: RuleHit) -> str:
        row: Model | None = (
            Prediction.objects.filter(public_id=hit.prediction).first() if hit.prediction else None
        )
        return format_html("{}{}", pretty(hit.marks), link(row) if row is not None else "")
