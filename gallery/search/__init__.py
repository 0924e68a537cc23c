"""Full-text search of items by title, tags and prompt, on SQLite and PostgreSQL behind one interface.

`lexemes` splits texts into words, `sqlite_backend` and `postgres_backend` store and find them, `vocabulary`
completes word prefixes, `indexer` writes queued items, and `results` returns pages.
"""
