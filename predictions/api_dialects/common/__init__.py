"""What the API dialects share: tokens, rate limits, headers, bodies."""
