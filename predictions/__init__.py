"""The predictions app: accepts requests, runs them at a provider, ends them."""
