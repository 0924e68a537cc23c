"""Caches: counters that are not evicted, and Redis with a fallback."""
