"""Labels of the admin's columns and fields where a model has none, so that they can be translated.

Django falls back to the field's own name, in English for everybody. A model's own labels are part of its migrations;
what is set here, once all models are loaded, is not. Also the theme's texts that have no Chinese translation.
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
    """Give every field without a label of its own the translatable one from `LABELS`."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if not isinstance(field.verbose_name, Promise) and field.verbose_name in LABELS:
                field.verbose_name = gettext_lazy(field.verbose_name)


WORDS = (
    _("All applications"), _("Apply Filters"), _("Choose file to upload"), _("Click to cancel"),
    _("Click to download"), _("Dark"), _("Date from"), _("Date to"), _("Expand row"), _("False"), _("General"),
    _("Go back"), _("Image preview"), _("Light"), _("Loading more results..."), _("More actions"), _("No data"),
    _("No recent searches"), _("No results found"), _("No results matching your query"), _("Recent searches"),
    _("Reset filters"), _("Return to site"), _("Run"), _("Search apps and models..."), _("Select action"),
    _("Select action to run"), _("Select all rows"), _("Select record"), _("Select value"), _("Submit"),
    _("This item will be deleted."),
    _("This page yielded into no results. Create a new item or reset your filters."),
    _("Toggle password visibility"), _("True"), _("Type to search"), _("Value"), _("Welcome"),
    _("You have been successfully logged out from the administration"),
    _("Raw passwords are not stored, so there is no way to see this user’s password, but you can change the password "
      'using <a href="{}" class="text-primary-600 dark:text-primary-500">this form</a>.'),
)  # fmt: skip
"""Texts of the theme, to be translated."""
