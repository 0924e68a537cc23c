"""Faults in what keeps, sends and removes files."""

from __future__ import annotations

from tests.mutants import Mutant

MEDIA, UPLOADS = "predictions/files/media.py", "predictions/files/uploads.py"
RESPONSES = "predictions/files/file_responses.py"
REMOVAL, PICTURES = "predictions/files/removal.py", "predictions/files/image_probe.py"
SENT = ("tests/predictions/api_dialects/replicate/test_output_files.py", "tests/config/test_page_details.py")
USES = (
    "tests/predictions/files/test_upload_uses.py",
    "tests/predictions/api_dialects/replicate/test_uploads.py",
    "tests/predictions/api_dialects/replicate/test_output_files.py",
)
GONE = ("tests/predictions/files/test_file_removal.py", "tests/gallery/items/test_missing_files.py")

MUTANTS = [
    Mutant(
        MEDIA,
        "        if self.size > self._maximum:\n",
        "        if self._maximum and False:\n",
        "A file may be as large as the disk.",
        (
            "tests/predictions/api_dialects/replicate/test_uploads.py",
            "tests/predictions/api_dialects/replicate/test_output_files.py",
        ),
    ),
    Mutant(
        MEDIA,
        "    if changed != len(files):\n"
        '        raise RuntimeError("A file to be kept was removed before its owner came.")\n',
        "",
        "A row owns a file whose bytes were removed.",
        SENT,
    ),
    Mutant(
        MEDIA,
        "pk__in=[file.pk for file in files], state=StoredFile.State.PENDING\n        )\n        pending.update",
        "pk__in=[file.pk for file in files]\n        )\n        pending.update",
        "A file that came to be owned is given up where the answer to it was lost.",
        ("tests/predictions/lifecycle/test_conditional_updates.py",),
    ),
    Mutant(
        RESPONSES,
        "if byte_range is not None and byte_range[0] >= body.size:",
        "if byte_range is not None and byte_range[0] > body.size:",
        "A range that begins at the end is answered with nothing in place of 416.",
        (
            "tests/predictions/api_dialects/replicate/test_output_files.py",
            "tests/predictions/inputs/test_precheck.py",
            "tests/gallery/library/test_zip_download.py",
        ),
    ),
    Mutant(
        RESPONSES,
        "end = min(int(last), size - 1) if last else size - 1",
        "end = min(int(last), size) if last else size - 1",
        "A range over the end promises a byte that is not there.",
        (
            "tests/predictions/api_dialects/replicate/test_output_files.py",
            "tests/config/server",
            "tests/gallery/library/test_zip_download.py",
        ),
    ),
    Mutant(
        RESPONSES,
        """    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"\n""",
        "",
        "What strangers sent may run programs of its own where a browser opens it.",
        (
            "tests/predictions/api_dialects/replicate/test_output_files.py",
            "tests/security/test_disguised_uploads.py",
        ),
    ),
    Mutant(
        RESPONSES,
        'disposition = "inline" if not attachment and body.content_type in _INLINE else "attachment"',
        'disposition = "inline" if not attachment else "attachment"',
        "A page that was uploaded as a picture is shown by browsers.",
        (*SENT, "tests/security/test_disguised_uploads.py"),
    ),
    Mutant(
        UPLOADS,
        "    if not media.has_free_disk():\n        raise media.DiskFull\n    _refuse",
        "    _refuse",
        "An upload is taken though the disk is full.",
        USES,
    ),
    Mutant(
        UPLOADS,
        "    if len(found) < len(wanted):\n        raise UploadGone\n",
        "",
        "A prediction is accepted that names an upload which is gone.",
        ("tests/predictions/lifecycle/test_conditional_updates.py",),
    ),
    Mutant(
        UPLOADS,
        "filter(Q(deleted_at__isnull=False) | Q(expires_at__lte=Now())).filter(~used)",
        "filter(Q(deleted_at__isnull=False) | Q(expires_at__lte=Now()))",
        "An upload is removed that a waiting prediction needs.",
        USES,
    ),
    Mutant(
        REMOVAL,
        "        if row.state != State.DOOMED and not _doom_stale(row):\n            continue\n",
        "",
        "Bytes of a file are removed though its owner comes at that moment.",
        ("tests/predictions/lifecycle/test_conditional_updates.py",),
    ),
    Mutant(
        REMOVAL,
        "Q(removal_due_at__isnull=True) | Q(removal_due_at__lte=Now())",
        "Q(removal_due_at__isnull=True) | Q(removal_due_at__isnull=False)",
        "Files that cannot be removed are tried in every round, and hold others back.",
        GONE,
    ),
    Mutant(
        PICTURES,
        "not 0 < width * height <= MAX_PIXELS",
        "not 0 < width * height",
        "A child that a file took over may say any size.",
        (
            "tests/config/test_page_details.py",
            "tests/predictions/files/test_image_probe.py",
        ),
    ),
]
