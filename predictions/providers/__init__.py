"""Providers: what can run a prediction, behind one protocol. Plain Python without Django."""
