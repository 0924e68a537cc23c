"""What people ask for in made-up history. For `manage.py demo` alone."""

from __future__ import annotations

PROMPTS = (
    "a lighthouse on a cliff at dawn, oil painting", "an orange cat, studio photograph, blue backdrop",
    "a sailboat on a mountain lake at sunset", "an astronaut in front of a striped planet",
    "a castle with blue roofs in a green valley", "a yellow flower in the mountains, macro",
    "a night city, neon, rain, a blue car", "a white dog in the alps, sunny day",
    "a hot air balloon over green hills, evening", "a penguin on an iceberg", "樱花树下的小屋，水彩",
    "雪山下的湖，黄昏",
    "a red barn in a wheat field, thunderstorm", "a fox in an autumn forest, mist", "a fishing boat at dawn",
    "a windmill among tulips", "a desert with dunes and two moons", "a waterfall in a jungle, morning light",
    "竹林里的灯笼，夜晚", "an old bridge over a river, autumn", "a volcano at night, lava",
    "a robot watering flowers", "a beach with palm trees, poster", "a snowy village, warm windows",
    "a whale under a full moon", "a field of lavender at dusk", "a tiger in tall grass", "海边的灯塔，版画",
    "a cactus in bloom, white background", "a train crossing a viaduct, winter", "a cup of tea by a window, rain",
    "an owl on a branch, moonlight", "a spaceship over the sea, sunset", "a mountain hut, stars",
    "a horse on a beach, black and white", "金鱼在荷塘，工笔画", "a garden gate with roses", "a rainbow over hills",
    "a pine forest from above, fog", "a bicycle against a yellow wall",
)  # fmt: skip
