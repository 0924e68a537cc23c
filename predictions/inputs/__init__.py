"""The files and addresses that an input names: checks before acceptance, fetching in workers."""
