"""Local models: real weights over diffusers and torch (the extra `local`).

`config` is plain Python, for every process. Whatever imports torch is loaded in the worker processes alone, so that all
else runs, and is type-checked, without it.
"""
