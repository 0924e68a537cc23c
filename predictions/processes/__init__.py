"""The parts of the process tree: workers, watcher, sweep, services, and their heartbeats."""
