"""Diffusers pipelines: loading, caching, schedulers, and running one model."""
