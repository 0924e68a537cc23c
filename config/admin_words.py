"""Words of the panel's theme that it has no Chinese for: named here, so that they stand among ours to be translated."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

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
"""As the theme writes them."""
