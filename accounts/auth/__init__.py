"""Authentication: allauth adapters and forms, attempt limits, password hashing, second factors, social sign-in,
blocked users.
"""
