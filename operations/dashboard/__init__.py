"""The operations dashboard: totals, charts and upstreams of any period."""
