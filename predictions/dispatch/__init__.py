"""Dispatch: which prediction is next, which provider gets it, and its place in the queue."""
