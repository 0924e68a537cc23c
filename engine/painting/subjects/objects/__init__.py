"""Things: buildings, vehicles, plants, tableware."""
