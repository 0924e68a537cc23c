"""Say whose files there are, which uploads waiting predictions name, whose keys, and what each account takes up."""

from __future__ import annotations

import json
import re

from django.db import migrations
from django.db.models import BigIntegerField, Count, Exists, F, OuterRef, Subquery, Sum
from django.db.models.functions import Greatest

LIVE = ["starting", "processing"]
LEAST_UPLOAD = 4096
_UPLOAD = re.compile(r"/v1/files/([a-z0-9]{26})")


def fill(apps, schema_editor):
    _owners_of_files(apps)
    _members_of_keys(apps)
    _live_predictions(apps)
    _usage(apps)


def _owners_of_files(apps):
    StoredFile, Output, Upload = (
        apps.get_model("predictions", name) for name in ("StoredFile", "Output", "Upload")
    )
    for name in ("file", "small", "medium"):
        owner = Output.objects.filter(**{name: OuterRef("pk")})
        StoredFile.objects.filter(Exists(owner)).update(
            account_id=Subquery(owner.values("prediction__account_id")[:1])
        )
    owner = Upload.objects.filter(file=OuterRef("pk"))
    StoredFile.objects.filter(Exists(owner)).update(
        account_id=Subquery(owner.values("account_id")[:1]), is_upload=True
    )


def _members_of_keys(apps):
    Prediction = apps.get_model("predictions", "Prediction")
    member = Prediction.objects.filter(pk=OuterRef("prediction_id")).values("user_id")[:1]
    for name in ("IdempotencyKey", "UnansweredCreate"):
        apps.get_model("predictions", name).objects.filter(user__isnull=True).update(
            user_id=Subquery(member)
        )


def _live_predictions(apps):
    Prediction, Upload, UploadUse = (
        apps.get_model("predictions", name) for name in ("Prediction", "Upload", "UploadUse")
    )
    live = Prediction.objects.filter(status__in=LIVE).order_by("pk")
    last = 0
    while keys := list(live.filter(pk__gt=last).values_list("pk", flat=True)[:500]):
        last = keys[-1]
        for pk in keys:
            # One at a time: an input may take megabytes.
            account_id, given = Prediction.objects.values_list("account_id", "input").get(pk=pk)
            text = json.dumps(given)
            Prediction.objects.filter(pk=pk).update(input_bytes=len(text))
            named = Upload.objects.filter(account_id=account_id, public_id__in=set(_UPLOAD.findall(text)))
            UploadUse.objects.bulk_create(
                UploadUse(upload_id=upload, prediction_id=pk)
                for upload in named.values_list("pk", flat=True)
            )


def _usage(apps):
    StoredFile, Prediction, AccountUsage = (
        apps.get_model("predictions", name) for name in ("StoredFile", "Prediction", "AccountUsage")
    )
    found = {}

    def note(rows, **names):
        for row in rows:
            values = found.setdefault(row["account_id"], {})
            values |= {name: int(row[key] or 0) for name, key in names.items()}

    files = StoredFile.objects.filter(account__isnull=False).order_by().values("account_id")
    note(files.annotate(s=Sum("size")), stored_bytes="s")
    least = Greatest(F("size"), LEAST_UPLOAD, output_field=BigIntegerField())
    note(files.filter(is_upload=True).annotate(s=Sum(least)), upload_bytes="s")
    live = Prediction.objects.filter(status__in=LIVE).order_by().values("account_id")
    note(live.annotate(s=Sum("input_bytes"), n=Count("pk")), input_bytes="s", predictions="n")
    AccountUsage.objects.bulk_create(
        (AccountUsage(account_id=account_id, **values) for account_id, values in found.items()),
        batch_size=500,
    )


class Migration(migrations.Migration):
    dependencies = [("predictions", "0022_what_an_account_takes_up")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
