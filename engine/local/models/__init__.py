"""Pipelines of diffusers: loading, caching, schedulers, and running one model."""
