"""Pages: each authenticates, parses, calls one verb, renders."""
