"""The user guide at `/docs/`: Markdown in `docs/guide/`, with values of the running server filled in."""
