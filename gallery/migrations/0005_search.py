"""The search index: a narrow row for each item, and the words where the database can search them.

SQLite rebuilds a table to change it, without its triggers: a later migration that changes `gallery_searchrow` has to
make `gallery_search_follows` again.
"""

import django.db.models.deletion
from django.db import migrations, models

# `detail` none: neither phrases nor columns are asked for, only which rows have a word.
OPTIONS = "words, tokenize = 'ascii', detail = 'none', columnsize = 0"
SQLITE = [
    f"CREATE VIRTUAL TABLE gallery_search_own USING fts5({OPTIONS})",
    f"CREATE VIRTUAL TABLE gallery_search_public USING fts5({OPTIONS})",
    """
    CREATE TRIGGER gallery_search_follows AFTER DELETE ON gallery_searchrow BEGIN
        DELETE FROM gallery_search_own WHERE rowid = old.item_id;
        DELETE FROM gallery_search_public WHERE rowid = old.place;
    END
    """,
]
SQLITE_BACK = [
    "DROP TRIGGER gallery_search_follows",
    "DROP TABLE gallery_search_public",
    "DROP TABLE gallery_search_own",
]
# Rows come in batches, so that nothing is gained by a list of what the index has not taken in yet, which each search
# would have to read as well.
POSTGRES = [
    "ALTER TABLE gallery_searchrow ADD COLUMN own_words tsvector, ADD COLUMN public_words tsvector",
    "CREATE INDEX search_own_words ON gallery_searchrow USING gin (own_words) WITH (fastupdate = off)",
    "CREATE INDEX search_public_words ON gallery_searchrow USING gin (public_words) WITH (fastupdate = off)",
]
POSTGRES_BACK = [
    "DROP INDEX search_public_words",
    "DROP INDEX search_own_words",
    "ALTER TABLE gallery_searchrow DROP COLUMN own_words, DROP COLUMN public_words",
]


def make(apps, schema_editor):
    for statement in POSTGRES if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def unmake(apps, schema_editor):
    for statement in POSTGRES_BACK if schema_editor.connection.vendor == "postgresql" else SQLITE_BACK:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("gallery", "0004_published_pictures_are_owed_a_copy")]
    operations = [
        migrations.CreateModel(
            name="SearchRow",
            fields=[
                (
                    "item",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="search_row",
                        serialize=False,
                        to="gallery.item",
                        verbose_name="item",
                    ),
                ),
                (
                    "place",
                    models.BigIntegerField(
                        blank=True,
                        help_text=(
                            "Orders public search by the time of publishing; empty while the item is not published."
                        ),
                        null=True,
                        verbose_name="place",
                    ),
                ),
            ],
            options={
                "verbose_name": "row of the search index",
                "verbose_name_plural": "rows of the search index",
                "ordering": ["-item"],
                "constraints": [models.UniqueConstraint(fields=("place",), name="search_row_place")],
            },
        ),
        migrations.RunPython(make, unmake),
    ]
