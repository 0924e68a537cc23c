"""Access marks: every view of the gallery and the studio is marked for members, staff or visitors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.auth.member_pages import member_required, visible_to_visitors

MARKS = ("for_members", "for_staff", "visible_to_visitors")
PACKAGES = ("gallery", "studio", "operations")
FOR_EVERYBODY = {
    # The home page and what it links for everybody; a prediction's URL, which only redirects.
    "gallery.public.home.home", "gallery.public.home.theme", "gallery.items.views.prediction_redirect",
    "gallery.public.sitemaps.robots",
    # They ask who it is themselves: members who may no longer sign in keep their data and their appeals, and these
    # two answer scripts, which are led to no sign-in.
    "gallery.privacy.views.export", "gallery.privacy.views.download", "gallery.privacy.views.receipt",
    "gallery.moderation.views.decision", "gallery.moderation.views.sanction",
    "gallery.live.views.events", "studio.views.picture_picker.upload",
}  # fmt: skip
ELSEWHERE = (
    "gallery.shares.",  # whoever has the link, the gallery closed or not
    "studio.guide.",  # documentation
    "gallery.admin.",  # behind `admin.site`
    "operations.admin.",
)
"""Packages whose pages have a rule of their own."""


def views(resolver: URLResolver | None = None) -> Iterator[tuple[str, Any]]:
    """Every page of those packages, by the dotted name of its view; APIs have their own checks."""
    for one in (resolver or get_resolver()).url_patterns:
        if isinstance(one, URLResolver):
            yield from views(one)
        elif isinstance(one, URLPattern):
            view: Any = one.callback
            name = f"{view.__module__}.{getattr(view, '__qualname__', type(view).__name__)}"
            if name.startswith(PACKAGES) and not hasattr(view, "cls") and ".api." not in name:
                yield name, view


def test_every_page_is_marked_for_whom_it_is() -> None:
    found = dict(views())
    assert len(found) > 100
    unmarked = {name for name, view in found.items() if not any(hasattr(view, mark) for mark in MARKS)}
    open_to_all = {name for name in unmarked if name in FOR_EVERYBODY or name.startswith(ELSEWHERE)}
    assert unmarked - open_to_all == set()


def test_the_exceptions_are_there() -> None:
    assert set(dict(views())) >= FOR_EVERYBODY


def test_a_mark_is_seen_through_other_decorators() -> None:
    @visible_to_visitors
    def public(request: Any) -> Any: ...

    @member_required
    def private(request: Any) -> Any: ...

    assert hasattr(public, "visible_to_visitors") and hasattr(private, "for_members")
    assert not hasattr(private, "visible_to_visitors")
