"""The procedural painter: a picture from words, without weights."""
