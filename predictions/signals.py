"""Signals that predictions sends to the apps above it."""

from __future__ import annotations

from django.dispatch import Signal

prediction_succeeded = Signal()
"""Sent inside the transaction that ends a prediction as succeeded.

By `send`, not `send_robust`: a receiver that raises rolls the whole end back, so that no output is lost silently.
Arguments: `prediction` (Prediction, as it will be stored) and `outputs` (list of Output rows with `file` loaded).
Receivers may only insert rows.
"""
