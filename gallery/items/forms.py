"""The form to publish an item."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from gallery.items import item_tags, publication
from gallery.models import Item, Licence


class TagsField(forms.CharField):
    """Comma-separated tags; cleans to a list of normalised names."""

    def clean(self, value: Any) -> list[str]:
        """The names, each once; ValidationError where there are too many, or one is too long."""
        try:
            return item_tags.parse(str(value or ""))
        except item_tags.TooManyTags:
            many = _("At most %(most)d tags, with commas between.") % {"most": item_tags.MAX_TAGS}
            raise forms.ValidationError(many) from None
        except item_tags.TagTooLong as error:
            values = {"most": item_tags.MAX_LENGTH, "tag": str(error)[:20]}
            long = _("A tag has at most %(most)d characters: “%(tag)s…” has more.") % values
            raise forms.ValidationError(long) from None


class PublishForm(forms.Form):
    """Title, tags, licence and visibility of a published item. `cleaned_data` fits `publication.publish`."""

    title = forms.CharField(label=_("Title"), max_length=publication.MAX_TITLE, required=False, strip=True)
    tags = TagsField(
        label=_("Tags"),
        required=False,
        help_text=_("Up to 12, with commas between: sea, night, 水彩"),
        widget=forms.TextInput(
            attrs={"maxlength": item_tags.MAX_LIST_LENGTH, "autocapitalize": "none", "autocomplete": "off"}
        ),
    )
    licence = forms.ChoiceField(label=_("Licence"), choices=Licence.choices, required=False)
    visibility = forms.ChoiceField(
        label=_("Who finds it"),
        choices=[("public", _("Everybody")), ("unlisted", _("By its address only"))],
        required=False,
        widget=forms.RadioSelect,
    )
    show_prompt = forms.BooleanField(label=_("Show the prompt"), required=False)
    sensitive = forms.BooleanField(label=_("Sensitive: blurred until asked for"), required=False)

    @classmethod
    def of(cls, item: Item) -> PublishForm:
        """An unbound form with the item's present values."""
        return cls(
            initial={
                "title": item.title,
                "tags": ", ".join(item_tags.for_item(item)),
                "licence": item.licence,
                "visibility": "unlisted" if item.visibility == Item.Visibility.UNLISTED else "public",
                "show_prompt": item.show_prompt,
                "sensitive": item.sensitive,
            }
        )

    def clean_visibility(self) -> str:
        """Public where nothing was chosen."""
        return self.cleaned_data["visibility"] or Item.Visibility.PUBLIC
