"""Health checks: `/livez`, `/readyz` and `/health`."""
