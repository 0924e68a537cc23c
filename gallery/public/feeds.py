"""Atom feeds of published items: the newest, a member's, a tag's. Sensitive items are left out.

Readers send the feed's ETag and get 304 where it is unchanged. The time of the newest item does not decide
that: it stays the same when an older item is made private, and goes back with the newest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.syndication.views import Feed
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.feedgenerator import Atom1Feed, Enclosure
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models import User
from core.http.public_origin import trusted_origin
from gallery import safe_text
from gallery.items import access, item_tags, tiles
from gallery.models import Item, ReaderChoice, Tag
from gallery.public import public_lists
from gallery.public.reader_preferences import Reader

ENTRIES = 30
_SAFE = Reader(None, ReaderChoice.Sensitive.HIDE)


@dataclass(frozen=True)
class Subject:
    """What a feed covers, and the origin of its URLs."""

    origin: str
    path: str
    author: User | None = None
    tag: Tag | None = None


@dataclass(frozen=True)
class Entry:
    """An item in a feed."""

    item: Item
    origin: str

    def at(self, name: str, *args: str) -> str:
        """One of its URLs, absolute."""
        return f"{self.origin}{reverse(name, args=[self.item.public_id, *args])}"


class Atom(Atom1Feed):
    """A feed whose bytes change only with its content."""

    def latest_post_date(self) -> datetime:
        """The time of the newest entry; a constant without entries, where Django would use the present time."""
        return super().latest_post_date() if self.items else datetime(1970, 1, 1, tzinfo=UTC)


class Newest(Feed):
    """All public items."""

    visible_to_visitors = True
    feed_type = Atom

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        response = super().__call__(request, *args, **kwargs)
        # Revalidated every time, so that no cache serves items made private since.
        response["Cache-Control"] = "no-cache"
        # Weak: compression on the way changes the bytes, not the content.
        etag = f'W/"{hashlib.sha256(response.content).hexdigest()[:32]}"'
        response["ETag"] = etag
        return get_conditional_response(request, etag=etag, response=response) or response

    def get_object(self, request: HttpRequest, **named: str) -> Subject:
        """The whole gallery."""
        return Subject(trusted_origin(request), reverse("gallery"))

    def title(self, subject: Subject) -> str:
        """The feed's title."""
        return _("Darkroom: newest pictures")

    def link(self, subject: Subject) -> str:
        """The page that shows the same items."""
        return subject.origin + subject.path

    def feed_url(self, subject: Subject) -> str:
        """The feed's own URL."""
        return f"{subject.origin}{subject.path}feed.xml"

    def items(self, subject: Subject) -> list[Entry]:
        """The newest entries, in one query or two."""
        return [Entry(item, subject.origin) for item in self.rows(subject)]

    def rows(self, subject: Subject) -> list[Item]:
        """The items behind the entries."""
        return public_lists.newest(_SAFE, ENTRIES).rows

    def item_title(self, entry: Entry) -> str:
        """The item's title without characters that XML can't hold."""
        return safe_text.line(tiles.alt_text(entry.item, own=False), 120) or _("A picture")

    def item_description(self, entry: Entry) -> SafeString:
        """The picture, and its prompt where shown."""
        item, file = entry.item, access.file_of(entry.item, "medium")
        prompt = safe_text.paragraphs(item.prompt, 2000) if item.show_prompt else ""
        return format_html(
            '<p><a href="{}"><img src="{}" alt="{}" width="{}" height="{}"></a></p><p>{}</p>',
            entry.at("gallery_item"),
            entry.at("api_gallery_picture", "medium"),
            self.item_title(entry),
            file.width or item.width,
            file.height or item.height,
            prompt,
        )

    def item_link(self, entry: Entry) -> str:
        """The item's page."""
        return entry.at("gallery_item")

    def item_author_name(self, entry: Entry) -> str:
        """The author's name."""
        return safe_text.line(entry.item.user.shown_name, 80) or entry.item.user.username

    def item_author_link(self, entry: Entry) -> str:
        """The author's public page."""
        return entry.origin + reverse("gallery_author", args=[entry.item.user.username])

    def item_pubdate(self, entry: Entry) -> datetime | None:
        """When it was published."""
        return entry.item.published_at

    def item_updateddate(self, entry: Entry) -> datetime | None:
        """The same: later edits are not news."""
        return entry.item.published_at

    def item_enclosures(self, entry: Entry) -> list[Enclosure]:
        """The file itself, for readers that store files."""
        file = entry.item.output.file
        return [Enclosure(entry.at("api_gallery_picture", "full"), str(file.size), file.content_type)]


class OfAuthor(Newest):
    """Public items of one member."""

    def get_object(self, request: HttpRequest, **named: str) -> Subject:
        """The member; 404 where they have no public items."""
        author = access.or_404(User.objects.filter(username=named["username"], is_active=True).first())
        if not Item.objects.public().filter(user=author).exists():
            raise Http404
        return Subject(
            trusted_origin(request), reverse("gallery_author", args=[author.username]), author=author
        )

    def title(self, subject: Subject) -> str:
        """The feed's title."""
        assert subject.author is not None
        return _("Pictures by %(name)s") % {"name": safe_text.line(subject.author.shown_name, 80)}

    def rows(self, subject: Subject) -> list[Item]:
        """The items behind the entries."""
        assert subject.author is not None
        return public_lists.of_author(_SAFE, subject.author, ENTRIES).rows


class OfTag(Newest):
    """Public items with a tag."""

    def get_object(self, request: HttpRequest, **named: str) -> Subject:
        """The tag, however it is spelled; 404 for an unknown one."""
        name = item_tags.normalize(named["name"][: item_tags.MAX_LENGTH * 4])
        tag = access.or_404(Tag.objects.filter(name=name).first())
        return Subject(trusted_origin(request), reverse("gallery_tag", args=[tag.name]), tag=tag)

    def title(self, subject: Subject) -> str:
        """The feed's title."""
        assert subject.tag is not None
        return _("Pictures tagged %(tag)s") % {"tag": subject.tag.name}

    def rows(self, subject: Subject) -> list[Item]:
        """The items behind the entries."""
        assert subject.tag is not None
        return public_lists.tagged(_SAFE, subject.tag, ENTRIES).rows
