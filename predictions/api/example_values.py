"""Example ids of predictions, models and versions in the API's description."""

from __future__ import annotations

PREDICTION = "q3x8m1v6r2c9t4k7w5n0p8s1d6"
MODEL = "lucataco/flux-schnell-lora"
VERSION = "2a6b576af31790b470f0a8442e1e9791213fa13799cbb65a9fc1436e96389574"
