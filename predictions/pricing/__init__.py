"""The price list: the small language of its rules, what it says in words, and how it is changed.

`predictions.pricing.calculator` is what everybody else asks.
"""
