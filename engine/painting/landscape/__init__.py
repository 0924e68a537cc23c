"""Land, water, plants, buildings and weather of a scene."""
