"""What columns and fields of the panel are called where a model says nothing: Django's word is the field's own name, in
English for everybody. Named here, so that they stand among our words to be translated.

A model's own words are part of its migrations. What is put there afterwards, when all models are known, is not.
"""

from __future__ import annotations

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

LABELS = (
    _("accepted by"), _("account"), _("added by"), _("case"), _("case owed"), _("closed by"),
    _("cog version"), _("collection"), _("comment"), _("content type"), _("cover"), _("cover image url"),
    _("created at"), _("created by"), _("delivery"), _("digest"), _("failures"), _("file"), _("followed"),
    _("follower"), _("github url"), _("instance"), _("item"), _("key"), _("last seen at"), _("last used at"),
    _("license url"), _("lifted by"), _("listed at"), _("lost"), _("made by"), _("medium"), _("member"),
    _("message id"), _("metadata"), _("model"), _("output index"), _("paper url"), _("parent"), _("plan"),
    _("position"), _("previous"), _("price"), _("public id"), _("recent"), _("reference"), _("reporter"),
    _("request"), _("rule"), _("sanction"), _("small"), _("tag"), _("token"), _("type"), _("upstream"),
    _("upstream open"), _("user"), _("version"),
)  # fmt: skip


def name_fields() -> None:
    """Let every field that is called by its own name be called by the word for it here."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if not isinstance(field.verbose_name, Promise) and field.verbose_name in LABELS:
                field.verbose_name = gettext_lazy(field.verbose_name)
