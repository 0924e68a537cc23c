"""Caches: counters that nobody can evict, and Redis that may be away."""
