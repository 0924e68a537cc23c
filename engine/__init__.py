"""The embedded engine: paints and edits pictures without Django, database or network."""
