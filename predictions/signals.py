"""News for the floors above."""

from __future__ import annotations

from django.dispatch import Signal

prediction_succeeded = Signal()
"""Sent inside the transaction that ends a prediction as succeeded (`send`, not `send_robust`: a receiver that raises
rolls the end back, so that no picture is lost quietly). Arguments: `prediction` (Prediction, as it will be) and
`outputs` (list of Output rows with `file` loaded). Receivers may only insert rows."""
