"""Pricing: what a prediction costs, the rules of a price, and how prices are changed.

`predictions.pricing.calculator` is what other packages use.
"""
