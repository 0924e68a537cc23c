"""The Replicate API under `/v1/` and `/replicate/v1/`."""
