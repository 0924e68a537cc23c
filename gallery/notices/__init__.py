"""How people are reached: the inbox, mails, and what of them somebody wants."""
