"""Forms for the title, description and visibility of a collection."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from gallery import safe_text
from gallery.collections import curation
from gallery.models import Collection


class TitleField(forms.CharField):
    """One line of text with at least one visible character."""

    def __init__(self) -> None:
        super().__init__(label=_("Title"), max_length=curation.MAX_TITLE, strip=True)

    def clean(self, value: object) -> str:
        """The cleaned line; ValidationError where nothing of it would be visible."""
        line = safe_text.line(super().clean(value), curation.MAX_TITLE)
        if safe_text.is_blank(line):
            raise forms.ValidationError(_("Give it a title that can be read."))
        return line


class NewForm(forms.Form):
    """A new collection: its title."""

    title = TitleField()


class CollectionForm(forms.Form):
    """Title, description and visibility."""

    title = TitleField()
    description = forms.CharField(
        label=_("Description"),
        max_length=curation.MAX_DESCRIPTION,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    visibility = forms.ChoiceField(
        label=_("Who sees it"),
        choices=[
            (Collection.Visibility.PRIVATE, _("You and its editors")),
            (Collection.Visibility.UNLISTED, _("Whoever has its address")),
            (Collection.Visibility.PUBLIC, _("Everybody, in the gallery")),
        ],
        widget=forms.RadioSelect,
    )

    @classmethod
    def of(cls, collection: Collection) -> CollectionForm:
        """An unbound form with the collection's present values."""
        return cls(
            initial={
                "title": collection.title,
                "description": collection.description,
                "visibility": collection.visibility,
            }
        )
