"""Bringing in a model by the OpenAPI document that its Cog container publishes."""
