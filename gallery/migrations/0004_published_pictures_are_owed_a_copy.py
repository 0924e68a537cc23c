"""Pictures that were public before are owed the copy that carries what made it."""

from django.db import migrations


def owe(apps, schema_editor):
    items = apps.get_model("gallery", "Item").objects.exclude(visibility="private")
    items.filter(rendition__isnull=True).update(rendition_owed=True)


class Migration(migrations.Migration):
    dependencies = [("gallery", "0003_the_gallery_people_use")]
    operations = [migrations.RunPython(owe, migrations.RunPython.noop)]
