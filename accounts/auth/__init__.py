"""How people get in: registration, invitations, second factors, other services, sessions, and who is kept out."""
