"""Registration: who may sign up, invitations, names, e-mail addresses, welcome credits."""
