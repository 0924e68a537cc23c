"""The documentation at `/docs/`: Markdown in `docs/guide/`, with the running settings filled in."""
