"""What a file says about how it was made: metadata in every published file, content credentials where signed."""
