"""The search index: the words of each item where the database can search them, and how often each is used.

SQLite rebuilds a table to change it, without its triggers: a later migration that changes `gallery_searchrow` has to
make `gallery_search_follows` again.
"""

from django.db import migrations

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
# Rows come in batches, so that nothing is gained by a list of what the index has not taken in yet, which each search
# would have to read as well.
POSTGRES = [
    "ALTER TABLE gallery_searchrow ADD COLUMN own_words tsvector, ADD COLUMN public_words tsvector",
    "CREATE INDEX search_own_words ON gallery_searchrow USING gin (own_words) WITH (fastupdate = off)",
    "CREATE INDEX search_public_words ON gallery_searchrow USING gin (public_words) WITH (fastupdate = off)",
]
# For the beginnings that people type; in the order of bytes on both databases.
WORDS = "CREATE TABLE gallery_searchword (word {} PRIMARY KEY, used bigint NOT NULL){}"


def make(apps, schema_editor):
    is_postgres = schema_editor.connection.vendor == "postgresql"
    words = (
        WORDS.format('text COLLATE "C"', "")
        if is_postgres
        else WORDS.format("text NOT NULL", " WITHOUT ROWID")
    )
    for statement in [*(POSTGRES if is_postgres else SQLITE), words]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    # What a database of before has on record.
    replaces = [("gallery", "0005_search"), ("gallery", "0006_words_that_begin_so")]
    dependencies = [("gallery", "0001_tables")]
    operations = [migrations.RunPython(make)]
