"""People: figures, hair, clothes."""
