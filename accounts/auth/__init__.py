"""Authentication: allauth adapters and forms, attempt limits, password hashing, second factors, blocked users."""
