"""The studio: the form of a model, built from its input schema, and the sheet of predictions; also the guide."""
