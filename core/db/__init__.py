"""Database helpers: prepared statements, pipelined writes, retries, checks of invariants."""
