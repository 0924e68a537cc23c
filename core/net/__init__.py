"""Network addresses, the guard against server-side request forgery, the HTTP client."""
