"""Count the published copies of pictures for their owners, as the pictures themselves are."""

from __future__ import annotations

from django.db import migrations
from django.db.models import Exists, F, OuterRef, Subquery, Sum


def fill(apps, schema_editor):
    Item = apps.get_model("gallery", "Item")
    StoredFile, AccountUsage = (apps.get_model("predictions", name) for name in ("StoredFile", "AccountUsage"))
    owner = Item.objects.filter(rendition=OuterRef("pk"))
    copies = StoredFile.objects.filter(Exists(owner), account__isnull=True)
    sizes = (
        Item.objects.filter(rendition__isnull=False, rendition__account__isnull=True)
        .order_by()
        .values("account_id")
        .annotate(s=Sum("rendition__size"))
    )
    for account_id, size in list(sizes.values_list("account_id", "s")):
        AccountUsage.objects.get_or_create(account_id=account_id)
        AccountUsage.objects.filter(account_id=account_id).update(stored_bytes=F("stored_bytes") + size)
    copies.update(account_id=Subquery(owner.values("account_id")[:1]))


class Migration(migrations.Migration):
    dependencies = [
        ("gallery", "0013_reporters_are_told_and_sent_files_have_cases"),
        ("predictions", "0023_fill_what_an_account_takes_up"),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
