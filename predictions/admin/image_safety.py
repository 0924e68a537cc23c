"""Admin of image safety: classifiers with their health, and the blocklist of removed pictures."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget

from accounts.models import User
from accounts.staff import audit_log
from core import crypto
from core.admin.cells import change_url, moment
from core.admin.columns import time_column
from core.admin.decorators import permission_check
from core.admin.forms import ReasonForm, ask_page
from core.admin.model_admins import BaseAdmin, ReadOnlyAdmin
from core.clock import Now
from predictions import image_safety
from predictions.image_safety import classifier_client, classifiers
from predictions.inputs import user_urls
from predictions.models import BlockedPicture, Classifier
from predictions.webhooks import signatures

SAMPLE = Path(__file__).parent.parent / "image_safety" / "data" / "sample.jpg"
"""A harmless picture for testing a classifier."""
MAX_LABELS = 50
_MIN_SECRET_BYTES = 16
_LIMIT = re.compile(r"(sensitive|flag|drop)\s+(0(?:\.\d{1,4})?|1(?:\.0{1,4})?|\.\d{1,4})")
_LABEL = re.compile(r"\s*([^\s:][^:]{0,59}):\s*(.*)")
_RECORDED = ("name", "kind", "target", "limits", "timeout", "when_down", "on_uploads", "enabled")


def parse_limits(text: str) -> dict[str, dict[str, float]]:
    """Parse `label: sensitive 0.5, flag 0.8, drop 0.95`, a label a line. Raises ValidationError."""
    limits: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        label, rest = _LABEL.fullmatch(line), ""
        parts: list[str] = []
        if label is not None:
            rest = label.group(2)
            parts = [part.strip() for part in rest.split(",") if part.strip()]
        matches = [_LIMIT.fullmatch(part) for part in parts]
        if label is None or not parts or not all(matches):
            raise forms.ValidationError(
                _("“%(line)s”: write a label, a colon and limits, such as nsfw: sensitive 0.5, drop 0.95.")
                % {"line": line.strip()[:60]}
            )
        limits[label.group(1).strip()] = {
            match.group(1): float(match.group(2)) for match in matches if match is not None
        }
    if len(limits) > MAX_LABELS:
        raise forms.ValidationError(_("At most %(most)s labels.") % {"most": MAX_LABELS})
    return limits


def format_limits(limits: Any) -> str:
    """The text of limits, as `parse_limits` parses it."""
    lines = []
    for label, scores in (limits if isinstance(limits, dict) else {}).items():
        parts = [
            f"{action} {scores[action]:g}" for action in classifiers.THRESHOLD_ACTIONS if action in scores
        ]
        lines.append(f"{label}: {', '.join(parts)}")
    return "\n".join(lines)


class ClassifierForm(forms.ModelForm):
    """A classifier: its target, its signing secret, and the scores from which it acts."""

    new_secret = forms.CharField(
        label=gettext_lazy("New secret"),
        required=False,
        max_length=200,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text=gettext_lazy(
            "whsec_… as the service knows it; stored encrypted at once. Empty: it stays as it is, and a new "
            "service gets one that is shown once."
        ),
    )
    limit_lines = forms.CharField(
        label=gettext_lazy("Limits"),
        required=False,
        max_length=4000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5, "placeholder": "nsfw: sensitive 0.5, drop 0.95"}),
        help_text=gettext_lazy(
            "A label a line, each with the scores from 0 to 1 from which a picture is blurred (sensitive), shown to "
            "a moderator (flag) or not let through (drop). * is any label that has no line."
        ),
    )

    class Meta:
        model = Classifier
        fields = ("name", "kind", "target", "timeout", "when_down", "on_uploads", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "limit_lines" in self.fields:
            self.fields["limit_lines"].initial = format_limits(self.instance.limits)

    def clean_limit_lines(self) -> dict[str, dict[str, float]]:
        """Limits by label."""
        return parse_limits(self.cleaned_data["limit_lines"])

    def clean_timeout(self) -> int:
        """At most what a worker may wait."""
        seconds: int = self.cleaned_data["timeout"]
        if not 1 <= seconds <= classifier_client.MAX_TIMEOUT_S:
            raise forms.ValidationError(
                _("From 1 to %(most)s seconds.") % {"most": int(classifier_client.MAX_TIMEOUT_S)}
            )
        return seconds

    def clean_new_secret(self) -> str:
        """A Standard Webhooks secret."""
        secret: str = self.cleaned_data["new_secret"]
        if secret:
            try:
                decoded = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
            except ValueError:
                decoded = b""
            if not secret.startswith("whsec_") or len(decoded) < _MIN_SECRET_BYTES:
                raise forms.ValidationError(_("A secret is whsec_ and Base64 behind it."))
        return secret

    def clean(self) -> dict[str, Any]:
        """The target must be a reachable URL, or a function that the operator allows."""
        cleaned: dict[str, Any] = super().clean() or {}
        kind, target = cleaned.get("kind"), cleaned.get("target", "")
        if kind == Classifier.Kind.WEBHOOK and target:
            wrong = user_urls.objection(target)
            if wrong:
                self.add_error(
                    "target",
                    _("An http(s) address on the public network, or one that DARKROOM_OUTBOUND_ALLOW names."),
                )
        elif kind == Classifier.Kind.PYTHON and target:
            try:
                classifier_client.load_callable(target)
            except classifier_client.ClassifierDown as down:
                self.add_error("target", str(down))
        return cleaned


@admin.register(Classifier)
class ClassifierAdmin(BaseAdmin):
    """Classifiers. Unneeded ones are disabled, not deleted: findings name them."""

    form = ClassifierForm
    list_display = ("name", "kind", "target", "state", "when_down", "on_uploads", "enabled")
    list_filter = ("enabled", "kind")
    search_fields = ("name", "target")
    fields = (
        "name", "kind", "target", "new_secret", "limit_lines", "timeout", "when_down", "on_uploads", "enabled",
        "state_text", "last_answer", "last_failure", "created_at",
    )  # fmt: skip
    readonly_fields = ("state_text", "last_answer", "last_failure", "created_at")
    actions_detail = ("try_it",)
    last_answer = time_column("answered_at", gettext_lazy("last answer"))

    @display(
        description=gettext_lazy("state"),
        label={"ok": "success", "fails": "danger", "new": "default", "off": "default"},
    )
    def state(self, row: Classifier) -> tuple[str, str]:
        if not row.enabled:
            return "off", _("switched off")
        if row.failed_at is not None and (row.answered_at is None or row.failed_at >= row.answered_at):
            return "fails", _("fails")
        return ("ok", _("answers")) if row.answered_at is not None else ("new", _("not asked yet"))

    @display(description=gettext_lazy("state"))
    def state_text(self, row: Classifier) -> str:
        return self.state(row)[1] if row.pk else "–"

    @display(description=gettext_lazy("last failure"))
    def last_failure(self, row: Classifier) -> str:
        return f"{moment(row.failed_at)} {row.failure}" if row.failed_at is not None else "–"

    def save_model(self, request: HttpRequest, obj: Classifier, form: ClassifierForm, change: bool) -> None:
        """Encrypt the secret and write what changed to the audit log, but never the secret."""
        before = _recorded(Classifier.objects.get(pk=obj.pk)) if change else {}
        obj.limits = form.cleaned_data["limit_lines"]
        secret = form.cleaned_data["new_secret"]
        if not secret and not obj.secret and obj.kind == Classifier.Kind.WEBHOOK:
            secret = signatures.new_secret()
            message = _("It is signed with %(secret)s. Copy it now: it is not shown again.") % {
                "secret": secret
            }
            messages.warning(request, message)
        if secret:
            obj.secret = crypto.encrypt(secret)
        super().save_model(request, obj, form, change)
        after = _recorded(obj)
        if before != after or secret:
            detail = {"before": before, "after": after, "new_secret": bool(secret)}
            action_name = "classifier.change" if change else "classifier.add"
            audit_log.write(cast(User, request.user), action_name, obj, detail=detail)

    @action(description=gettext_lazy("Try it"), url_path="try", icon="science", permissions=["change"])
    def try_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send it a harmless picture and show its answer."""
        row = self.get_object(request, object_id)
        if row is None:
            return HttpResponseRedirect(reverse("admin:predictions_classifier_changelist"))
        back = change_url(row)
        if request.method != "POST":
            words = _("It is sent a harmless picture, as it would be sent one that was made.")
            return ask_page(
                self, request, forms.Form(), title=_("Try %(name)s") % {"name": row.name}, words=words,
                button=_("Send it"), back=back,
            )  # fmt: skip
        _try(request, row)
        return HttpResponseRedirect(back)


