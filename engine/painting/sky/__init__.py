"""Skies: day, night, space, light and clouds."""
