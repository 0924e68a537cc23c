"""The OpenAI images API under `/openai/v1/images/`."""
