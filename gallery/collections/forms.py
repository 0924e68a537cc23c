"""What members write about a collection."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from gallery import safe_text
from gallery.collections import curation
from gallery.models import Collection


class TitleField(forms.CharField):
    """One line that can be seen."""

    def __init__(self) -> None:
        super().__init__(label=_("Title"), max_length=curation.MAX_TITLE, strip=True)

    def clean(self, value: object) -> str:
        """The line, cleaned; ValidationError where nothing of it would be seen."""
        line = safe_text.line(super().clean(value), curation.MAX_TITLE)
        if safe_text.is_blank(line):
            raise forms.ValidationError(_("Give it a title that can be read."))
        return line


class NewForm(forms.Form):
    """A new collection begins with its title."""

    title = TitleField()


class CollectionForm(forms.Form):
    """Title, description and who sees it."""

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
        """A fresh form that says what the collection is now."""
        return cls(
            initial={
                "title": collection.title,
                "description": collection.description,
                "visibility": collection.visibility,
            }
        )
