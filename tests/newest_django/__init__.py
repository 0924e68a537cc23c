"""The compiled queries of `core/db/` under the newest Django: `python -m tests.newest_django`, a lane of `script/test`.

A small app of its own, so that nothing else of ours and no third-party app need work with that Django yet.
"""
