"""API tokens: issue, authentication, scopes, limits and allowed networks."""
