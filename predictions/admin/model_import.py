"""The page of the desk that brings a model in by its Cog schema: looked at first, then made."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import User
from predictions import availability
from predictions.catalogue import cog_import, cog_schema
from predictions.models import HostedModel, Version


class ImportForm(forms.Form):
    """Which model, and its document: pasted, or as a file."""

    owner = forms.CharField(label=gettext_lazy("Owner"), max_length=100, widget=UnfoldAdminTextInputWidget)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100, widget=UnfoldAdminTextInputWidget)
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        required=False,
        choices=[("", gettext_lazy("as its inputs suggest")), *HostedModel.Kind.choices],
        widget=UnfoldAdminSelectWidget,
    )
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )
    version = forms.CharField(
        label=gettext_lazy("Version"),
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "The 64 hex digits by which its service knows it; empty: computed from the schema."
        ),
    )
    file = forms.FileField(
        label=gettext_lazy("openapi.json"), required=False, widget=UnfoldAdminFileFieldWidget
    )
    text = forms.CharField(
        label=gettext_lazy("or its text"),
        required=False,
        strip=True,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "spellcheck": "false"}),
        help_text=gettext_lazy("At most 1 MiB. A Cog container answers it at /openapi.json."),
    )

    def clean_version(self) -> str:
        """An id of a version, before anything is looked at."""
        try:
            return cog_import.checked_version(self.cleaned_data["version"])
        except cog_import.CannotImport as error:
            raise forms.ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        """The document, read."""
        cleaned: dict[str, Any] = super().clean() or {}
        sent = cleaned.get("file")
        place = "file" if sent else "text"
        document = sent.read(cog_schema.LARGEST + 1) if sent else cleaned.get("text") or ""
        if not document:
            self.add_error("text", _("Send the file, or paste its text."))
            return cleaned
        try:
            cleaned["found"] = cog_schema.read(document)
        except cog_schema.NotCog as error:
            self.add_error(place, str(error))
        text = document if isinstance(document, str) else document.decode("utf-8", "replace")
        # As a browser sends back what stands in a form: ends of lines are its own there.
        cleaned["document"] = text.replace("\r\n", "\n").replace("\r", "\n").strip()
        for part in ("owner", "name"):
            if cleaned.get(part):
                try:
                    cog_import.checked_ref(cleaned[part], cleaned[part])
                except cog_import.CannotImport as error:
                    self.add_error(part, str(error))
        return cleaned

    def digest(self) -> str:
        """What was looked at: made is only what was seen."""
        said = [str(self.cleaned_data.get(name)) for name in ("owner", "name", "kind", "version", "document")]
        return hashlib.sha256("\x00".join(said).encode("utf-8", "replace")).hexdigest()


def import_model(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST: what would be made, then, with what was seen, the making."""
    if not (
        request.user.has_perm("predictions.add_hostedmodel")
        and request.user.has_perm("predictions.add_version")
    ):
        raise PermissionDenied
    if request.method != "POST":
        return _page(request, ImportForm())
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form)
    if request.POST.get("seen") != form.digest():
        return _page(request, _again(form), form)
    said = form.cleaned_data
    try:
        made = cog_import.bring(
            said["owner"],
            said["name"],
            said["found"],
            actor=cast(User, request.user),
            kind=said["kind"],
            version=said["version"],
            description=said["description"],
            source=_("imported at the desk"),
        )
    except cog_import.CannotImport as error:
        form.add_error(None, str(error))
        return _page(request, form)
    model = made.version.model
    messages.success(request, _("%(model)s is there.") % {"model": model.ref})
    if not model.prices.exists():
        messages.info(request, _("It runs as soon as it has a price."))
        return HttpResponseRedirect(f"{reverse('admin:predictions_price_add')}?model={model.pk}")
    return HttpResponseRedirect(reverse("admin:predictions_hostedmodel_change", args=[model.pk]))


def _again(form: ImportForm) -> ImportForm:
    """The same form with the document as text: a file is not sent twice."""
    said = form.cleaned_data
    names = ("owner", "name", "kind", "description", "version")
    return ImportForm(initial={**{name: said[name] for name in names}, "text": said["document"]})


def _page(request: HttpRequest, form: ImportForm, seen: ImportForm | None = None) -> TemplateResponse:
    context = {
        **admin.site.each_context(request),
        "opts": HostedModel._meta,
        "title": _("Bring in a model"),
        "form": form,
        "back": reverse("admin:predictions_hostedmodel_changelist"),
        "seen": seen.digest() if seen is not None else "",
    }
    if seen is not None:
        context |= _looked_at(seen.cleaned_data)
    return TemplateResponse(request, "admin/models/import.html", context, status=422 if form.errors else 200)


def _looked_at(said: dict[str, Any]) -> dict[str, Any]:
    found: cog_schema.Found = said["found"]
    known = HostedModel.objects.filter(owner=said["owner"], name=said["name"]).first()
    model = known or HostedModel(owner=said["owner"], name=said["name"])
    kind = known.kind if known is not None else said["kind"] or cog_import.guessed_kind(said["name"], found)
    version = Version(
        id=said["version"] or cog_import.version_id(said["owner"], said["name"], found),
        model=model,
        input_schema=found.input_schema,
        output_schema=found.output_schema,
    )
    required = set(found.input_schema.get("required", []))
    facts = [
        (_("Model"), model.ref + (" · " + _("a new version of it") if known is not None else "")),
        (_("Kind"), str(HostedModel.Kind(kind).label)),
        (_("Version"), version.pk[:12]),
        (_("Gives"), _gives(version)),
        (_("Somebody serves it now"), _("yes") if availability.can_serve(model) else _("no")),
        (_("Price"), _("there is one") if known is not None and known.prices.exists() else _("none yet")),
    ]
    return {
        "facts": facts,
        "notes": found.notes[:20],
        "controls": {
            "headers": [_("Input"), _("Shown as"), _("Control"), _("Default"), _("Needed")],
            "rows": [
                [
                    format_html('<span class="font-mono">{}</span>', name),
                    label,
                    sort,
                    str(found.properties.get(name, {}).get("default", "–"))[:60],
                    _("yes") if name in required else "–",
                ]
                for name, label, sort in cog_import.controls(version)
            ],
        },
    }


def _gives(version: Version) -> str:
    if not version.gives_files:
        return _("text or values")
    return _("a list of files") if version.gives_list else _("one file")
