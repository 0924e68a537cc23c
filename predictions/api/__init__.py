"""`/api/` endpoints of predictions: quotes, predictions, usage, models, webhooks and their deliveries."""
