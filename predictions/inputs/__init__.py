"""Input files and URLs: checks before acceptance, fetching in workers."""
