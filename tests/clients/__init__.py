"""The published clients of Replicate and OpenAI against a started server; the lane is `python -m tests.clients`."""
