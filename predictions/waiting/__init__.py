"""Long-polled requests: wait for a prediction to end without holding a thread or a database connection."""
