"""Template tags for the social parts of an item's page: likes, comments, reports, the publish form."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context
from django.utils.html import urlize
from django.utils.safestring import SafeString, mark_safe

from gallery.items import access, item_tags
from gallery.items.forms import PublishForm
from gallery.models import Item, Licence
from gallery.social import item_panel, likes

register = template.Library()
LICENCES = {
    Licence.CC0: "https://creativecommons.org/publicdomain/zero/1.0/",
    Licence.BY: "https://creativecommons.org/licenses/by/4.0/",
    Licence.BY_SA: "https://creativecommons.org/licenses/by-sa/4.0/",
    Licence.BY_NC: "https://creativecommons.org/licenses/by-nc/4.0/",
}


@register.inclusion_tag("items/_social.html", takes_context=True)
def item_social(context: Context) -> dict[str, Any]:
    """Tags, licence, author, comments and reports of an item."""
    item, user = context["item"], context["user"]
    return {
        "item": item,
        "own": context["own"],
        "user": user,
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
        "tags": item_tags.for_item(item),
        "licence_words": item.get_licence_display() if item.licence else "",
        "licence_url": LICENCES.get(item.licence, ""),
        **item_panel.for_item(item, user, form=context.get("comment_form")),
    }


@register.inclusion_tag("social/_like.html", takes_context=True)
def item_like(context: Context) -> dict[str, Any]:
    """The heart with its count: a button for members, a link to the sign-in page for visitors."""
    item: Item = context["item"]
    account = access.account_of(context["user"])
    return {
        "item": item,
        "liked": account is not None and likes.has_liked(context["user"], item),
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
    }


@register.simple_tag(takes_context=True)
def publish_form(context: Context) -> PublishForm:
    """The publish form of the page's item: with errors after a failed post, else with its present values."""
    posted = context.get("publish_form")
    if isinstance(posted, PublishForm) and posted.is_bound:
        return posted
    return PublishForm.of(context["item"])


@register.filter
def linked(text: str) -> SafeString:
    """Plain text with URLs as links that search engines do not follow."""
    whole = urlize(text, trim_url_limit=60, nofollow=True, autoescape=True)
    # Matches Django's attribute alone: quotes in the text are escaped by now.
    marked = whole.replace(' rel="nofollow">', ' rel="nofollow ugc noopener">')
    return mark_safe(marked.replace("\n", "<br>"))  # noqa: S308 (urlize escapes)
