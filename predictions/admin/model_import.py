"""Admin page that imports a model from its Cog schema: a preview first, then the import."""

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
from core.admin.cells import change_url
from predictions import availability
from predictions.catalogue import cog_import, cog_schema
from predictions.models import HostedModel, Version


class ImportForm(forms.Form):
    """The model's name, and its document: pasted or as a file."""

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
        """Validate the version id before the preview."""
        try:
            return cog_import.checked_version(self.cleaned_data["version"])
        except cog_import.CannotImport as error:
            raise forms.ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        """Parse the document."""
        cleaned: dict[str, Any] = super().clean() or {}
        file = cleaned.get("file")
        field = "file" if file else "text"
        document = file.read(cog_schema.LARGEST + 1) if file else cleaned.get("text") or ""
        if not document:
            self.add_error("text", _("Send the file, or paste its text."))
            return cleaned
        try:
            cleaned["found"] = cog_schema.read(document)
        except cog_schema.NotCog as error:
            self.add_error(field, str(error))
        text = document if isinstance(document, str) else document.decode("utf-8", "replace")
        # Line endings as a browser will send the text back from the preview's form.
        cleaned["document"] = text.replace("\r\n", "\n").replace("\r", "\n").strip()
        for part in ("owner", "name"):
            if cleaned.get(part):
                try:
                    cog_import.checked_ref(cleaned[part], cleaned[part])
                except cog_import.CannotImport as error:
                    self.add_error(part, str(error))
        return cleaned

    def digest(self) -> str:
        """Identifies what was previewed: only that may be imported."""
        values = [
            str(self.cleaned_data.get(name)) for name in ("owner", "name", "kind", "version", "document")
        ]
        return hashlib.sha256("\x00".join(values).encode("utf-8", "replace")).hexdigest()


def import_model(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST: the preview, then, with the preview's digest, the import."""
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
        return _page(request, _refilled(form), form)
    data = form.cleaned_data
    try:
        imported = cog_import.import_version(
            data["owner"],
            data["name"],
            data["found"],
            actor=cast(User, request.user),
            kind=data["kind"],
            version=data["version"],
            description=data["description"],
            source=_("imported at the desk"),
        )
    except cog_import.CannotImport as error:
        form.add_error(None, str(error))
        return _page(request, form)
    model = imported.version.model
    messages.success(request, _("%(model)s is there.") % {"model": model.ref})
    if not model.prices.exists():
        messages.info(request, _("It runs as soon as it has a price."))
        return HttpResponseRedirect(f"{reverse('admin:predictions_price_add')}?model={model.pk}")
    return HttpResponseRedirect(change_url(model))


def _refilled(form: ImportForm) -> ImportForm:
    """The same form with the document as text: a browser does not send a file twice."""
    data = form.cleaned_data
    names = ("owner", "name", "kind", "description", "version")
    return ImportForm(initial={**{name: data[name] for name in names}, "text": data["document"]})


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
        context |= _preview(seen.cleaned_data)
    return TemplateResponse(request, "admin/models/import.html", context, status=422 if form.errors else 200)


def _preview(data: dict[str, Any]) -> dict[str, Any]:
    schema: cog_schema.CogSchema = data["found"]
    existing = HostedModel.objects.filter(owner=data["owner"], name=data["name"]).first()
    model = existing or HostedModel(owner=data["owner"], name=data["name"])
    kind = (
        existing.kind
        if existing is not None
        else data["kind"] or cog_import.guessed_kind(data["name"], schema)
    )
    version = Version(
        id=data["version"] or cog_import.version_id(data["owner"], data["name"], schema),
        model=model,
        input_schema=schema.input_schema,
        output_schema=schema.output_schema,
    )
    required = set(schema.input_schema.get("required", []))
    facts = [
        (_("Model"), model.ref + (" · " + _("a new version of it") if existing is not None else "")),
        (_("Kind"), str(HostedModel.Kind(kind).label)),
        (_("Version"), version.pk[:12]),
        (_("Gives"), _gives(version)),
        (_("Somebody serves it now"), _("yes") if availability.can_serve(model) else _("no")),
        (
            _("Price"),
            _("there is one") if existing is not None and existing.prices.exists() else _("none yet"),
        ),
    ]
    return {
        "facts": facts,
        "notes": schema.notes[:20],
        "controls": {
            "headers": [_("Input"), _("Shown as"), _("Control"), _("Default"), _("Needed")],
            "rows": [
                [
                    format_html('<span class="font-mono">{}</span>', name),
                    label,
                    sort,
                    str(schema.properties.get(name, {}).get("default", "–"))[:60],
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
