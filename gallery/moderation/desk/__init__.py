"""The moderators' desk: cases as pictures, one looked at beside, decided by keys."""
