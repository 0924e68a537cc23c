"""What the house tells people: which kinds there are, telling, mailing, and the inbox."""
