"""The painter's English word list, as data; `lexicon` describes the format."""

from __future__ import annotations

ENGLISH: dict[str, str] = {
    # places
    "scene:mountain": "mountain mount peak summit alp alps alpine himalaya himalayas everest rockies "
    "ridge crag highland highlands landscape fantasy scenery wilderness nature yosemite patagonia "
    "dolomites andes mountainside mountainous mountaintop massif sierra world",
    "scene:mountain feature:volcano": "volcano volcanic lava eruption",
    "scene:mountain feature:volcano feature:snowcap": "fuji fujiyama",
    "scene:mountain feature:lake": "fjord fiord loch norway",
    "scene:mountain feature:snowcap": "snowcapped snow_capped snow_covered_mountain glacier iceland "
    "snowy_peaks snowy_mountains snowy_mountain snow_capped_mountains snow_capped_peaks",
    "scene:mountain feature:river feature:fall": "waterfall waterfalls cascade",
    "scene:mountain feature:river": "gorge ravine",
    "scene:mountain weather:snow": "antarctica arctic tundra siberia north_pole iceberg",
    "scene:hills": "hill hills hillside valley meadow field grassland prairie farmland countryside "
    "pasture plain plains grass steppe tuscany shire lawn garden park savanna savannah farm vineyard "
    "outdoors africa serengeti savannah_plain orchard rural glade",
    "scene:hills feature:flowers": "wildflower wildflowers flower_field flower_meadow field_of_flowers "
    "tulips tulip_field field_of_tulips",
    "scene:hills feature:flowers feature:lavender": "lavender lavender_field field_of_lavender provence",
    "scene:hills feature:flowers feature:poppies": "poppies poppy_field field_of_poppies",
    "scene:hills feature:flowers feature:sunflowers": "sunflowers sunflower_field field_of_sunflowers",
    "scene:hills feature:wheat": "wheat wheat_field cornfield hay barley harvest golden_field",
    "scene:hills feature:wall": "great_wall great_wall_of_china chinese_wall",
    "scene:lake feature:river feature:village": "water_town water_village",
    "scene:hills feature:village": "village hamlet town cottages settlement",
    "scene:hills feature:road": "road highway street_road country_road route",
    "scene:hills feature:road feature:trail": "path trail lane footpath pathway dirt_road dirt_path track",
    "scene:sea": "sea ocean seascape atlantic pacific mediterranean waves wave bay gulf harbor harbour "
    "lagoon horizon coastline seaside marine waters caribbean",
    "scene:sea feature:beach": "beach shore seashore sand_beach surf coast_beach",
    "scene:sea feature:beach feature:palms": "tropical tropics hawaii maldives bali caribbean_beach "
    "paradise heaven eden tropical_beach vacation",
    "scene:sea feature:island feature:palms": "island islands isle archipelago atoll desert_island",
    "scene:sea feature:cliff": "cliff cliffs coast headland rocky_coast promontory bluff",
    "scene:lake feature:lake": "lake pond lakeside reservoir tarn lakeshore",
    "scene:lake feature:river": "river stream creek brook canal riverbank rivers",
    "scene:desert": "desert dune dunes sahara sand sandy arid wasteland gobi arabia oasis_desert arrakis",
    "scene:desert feature:palms feature:lake": "oasis",
    "scene:desert feature:mesa": "canyon mesa butte badlands arizona grand_canyon monument_valley wild_west",
    "scene:desert feature:mars": "mars martian red_planet",
    "scene:desert feature:lunar": "lunar moonscape moon_surface surface_of_the_moon on_the_moon",
    "scene:forest": "forest wood woods woodland grove trees thicket taiga park_forest enchanted_forest",
    "scene:forest feature:conifer": "pine pines fir firs spruce conifer conifers pine_forest redwood "
    "evergreen",
    "scene:forest feature:leafy": "jungle rainforest amazon oak_forest",
    "scene:forest feature:bamboo": "bamboo bamboos bamboo_forest bamboo_grove",
    "scene:forest feature:birch": "birch birches birch_forest",
    "scene:forest feature:autumn": "autumn_forest fall_forest",
    "scene:forest feature:blossom": "cherry_blossom cherry_blossoms sakura blossoms cherry_trees "
    "cherry_tree cherry_blossom_tree cherry_blossom_trees blossoming_cherry_tree "
    "plum_blossom plum_blossoms peach_blossom peach_blossoms",
    "scene:city": "city cityscape skyline downtown metropolis tokyo manhattan new_york nyc london paris "
    "shanghai hong_kong chicago dubai skyscraper skyscrapers buildings urban street streets megacity "
    "cafe restaurant market alley avenue boulevard rome berlin sydney amsterdam istanbul san_francisco venice "
    "building singapore seoul osaka tower_blocks los_angeles",
    "scene:city feature:neon": "cyberpunk neon_city blade_runner neon_lights cyber synthwave_city "
    "futuristic_city",
    "scene:space": "space cosmos universe outer_space interstellar cosmic galactic "
    "supernova deep_space starfield orbit",
    "scene:space feature:nebula": "nebula nebulae",
    "scene:space feature:galaxy": "galaxy galaxies spiral_galaxy andromeda",
    "scene:space feature:planet": "planet planets saturn jupiter exoplanet gas_giant earth_from_space",
    "scene:underwater": "underwater undersea reef coral_reef ocean_floor seabed deep_sea aquarium coral",
    "scene:abstract": "abstract pattern marble swirl swirls fractal psychedelic texture wallpaper liquid "
    "fluid acrylic_pour abstraction geometric",
    "scene:studio": "studio studio_backdrop plain_background simple_background white_background "
    "studio_lighting",
    # features
    "feature:window": "by_the_window by_a_window at_the_window near_the_window windowsill window_sill window_light "
    "beside_the_window in_the_window next_to_a_window indoors indoor",
    "feature:autumn": "autumn autumnal fall_colors fall_colours foliage fall_leaves maple",
    "feature:blossom": "spring springtime blossom blossoming bloom blooming",
    "feature:palms": "palm palms palm_tree palm_trees",
    # things
    "subject:cat": "cat kitten kitty feline tabby cats_eye tomcat",
    "subject:dog": "dog puppy hound corgi retriever labrador husky pup poodle shiba terrier",
    "subject:horse": "horse donkey mule zebra stallion mare pony mustang foal",
    "subject:unicorn": "unicorn",
    "subject:deer": "deer stag doe fawn reindeer moose elk antelope",
    "subject:camel": "camel camels dromedary",
    "subject:bird": "bird hummingbird kingfisher peacock flamingo crane heron toucan macaw dove swallow magpie "
    "sparrow robin parrot bluebird songbird crow raven eagle hawk seagull gull "
    "pigeon finch two_birds three_birds four_birds 2_birds 3_birds couple_of_birds pair_of_birds",
    "subject:owl": "owl owlet",
    "subject:fish": "fish goldfish koi carp carps koi_fish salmon clownfish trout tuna",
    "subject:bust": "woman man girl boy person people lady gentleman 1girl 1boy human king queen princess "
    "prince wizard witch warrior knight samurai elf child kid actor actress soldier "
    "monk scientist doctor guy female male old_man young_woman goddess character geisha viking "
    "pirate sailor bride ballerina ninja cowboy angel mermaid fairy chef student teacher nurse baby vampire "
    "shaman emperor empress pharaoh clown santa santa_claus grandmother grandfather mother father "
    "women men children girls boys 2girls 2boys 3girls 3boys",
    "subject:bust close:face": "bust selfie mona_lisa head_and_shoulders",
    "subject:astronaut": "astronaut cosmonaut spaceman astronauts spacesuit taikonaut",
    "subject:robot": "robot android droid mech cyborg mecha automaton",
    "subject:dragon": "dragon wyvern drake",
    "subject:rabbit": "rabbit bunny hare",
    "subject:fox": "fox vixen",
    "subject:wolf": "wolf coyote jackal wolves",
    "subject:bear": "bear grizzly teddy teddy_bear bears",
    "subject:bear colour:white": "polar_bear polar_bears",
    "subject:bear colour:brown": "brown_bear",
    "subject:panda": "panda giant_panda pandas",
    "subject:lion": "lion lioness lions",
    "subject:tiger": "tiger tigress leopard cheetah jaguar tigers",
    "subject:pig": "pig piglet hog boar pigs",
    "subject:duck": "duck duckling goose swan mallard ducks rubber_duck",
    "subject:penguin": "penguin penguins",
    "subject:frog": "frog toad tree_frog frogs",
    "subject:turtle": "turtle tortoise sea_turtle turtles",
    "subject:whale": "whale orca dolphin shark whales dolphins",
    "subject:person": "full_body pedestrian hiker surfer skier traveler traveller wanderer walker dancer farmer "
    "fisherman",
    "subject:snowman": "snowman snowmen",
    "subject:cup": "cup cups teacup mug coffee tea cappuccino latte espresso cup_of_tea cup_of_coffee coffee_cup "
    "tea_cup hot_chocolate cup_of_hot_chocolate",
    "subject:bowl": "bowl bowls ramen noodles noodle_soup bowl_of_ramen bowl_of_noodles bowl_of_rice soup "
    "bowl_of_soup",
    "subject:lantern": "lantern lanterns paper_lantern paper_lanterns sky_lantern sky_lanterns",
    "subject:bicycle": "bicycle bicycles bike bikes",
    "subject:umbrella": "umbrella umbrellas parasol",
    "subject:pagoda": "pagoda pagodas temple forbidden_city shrine chinese_palace japanese_temple",
    "subject:pyramid": "pyramid pyramids giza great_pyramid",
    "subject:windmill": "windmill windmills",
    "subject:tower": "eiffel_tower eiffel tour_eiffel",
    "subject:apple": "apple apples fruit",
    "subject:pumpkin": "pumpkin jack_o_lantern halloween pumpkins",
    "subject:cactus": "cactus cacti saguaro",
    "subject:airplane": "airplane aeroplane plane aircraft jet biplane propeller_plane airliner",
    "subject:train": "train locomotive steam_train steam_engine railway tram",
    "subject:elephant": "elephant mammoth",
    "subject:car": "car bus pickup automobile truck van taxi vehicle sports_car racecar race_car sedan suv ferrari "
    "porsche beetle limousine jeep convertible cab",
    "subject:boat": "boat fishing_boat rowboat canoe ship ferry barge vessel gondola kayak steamboat "
    "fishing_boats",
    "subject:sailboat": "sailboat yacht sailing sailing_boat sailing_ship sail sails regatta catamaran "
    "pirate_ship galleon viking_ship viking_longship longship junk_boat schooner",
    "subject:house": "house cottage cabin hut home barn farmhouse lodge mansion chalet villa",
    "subject:castle": "castle fortress palace citadel chateau stronghold hogwarts",
    "subject:lighthouse": "lighthouse beacon",
    "subject:balloon": "balloon hot_air_balloon air_balloon balloons airship zeppelin",
    "subject:flower": "flower rose tulip daisy sunflower lily bouquet orchid lotus poppy peony flowers roses",
    "subject:tree": "tree oak bonsai lone_tree willow sapling",
    "subject:mushroom": "mushroom toadstool mushrooms fungus fungi",
    "subject:rocket": "rocket spaceship spacecraft starship space_shuttle shuttle missile ufo",
    "subject:butterfly": "butterfly moth butterflies",
    # time
    "time:day": "day daytime daylight noon midday afternoon sunny blue_sky broad_daylight sunshine sunlit "
    "summer",
    "time:dawn": "dawn morning sunrise daybreak early_morning first_light",
    "time:sunset": "sunset sundown evening sunsets",
    "time:golden": "golden_hour golden_light warm_light late_afternoon golden_sunlight",
    "time:dusk": "dusk twilight blue_hour nightfall gloaming",
    "time:night": "night nighttime midnight nocturnal moonlit moonlight starlit dark_night night_sky "
    "at_night",
    # weather and what hangs in the sky
    "weather:fog": "fog foggy mist misty haze hazy smoky ethereal_mist misty_morning",
    "weather:rain": "rain rainy raining drizzle downpour monsoon wet rainfall",
    "weather:snow": "snow snowy snowing snowfall blizzard winter wintry frost frosty icy ice frozen "
    "snowstorm christmas",
    "weather:storm": "storm stormy thunderstorm tempest lightning thunder hurricane tornado dramatic_sky "
    "storm_clouds",
    "weather:clouds": "cloud clouds cloudy overcast cloudscape cumulus",
    "weather:clear": "clear cloudless clear_sky clear_skies",
    "sky:aurora time:night": "aurora aurora_borealis northern_lights borealis polar_lights",
    "sky:stars time:night": "star stars starry starry_night starry_sky constellation",
    "sky:milkyway time:night": "milky_way milkyway",
    "sky:moon": "moon full_moon crescent crescent_moon moons",
    "sky:sun": "sun",
    "sky:rainbow": "rainbow_in_the_sky rainbow_over double_rainbow",
    "sky:birds": "birds flock seagulls flock_of_birds geese",
    "sky:fireworks time:night": "fireworks firework",
    "sky:sky": "sky skies heavens",
    # styles
    "style:oil": "oil oil_painting oil_on_canvas impasto impressionist impressionism van_gogh monet "
    "painting painted oil_paint canvas impressionistic expressionist renaissance rembrandt",
    "style:watercolor": "watercolor watercolour water_color watercolors gouache aquarelle "
    "watercolor_painting",
    "style:sketch": "sketch pencil drawing charcoal graphite pencil_drawing line_art lineart etching "
    "engraving doodle pencil_sketch crosshatch crosshatching hand_drawn",
    "style:pixel": "pixel pixels pixelart pixel_art 8bit 8_bit 16bit 16_bit retro_game voxel pixelated",
    "style:flat": "flat poster vector flat_design cartoon comic vector_art flat_poster cel_shaded "
    "minimalist minimal flat_illustration screenprint stencil anime manga ghibli travel_poster",
    "style:mono": "mono monochrome black_and_white grayscale greyscale noir b_w bw black_white ansel_adams",
    "style:neon": "neon synthwave vaporwave glowing outrun retrowave fluorescent",
    "style:pastel": "pastel pastels soft_colors soft_colours chalk kawaii pastel_colors",
    "style:ink": "ink ink_wash sumi sumi_e ink_painting chinese_painting shan_shui calligraphy",
    "style:lowpoly": "lowpoly low_poly polygonal polygon low_polygon",
    "style:vintage": "vintage retro sepia polaroid old_photo antique nostalgic film_grain daguerreotype",
    # colours
    "colour:red": "red crimson scarlet ruby vermilion reddish",
    "colour:orange": "orange amber tangerine ginger copper coppery",
    "colour:yellow": "yellow lemon yellowish",
    "colour:gold": "gold golden gilded",
    "colour:green": "green greenish emerald lime verdant lush mint jade",
    "colour:olive": "olive khaki",
    "colour:teal": "teal turquoise aqua aquamarine",
    "colour:cyan": "cyan azure",
    "colour:blue": "blue bluish sapphire cobalt ultramarine cerulean",
    "colour:navy": "navy indigo midnight_blue dark_blue",
    "colour:purple": "purple plum amethyst",
    "colour:violet": "violet lilac mauve",
    "colour:magenta": "magenta fuchsia hot_pink",
    "colour:pink": "pink rosy rose_colored blush salmon_pink",
    "colour:brown": "brown chestnut chocolate bronze tan",
    "colour:beige": "beige cream ivory blond blonde",
    "colour:white": "white snow_white pearl",
    "colour:grey": "gray grey silver ash",
    "colour:black": "black ebony jet_black onyx",
    "colour:rainbow": "rainbow rainbow_colored rainbow_coloured rainbow_colors",
    "colour:vivid": "multicolored multicoloured colorful colourful iridescent vibrant vivid prismatic",
    # grammar
    "close:face": "face portrait headshot close_up closeup head",
    "ride:on": "riding rides ride rode ridden mounted mounting astride on_the_back_of on_top_of atop",
    "part:clothes feature:dress": "dress skirt gown kimono hanfu qipao robe sundress ball_gown "
    "wedding_dress evening_gown",
    "part:clothes": "shirt coat jacket hat suit scarf sweater clothes clothing cape hoodie "
    "wizard_hat witch_hat santa_hat cowboy_hat top_hat straw_hat uniform blouse armor armour",
    "part:detail": "hair eyes eye skin lips fur wheels window windows door roof feathers wings mane light "
    "lights lighting depth_of_field ice_cream background backdrop hue tones accents nose beard",
}
