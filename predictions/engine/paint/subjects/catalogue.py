"""Every subject by name, with its other names and its natural share of a picture's height."""

from __future__ import annotations

from . import (
    birds,
    boats,
    buildings,
    castles,
    figures,
    furry,
    giants,
    horses,
    people,
    pets,
    plants,
    small,
    suits,
    vehicles,
)
from .design import Table

TABLES: dict[str, Table] = {
    "cat": pets.cat,
    "dog": pets.dog,
    "rabbit": furry.rabbit,
    "fox": furry.fox,
    "bear": furry.bear,
    "horse": horses.horse,
    "unicorn": horses.unicorn,
    "elephant": giants.elephant,
    "dragon": giants.dragon,
    "bird": birds.bird,
    "owl": birds.owl,
    "fish": small.fish,
    "butterfly": small.butterfly,
    "bust": people.bust,
    "person": figures.person,
    "astronaut": suits.astronaut,
    "robot": suits.robot,
    "car": vehicles.car,
    "boat": boats.boat,
    "sailboat": boats.sailboat,
    "balloon": vehicles.balloon,
    "rocket": vehicles.rocket,
    "house": buildings.house,
    "castle": castles.castle,
    "lighthouse": buildings.lighthouse,
    "flower": plants.flower,
    "tree": plants.tree,
    "mushroom": plants.mushroom,
}

# What sits astride when it rides another subject; all others sit as they are.
RIDING: dict[str, Table] = {
    "astronaut": suits.riding_astronaut,
    "person": figures.riding_person,
    "bust": figures.riding_person,
}

ALIASES: dict[str, str] = {"face": "bust"}

# Heights, as shares of the picture's height, at which a subject standing alone looks right.
NATURAL: dict[str, float] = {
    "cat": 0.62,
    "dog": 0.62,
    "rabbit": 0.60,
    "fox": 0.60,
    "bear": 0.64,
    "horse": 0.66,
    "unicorn": 0.70,
    "elephant": 0.58,
    "dragon": 0.66,
    "bird": 0.46,
    "owl": 0.60,
    "fish": 0.42,
    "butterfly": 0.48,
    "bust": 0.84,
    "person": 0.70,
    "astronaut": 0.68,
    "robot": 0.68,
    "car": 0.34,
    "boat": 0.36,
    "sailboat": 0.58,
    "balloon": 0.62,
    "rocket": 0.70,
    "house": 0.54,
    "castle": 0.62,
    "lighthouse": 0.70,
    "flower": 0.72,
    "tree": 0.74,
    "mushroom": 0.54,
}
