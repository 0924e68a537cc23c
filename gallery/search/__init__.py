"""Search in what people made: words of titles, tags and prompts, on SQLite and on PostgreSQL behind one interface.

`words` makes words of texts, `sqlite` and `postgres` keep and find them, `vocabulary` knows how a beginning may go on,
`indexing` writes what is owed and `finding` gives pages.
"""
