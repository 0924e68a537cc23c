"""The project's own API as a whole: its addresses and its OpenAPI document."""
