"""The size of each subject in a scene, and where it belongs."""

from __future__ import annotations

# Share of the picture's height, and where it belongs: on the ground, on water, or in the air.
SIZES: dict[str, tuple[float, str]] = {
    "cat": (0.40, "ground"), "dog": (0.42, "ground"), "horse": (0.52, "ground"), "unicorn": (0.55, "ground"),
    "bird": (0.30, "ground"), "owl": (0.38, "ground"), "fish": (0.30, "air"), "bust": (0.86, "frame"),
    "astronaut": (0.52, "ground"), "robot": (0.50, "ground"), "dragon": (0.55, "ground"), "rabbit": (0.36, "ground"),
    "fox": (0.38, "ground"), "bear": (0.46, "ground"), "elephant": (0.52, "ground"), "car": (0.26, "ground"),
    "boat": (0.26, "water"), "sailboat": (0.40, "water"), "house": (0.34, "far"), "castle": (0.42, "far"),
    "lighthouse": (0.44, "top"), "balloon": (0.34, "air"), "flower": (0.56, "ground"), "tree": (0.62, "far"),
    "mushroom": (0.36, "ground"), "rocket": (0.52, "ground"), "butterfly": (0.34, "air"), "lion": (0.44, "ground"),
    "tiger": (0.42, "ground"), "wolf": (0.42, "ground"), "panda": (0.44, "ground"), "pig": (0.34, "ground"),
    "duck": (0.24, "water"), "penguin": (0.40, "ground"), "frog": (0.30, "ground"), "turtle": (0.28, "ground"),
    "whale": (0.28, "water"), "person": (0.60, "ground"), "snowman": (0.46, "ground"), "apple": (0.32, "ground"),
    "pumpkin": (0.32, "ground"), "cactus": (0.46, "ground"), "airplane": (0.24, "air"), "train": (0.28, "ground"),
    "deer": (0.50, "ground"), "camel": (0.50, "ground"), "cup": (0.28, "ground"), "bowl": (0.26, "ground"),
    "lantern": (0.36, "air"), "umbrella": (0.34, "ground"), "bicycle": (0.32, "ground"), "pagoda": (0.52, "far"),
    "pyramid": (0.34, "far"), "windmill": (0.50, "far"), "tower": (0.66, "ground"),
}  # fmt: skip

# Beside a whole person these keep to their true size a little more.
BESIDE_A_PERSON = {"flower": 0.55, "cat": 0.62, "dog": 0.74, "rabbit": 0.6, "bird": 0.55, "owl": 0.6, "fox": 0.7,
                "mushroom": 0.6, "butterfly": 0.5, "penguin": 0.75, "frog": 0.6, "turtle": 0.7, "pumpkin": 0.7,
                "apple": 0.5, "pig": 0.8, "duck": 0.8, "cup": 0.4, "bowl": 0.4, "lantern": 0.7}  # fmt: skip
