"""Django's database backend for PostgreSQL, which notices a pooler in between and does without what one would break."""
