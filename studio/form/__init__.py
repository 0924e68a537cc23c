"""The form of a model: controls, values, hints and requirements read from its input schema."""
