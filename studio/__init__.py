"""The studio: a form built from a model's input schema, the sheet of predictions, and the user guide."""
