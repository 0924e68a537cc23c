"""Execution of predictions at providers: start, poll, fetch of results, cancel. Runs in workers and watchers."""
