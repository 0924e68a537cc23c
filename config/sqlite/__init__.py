"""Django's database backend for SQLite, with the one thing that it does again for every query done once."""