def _try(request: HttpRequest, row: Classifier) -> None:
    context = {"kind": "try", "prediction": "", "index": 0, "model": ""}
    classifier = classifiers.as_config(row)
    try:
        scores = asyncio.run(
            classifier_client.classify(classifier, SAMPLE.read_bytes(), "image/jpeg", context)
        )
    except classifier_client.ClassifierDown as down:
        Classifier.objects.filter(pk=row.pk).update(failed_at=Now(), failure=str(down)[:300])
        messages.error(request, _("No judgement: %(why)s") % {"why": str(down)})
        return
    Classifier.objects.filter(pk=row.pk).update(answered_at=Now())
    labels = ", ".join(f"{label} {score:g}" for label, score in list(scores.items())[:20]) or _("no label")
    messages.success(request, _("It answers: %(scores)s.") % {"scores": labels})


def _recorded(row: Classifier) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _RECORDED}


@admin.register(BlockedPicture)
class BlockedPictureAdmin(ReadOnlyAdmin):
    """Blocked pictures by perceptual hash. Removing a picture adds one; unblocking requires a reason."""

    list_display = ("hash_prefix", "reason", "case", "created_by", "since", "lifted")
    list_filter = (("lifted_at", admin.EmptyFieldListFilter),)
    list_select_related = ("created_by",)
    search_fields = ("phash__startswith", "reason")
    fields = ("phash", "reason", "case", "created_by", "since", "lifted")
    actions = ("lift",)
    since = time_column("created_at", gettext_lazy("since"))
    lifted = time_column("lifted_at", gettext_lazy("lifted"))
    has_lift_permission = permission_check("predictions.change_blockedpicture")

    @display(description=gettext_lazy("picture"))
    def hash_prefix(self, row: BlockedPicture) -> str:
        return row.phash[:16]

    @admin.action(description=gettext_lazy("Let be sent and made again"), permissions=["lift"])
    def lift(self, request: HttpRequest, chosen: QuerySet[BlockedPicture]) -> HttpResponse | None:
        """Unblock, with a reason for the audit log."""
        form = ReasonForm(request.POST if "reason" in request.POST else None)
        if not form.is_bound or not form.is_valid():
            return ask_page(
                self, request, form, title=_("Let these pictures be sent and made again"),
                button=_("Lift the block"), chosen=chosen, action="lift",
            )  # fmt: skip
        lifted = 0
        for row in chosen:
            with transaction.atomic():
                if row.lifted_at is None and image_safety.unblock(row.phash):
                    lifted += 1
                    audit_log.write(
                        cast(User, request.user), "blocked_picture.lift", row, case=row.case,
                        reason=form.cleaned_data["reason"],
                    )  # fmt: skip
        message = ngettext("%(n)s block was lifted.", "%(n)s blocks were lifted.", lifted) % {"n": lifted}
        self.message_user(request, message, messages.SUCCESS)
        return None
