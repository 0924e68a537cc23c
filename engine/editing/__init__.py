"""Editing input images by prompt: colours, brush strokes, styles and scenery."""
