"""Tests for the coming generation of `replicate`; collected only where it is the one on the path."""
