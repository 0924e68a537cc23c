"""Pixels: decoding, encoding, arrays and previews."""
