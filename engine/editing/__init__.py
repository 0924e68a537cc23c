"""Working on pictures that somebody gave: colours, strokes, styles and scenery from words."""
