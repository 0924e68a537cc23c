"""`manage.py demo`: a made-up month of members, pictures, payments and moderation in an empty database."""
