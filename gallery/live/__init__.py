"""What changes, told to open pages."""
