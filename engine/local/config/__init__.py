"""The operator's file of local models, and each model's parameters."""
