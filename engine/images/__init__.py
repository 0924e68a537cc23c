"""Pixels: decoding, encoding, array types and previews."""
