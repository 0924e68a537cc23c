"""Editing given images by prompt: colours, brush strokes, styles and scenery."""
