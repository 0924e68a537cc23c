"""Real weights over diffusers and torch: the extra `local`.

`settings` and `wishes` are plain Python, for every process. What imports torch is loaded in the worker processes alone,
so that all else runs, and is checked, without it.
"""
