"""Process trees in plain Python: supervisor, forks, sessions, ends with the parent."""
