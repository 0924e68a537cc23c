"""What the engine's callers and processes share: outputs, typed inputs, progress, addresses."""
