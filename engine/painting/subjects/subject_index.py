"""The index of subjects: name, aliases and natural share of an image's height."""

from __future__ import annotations

from engine.painting.subjects.animals import (
    birds,
    farm,
    fish_butterfly,
    giants,
    horses,
    ocean,
    pets,
    pond,
    ruminants,
    wildlife,
    woodland,
)
from engine.painting.subjects.design import DesignBuilder
from engine.painting.subjects.objects import (
    bicycles,
    boats,
    buildings,
    castles,
    landmarks,
    plants,
    still_life,
    tableware,
    transport,
    vehicles,
)
from engine.painting.subjects.people import astronauts, full_figures, portrait_bust

BUILDERS: dict[str, DesignBuilder] = {
    "cat": pets.cat,
    "dog": pets.dog,
    "rabbit": woodland.rabbit,
    "fox": woodland.fox,
    "bear": woodland.bear,
    "horse": horses.horse,
    "unicorn": horses.unicorn,
    "elephant": giants.elephant,
    "dragon": giants.dragon,
    "bird": birds.bird,
    "owl": birds.owl,
    "fish": fish_butterfly.fish,
    "butterfly": fish_butterfly.butterfly,
    "bust": portrait_bust.bust,
    "person": full_figures.person,
    "astronaut": astronauts.astronaut,
    "robot": astronauts.robot,
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
    "lion": wildlife.lion,
    "tiger": wildlife.tiger,
    "wolf": wildlife.wolf,
    "panda": wildlife.panda,
    "penguin": ocean.penguin,
    "duck": farm.duck,
    "frog": pond.frog,
    "turtle": pond.turtle,
    "whale": ocean.whale,
    "pig": farm.pig,
    "snowman": still_life.snowman,
    "apple": still_life.apple,
    "pumpkin": still_life.pumpkin,
    "cactus": still_life.cactus,
    "airplane": transport.airplane,
    "train": transport.train,
    "deer": ruminants.deer,
    "camel": ruminants.camel,
    "cup": tableware.cup,
    "bowl": tableware.bowl,
    "lantern": tableware.lantern,
    "umbrella": tableware.umbrella,
    "bicycle": bicycles.bicycle,
    "pagoda": landmarks.pagoda,
    "pyramid": landmarks.pyramid,
    "windmill": landmarks.windmill,
    "tower": landmarks.tower,
}

# What sits astride when it rides another subject; all others sit as they are.
RIDING: dict[str, DesignBuilder] = {
    "astronaut": astronauts.riding_astronaut,
    "person": full_figures.riding_person,
    "bust": full_figures.riding_person,
}

# What wears a dress when one is named.
DRESSED: dict[str, DesignBuilder] = {"person": full_figures.dressed_person}

ALIASES: dict[str, str] = {"face": "bust"}

# Where a subject belongs that does not stand on the ground.
PLACES: dict[str, str] = {
    **dict.fromkeys(("boat", "sailboat", "whale", "duck"), "water"),
    **dict.fromkeys(("balloon", "airplane", "butterfly", "fish", "lantern"), "air"),
}

# How much of its height lies under water when it floats.
DRAUGHTS: dict[str, float] = {"boat": 0.07, "sailboat": 0.035, "duck": 0.12, "fish": 0.30, "whale": 0.26}

# Heights, as shares of the picture's height, at which a subject standing alone looks right.
NATURAL_HEIGHTS: dict[str, float] = {
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
    "lion": 0.62,
    "tiger": 0.62,
    "wolf": 0.6,
    "panda": 0.62,
    "penguin": 0.58,
    "duck": 0.46,
    "frog": 0.44,
    "turtle": 0.4,
    "whale": 0.4,
    "pig": 0.44,
    "snowman": 0.64,
    "apple": 0.46,
    "pumpkin": 0.46,
    "cactus": 0.64,
    "airplane": 0.38,
    "train": 0.38,
    "deer": 0.70,
    "camel": 0.66,
    "cup": 0.46,
    "bowl": 0.44,
    "lantern": 0.56,
    "umbrella": 0.60,
    "bicycle": 0.44,
    "pagoda": 0.74,
    "pyramid": 0.54,
    "windmill": 0.70,
    "tower": 0.80,
}
