"""Sign-in sessions: the store, their list, known devices and the history of sign-ins."""
