"""Search in what people made: words of titles, tags and prompts, on SQLite and on PostgreSQL behind one interface.

`words` makes words of texts, `sqlite` and `postgres` keep and find them, `indexing` writes what is owed and `finding`
gives pages.
"""
