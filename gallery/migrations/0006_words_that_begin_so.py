"""The words of the search index, for the beginnings that people type; in the order of bytes on both databases."""

from django.db import migrations


def make(apps, schema_editor):
    postgres = schema_editor.connection.vendor == "postgresql"
    text, rest = ('text COLLATE "C"', "") if postgres else ("text NOT NULL", " WITHOUT ROWID")
    schema_editor.execute(
        f"CREATE TABLE gallery_searchword (word {text} PRIMARY KEY, used bigint NOT NULL){rest}"
    )
    # What was indexed before is indexed once more, so that its words are counted.
    apps.get_model("gallery", "Item").objects.filter(search_owed=False).update(search_owed=True)


def unmake(apps, schema_editor):
    schema_editor.execute("DROP TABLE gallery_searchword")


class Migration(migrations.Migration):
    dependencies = [("gallery", "0005_search")]
    operations = [migrations.RunPython(make, unmake)]
