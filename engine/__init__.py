"""The embedded engine: paints and edits images without Django, database or network."""
