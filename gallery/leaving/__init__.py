"""What members take with them (exports), and how they go (closures)."""
