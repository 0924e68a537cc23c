"""Objects: buildings, vehicles, plants, tableware."""
