"""Requests that wait for a prediction to end, without a thread or a connection."""
