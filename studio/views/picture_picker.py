"""Picture inputs of the studio (upload, view, pick from the library), and the last seed."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import account_of, member_required
from core import pagination
from core.http.pages import page
from gallery.items import access
from gallery.models import Item
from gallery.search import results
from predictions.files import file_responses, image_probe
from predictions.files.image_formats import EXTENSIONS
from predictions.inputs import fetch
from predictions.models import Prediction, Status
from studio.form import form_state, input_pictures

MAX_BODY = fetch.MAX_FILE + 1024**2
"""Bytes of a request with one picture, multipart overhead included."""
PICKER_PAGE = 24
"""Items per page of the picker."""
LONGEST_SEARCH = 200


@csrf_exempt
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """POST a picture (`file`) of 25 MB at most; answers its URL and size as JSON, or a message in `detail`.

    The declared length is checked first, then the user and the CSRF token; only then is the body read.
    """
    if not request.user.is_authenticated:
        return _detail(_("You were signed out. Sign in again and send the picture once more."), 401)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BODY:
        return _detail(_too_large(), 413)
    try:
        return _received(request)
    except RequestDataTooBig:
        return _detail(_too_large(), 413)
    except (MultiPartParserError, SuspiciousOperation, OSError):
        return _detail(_("The picture did not arrive whole. Send it once more."), 400)


@csrf_protect
def _received(request: HttpRequest) -> HttpResponse:
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        return _detail(_("Choose a picture first."), 400)
    try:
        return JsonResponse(input_pictures.store_upload(request, file).as_json(), status=201)
    except input_pictures.PictureRefused as refused:
        return _detail(str(refused), refused.status)


def _too_large() -> str:
    return _("The picture is larger than %(most)s MB. Use a smaller picture.") % {
        "most": input_pictures.MAX_MB
    }


def _detail(sentence: str, status: int) -> HttpResponse:
    return JsonResponse({"detail": sentence}, status=status)


@require_safe
@member_required
def file(request: HttpRequest, public_id: str) -> HttpResponse:
    """An upload, for the member who sent it; 404 for everybody else, and for anything but pictures."""
    upload = access.or_404(input_pictures.own_upload(request, public_id))
    if upload.content_type not in EXTENSIONS:
        raise Http404
    return file_responses.send(request, upload.file, filename=upload.name, max_age=3600)


@require_safe
@member_required
def use(request: HttpRequest, public_id: str) -> HttpResponse:
    """An item that the member may see, as an input: the same answer as for an upload."""
    return JsonResponse(input_pictures.of_item(request, public_id).as_json())


@require_safe
@member_required
def picker(request: HttpRequest) -> HttpResponse:
    """The picker: a page of the member's own items, newest first, without videos."""
    account = account_of(request)
    after, text = request.GET.get("after", "")[:200], request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    own = access.with_files(
        Item.objects.owned_by(account).exclude(output__file__content_type=image_probe.VIDEO)
    )
    if text:
        found = results.own_page(account, text, PICKER_PAGE, after, within=own)
    else:
        found = pagination.page_or_newest(own, "created_at", PICKER_PAGE, after)
    context = {
        "pictures": [(item, input_pictures.picture_of(request, item)) for item in found.rows],
        "older": found.next,
        "after": after,
        "q": text,
    }
    template = "studio/_shelf_list.html" if "list" in request.GET else "studio/_shelf.html"
    return page(request, template, context)


@require_safe
@member_required
def seed(request: HttpRequest) -> HttpResponse:
    """The seed of the newest succeeded prediction of a model; null where there is none."""
    version = form_state.version_of(request.GET.get("model", ""))
    used = None
    if version is not None:
        own = Prediction.objects.owned_by(account_of(request)).filter(
            model_id=version.model_id, status=Status.SUCCEEDED
        )
        newest = own.only("input", "logs").order_by("-created_at", "-id").first()
        used = newest.seed() if newest is not None else None
    return JsonResponse({"seed": used})
