"""Protocol of callers, service and child processes: outputs, typed inputs, progress, addresses."""
