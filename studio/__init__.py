"""The studio: a prompt, the controls of a model's own schema, and what is being made."""
