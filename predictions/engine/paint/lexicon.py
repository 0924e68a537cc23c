"""The painter's word list: what every understood word means, as data.

Each key is one or more meanings, `kind:value`, parted by blanks; the value lists the words that carry them.
An underscore stands for the blank inside a phrase. Kinds: scene, feature (of a scene), subject, time, weather,
sky (things in the sky), style, colour, close (a face or portrait), ride, part (a noun that takes a colour word
and is not painted by it).
"""

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
    "outdoors orchard rural glade",
    "scene:hills feature:flowers": "wildflower wildflowers flower_field flower_meadow field_of_flowers "
    "tulips tulip_field field_of_tulips",
    "scene:hills feature:flowers feature:lavender": "lavender lavender_field field_of_lavender provence",
    "scene:hills feature:flowers feature:poppies": "poppies poppy_field field_of_poppies",
    "scene:hills feature:flowers feature:sunflowers": "sunflowers sunflower_field field_of_sunflowers",
    "scene:hills feature:wheat": "wheat wheat_field cornfield hay barley harvest golden_field",
    "scene:hills feature:village": "village hamlet town cottages settlement",
    "scene:hills feature:road": "road path highway trail street_road country_road lane route",
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
    "scene:forest feature:birch": "birch birches birch_forest",
    "scene:forest feature:autumn": "autumn_forest fall_forest",
    "scene:forest feature:blossom": "cherry_blossom cherry_blossoms sakura blossoms cherry_trees",
    "scene:city": "city cityscape skyline downtown metropolis tokyo manhattan new_york nyc london paris "
    "shanghai hong_kong chicago dubai skyscraper skyscrapers buildings urban street streets megacity "
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
    "feature:autumn": "autumn autumnal fall_colors fall_colours foliage fall_leaves maple",
    "feature:blossom": "spring springtime",
    "feature:palms": "palm palms palm_tree palm_trees",
    # things
    "subject:cat": "cat kitten kitty feline tabby cats_eye tomcat",
    "subject:dog": "dog puppy hound corgi retriever labrador husky pup poodle shiba terrier",
    "subject:horse": "horse stallion mare pony mustang foal",
    "subject:unicorn": "unicorn",
    "subject:bird": "bird sparrow robin parrot bluebird songbird crow raven eagle hawk seagull gull "
    "pigeon finch",
    "subject:owl": "owl owlet",
    "subject:fish": "fish goldfish koi salmon clownfish trout tuna",
    "subject:bust": "woman man girl boy person people lady gentleman 1girl 1boy human king queen princess "
    "prince wizard witch warrior knight samurai elf child kid bust selfie actor actress soldier "
    "monk scientist doctor guy female male old_man young_woman goddess character mona_lisa geisha viking "
    "pirate sailor bride",
    "subject:astronaut": "astronaut cosmonaut spaceman astronauts spacesuit taikonaut",
    "subject:robot": "robot android droid mech cyborg mecha automaton",
    "subject:dragon": "dragon wyvern drake",
    "subject:rabbit": "rabbit bunny hare",
    "subject:fox": "fox vixen",
    "subject:wolf": "wolf coyote jackal wolves",
    "subject:bear": "bear grizzly teddy teddy_bear polar_bear",
    "subject:panda": "panda giant_panda pandas",
    "subject:lion": "lion lioness lions",
    "subject:tiger": "tiger tigress leopard cheetah jaguar tigers",
    "subject:pig": "pig piglet hog boar pigs",
    "subject:duck": "duck duckling goose swan mallard ducks rubber_duck",
    "subject:penguin": "penguin penguins",
    "subject:frog": "frog toad tree_frog frogs",
    "subject:turtle": "turtle tortoise sea_turtle turtles",
    "subject:whale": "whale orca dolphin shark whales dolphins",
    "subject:person": "full_body pedestrian hiker traveler traveller wanderer walker dancer farmer fisherman",
    "subject:snowman": "snowman snowmen",
    "subject:apple": "apple apples fruit",
    "subject:pumpkin": "pumpkin jack_o_lantern halloween pumpkins",
    "subject:cactus": "cactus cacti saguaro",
    "subject:airplane": "airplane aeroplane plane aircraft jet biplane propeller_plane airliner",
    "subject:train": "train locomotive steam_train steam_engine railway tram",
    "subject:elephant": "elephant mammoth",
    "subject:car": "car automobile truck van taxi vehicle sports_car racecar race_car sedan suv ferrari "
    "porsche beetle limousine jeep convertible cab",
    "subject:boat": "boat fishing_boat rowboat canoe ship ferry barge vessel gondola kayak steamboat "
    "fishing_boats",
    "subject:sailboat": "sailboat yacht sailing sailing_boat sailing_ship sail sails regatta catamaran "
    "pirate_ship galleon",
    "subject:house": "house cottage cabin hut home barn farmhouse lodge mansion chalet villa",
    "subject:castle": "castle fortress palace citadel chateau stronghold hogwarts temple",
    "subject:lighthouse": "lighthouse beacon",
    "subject:balloon": "balloon hot_air_balloon air_balloon balloons airship zeppelin",
    "subject:flower": "flower rose tulip daisy sunflower lily blossom bouquet orchid lotus poppy peony "
    "flowers roses",
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
    "colour:rainbow": "rainbow multicolored multicoloured colorful colourful iridescent vibrant vivid "
    "prismatic",
    # grammar
    "close:face": "face portrait headshot close_up closeup head",
    "ride:on": "riding rides ride rode ridden mounted mounting astride on_the_back_of on_top_of atop",
    "part:clothes": "dress shirt coat jacket hat suit scarf sweater robe clothes clothing cape hoodie "
    "kimono uniform blouse gown armor armour",
    "part:detail": "hair eyes eye skin lips fur wheels window windows door roof feathers wings mane light "
    "lights lighting depth_of_field ice_cream background backdrop hue tones accents nose beard",
}

CHINESE: dict[str, str] = {
    "scene:mountain": "山 高山 山脉 山脈 山峰 山水 山川 阿尔卑斯 喜马拉雅 珠峰 黄山 群山 山岭 山顶 风景 "
    "風景 景色 自然 奇幻 大山 山谷 世界",
    "scene:mountain feature:volcano": "火山 熔岩 岩浆",
    "scene:mountain feature:volcano feature:snowcap": "富士山",
    "scene:mountain feature:snowcap": "雪山 雪峰 冰川",
    "scene:mountain feature:lake": "峡湾 天池 湖光山色",
    "scene:mountain feature:river feature:fall": "瀑布",
    "scene:mountain feature:river": "峡谷 三峡",
    "scene:mountain weather:snow": "南极 北极 冰原 冰山",
    "scene:hills": "丘陵 小山 山坡 草地 草原 田野 原野 牧场 乡村 乡间 田园 农田 花园 公园 农场 野外 户外 "
    "稻田 梯田 平原",
    "scene:hills feature:flowers": "花海 花田",
    "scene:hills feature:flowers feature:lavender": "薰衣草 薰衣草田",
    "scene:hills feature:flowers feature:sunflowers": "油菜花 油菜花田 向日葵田",
    "scene:hills feature:wheat": "麦田 稻浪",
    "scene:hills feature:village": "村庄 村落 小镇 村子 小村",
    "scene:hills feature:road": "公路 小路 道路 马路 乡间小路",
    "scene:sea": "海 大海 海洋 海面 海上 海浪 波浪 海湾 港口 海港 太平洋 大西洋 汪洋",
    "scene:sea feature:beach": "海滩 沙滩 海岸线 海边",
    "scene:sea feature:beach feature:palms": "热带 天堂 夏威夷 马尔代夫 三亚 度假",
    "scene:sea feature:island feature:palms": "岛 海岛 岛屿 小岛 群岛",
    "scene:sea feature:cliff": "悬崖 海岸 峭壁 崖",
    "scene:lake feature:lake": "湖 湖泊 湖面 湖水 池塘 西湖 湖边",
    "scene:lake feature:river": "河 河流 江 小溪 溪流 小河 长江 黄河 江南 运河",
    "scene:desert": "沙漠 沙丘 戈壁 撒哈拉 荒漠 大漠",
    "scene:desert feature:palms feature:lake": "绿洲",
    "scene:desert feature:mars": "火星",
    "scene:desert feature:lunar": "月球",
    "scene:forest": "森林 树林 林 树木 林间 密林 林海",
    "scene:forest feature:conifer": "松林 松树 松树林 杉树 针叶林 云杉",
    "scene:forest feature:leafy": "丛林 雨林 热带雨林",
    "scene:forest feature:birch": "白桦林 白桦 桦树",
    "scene:forest feature:autumn": "枫林 红叶 枫叶",
    "scene:forest feature:blossom": "樱花 樱花林 桃花 桃花源 桃林 樱花树",
    "scene:city": "城市 都市 东京 東京 上海 北京 香港 纽约 重庆 深圳 广州 伦敦 巴黎 高楼 摩天大楼 天际线 "
    "街道 大厦 建筑",
    "scene:city feature:neon": "赛博朋克 霓虹 霓虹灯 未来城市 未来都市",
    "scene:space": "太空 宇宙 外太空 星际 深空",
    "scene:space feature:nebula": "星云",
    "scene:space feature:galaxy": "银河系 星系 仙女座",
    "scene:space feature:planet": "行星 土星 木星 星球",
    "scene:underwater": "海底 水下 珊瑚 珊瑚礁 深海",
    "scene:abstract": "抽象 图案 花纹 大理石 纹理 壁纸 流体",
    "scene:studio": "影棚 摄影棚 纯色背景 白色背景",
    "feature:autumn": "秋 秋天 秋季 秋日 秋色 落叶",
    "feature:blossom": "春 春天 春季 春日",
    "feature:palms": "棕榈 椰子树 椰树 棕榈树",
    "subject:cat": "猫 貓 小猫 猫咪 貓咪 橘猫 喵",
    "subject:dog": "狗 小狗 犬 柯基 哈士奇 狗狗",
    "subject:horse": "马 馬 骏马 小马 白马 黑马",
    "subject:unicorn": "独角兽 獨角獸",
    "subject:bird": "鸟 鳥 小鸟 麻雀 鹦鹉 老鹰 鹰 海鸥 乌鸦 喜鹊",
    "subject:owl": "猫头鹰 貓頭鷹",
    "subject:fish": "鱼 魚 金鱼 锦鲤 鲤鱼",
    "subject:whale": "鲸鱼 海豚 鲨鱼 鲸",
    "subject:bust": "女人 男人 女孩 男孩 人 少女 少年 女子 男子 美女 人物 姑娘 老人 孩子 公主 王子 国王 "
    "女王 武士 骑士 巫师 小女孩 仙女",
    "subject:astronaut": "宇航员 太空人 航天员 宇航員",
    "subject:robot": "机器人 機器人 机甲",
    "subject:dragon": "龙 龍 巨龙 飞龙 神龙",
    "subject:rabbit": "兔 兔子 小兔 白兔 小白兔",
    "subject:fox": "狐狸 狐",
    "subject:wolf": "狼 灰狼",
    "subject:bear": "熊 小熊 北极熊 泰迪熊",
    "subject:panda": "熊猫 大熊猫 熊貓",
    "subject:lion": "狮子 獅子 雄狮",
    "subject:tiger": "老虎 虎 豹子 猎豹",
    "subject:pig": "猪 豬 小猪",
    "subject:duck": "鸭子 鸭 小鸭 鹅 天鹅 小黄鸭",
    "subject:penguin": "企鹅 企鵝",
    "subject:frog": "青蛙 蛙 蟾蜍",
    "subject:turtle": "乌龟 海龟 烏龜 龟",
    "subject:person": "行人 旅人 路人 农夫 渔夫 舞者",
    "subject:snowman": "雪人",
    "subject:apple": "苹果 蘋果",
    "subject:pumpkin": "南瓜 南瓜灯 万圣节",
    "subject:cactus": "仙人掌",
    "subject:airplane": "飞机 飛機 客机",
    "subject:train": "火车 火車 蒸汽火车 列车",
    "subject:elephant": "大象 象 小象",
    "subject:car": "汽车 汽車 车 車 轿车 跑车 小汽车 卡车 出租车 赛车",
    "subject:boat": "船 小船 渔船 漁船 木船 轮船 舟 扁舟",
    "subject:sailboat": "帆船 游艇",
    "subject:house": "房子 屋 小屋 木屋 房屋 茅屋 别墅",
    "subject:castle": "城堡 宫殿 要塞 宫 寺庙",
    "subject:lighthouse": "灯塔 燈塔",
    "subject:balloon": "气球 热气球 熱氣球 飞艇",
    "subject:flower": "花 花朵 玫瑰 郁金香 向日葵 菊花 荷花 莲花 牡丹 百合 兰花",
    "subject:tree": "树 樹 大树 一棵树 柳树 盆景",
    "subject:mushroom": "蘑菇",
    "subject:rocket": "火箭 飞船 宇宙飞船 太空船 航天飞机",
    "subject:butterfly": "蝴蝶 蝶",
    "time:day": "白天 中午 正午 下午 晴天 阳光 日间 夏天 夏日 阳光明媚",
    "time:dawn": "黎明 清晨 早晨 早上 日出 拂晓 朝霞 晨曦 朝阳 晨光",
    "time:sunset": "日落 夕阳 傍晚 落日 晚霞 黄昏 夕陽 黃昏 斜阳",
    "time:golden": "金色时光 黄金时刻",
    "time:dusk": "暮色 蓝调时刻 暮光",
    "time:night": "夜 夜晚 晚上 夜里 深夜 午夜 月夜 月光 夜景 夜间 月光下 夜色",
    "weather:fog": "雾 霧 薄雾 大雾 雾气 迷雾 云雾 晨雾 烟雨",
    "weather:rain": "雨 下雨 雨天 大雨 细雨 小雨 雨中",
    "weather:snow": "雪 下雪 雪景 雪地 冬天 冬季 冬日 冰 冰雪 大雪 飘雪",
    "weather:storm": "暴风雨 风暴 雷雨 闪电 暴雨 雷电 狂风",
    "weather:clouds": "云 雲 云朵 多云 阴天 乌云 白云 云海 云彩",
    "weather:clear": "晴 晴朗 晴空 万里无云",
    "sky:aurora time:night": "极光 極光 北极光",
    "sky:stars time:night": "星星 星空 繁星 群星 星辰 星夜",
    "sky:milkyway time:night": "银河",
    "sky:moon": "月亮 月 满月 明月 圆月 弯月 新月",
    "sky:sun": "太阳 太陽",
    "sky:rainbow": "彩虹",
    "sky:birds": "飞鸟 鸟群 群鸟 大雁",
    "sky:sky": "天空",
    "style:oil": "油画 油畫 印象派 梵高 莫奈 绘画",
    "style:watercolor": "水彩 水彩画 水粉",
    "style:sketch": "素描 铅笔 铅笔画 速写 线稿 手绘 炭笔",
    "style:pixel": "像素 像素画 像素风",
    "style:flat": "扁平 海报 矢量 卡通 漫画 插画 动漫 极简 扁平化",
    "style:mono": "黑白 单色",
    "style:neon": "荧光 蒸汽波",
    "style:pastel": "粉彩 柔和",
    "style:ink": "水墨 水墨画 国画 水墨山水 中国画",
    "scene:mountain feature:lake style:ink": "山水画 水墨山水画",
    "style:lowpoly": "低多边形",
    "style:vintage": "复古 怀旧 老照片",
    "colour:red": "红 红色 紅 紅色 赤 朱红 大红",
    "colour:orange": "橙 橙色 橘色 橘黄 橘",
    "colour:yellow": "黄 黄色 黃 黃色",
    "colour:gold": "金 金色 金黄",
    "colour:green": "绿 绿色 綠 綠色 翠绿 青翠 碧绿",
    "colour:teal": "青色 青绿 墨绿 青",
    "colour:cyan": "天蓝 蔚蓝 湛蓝",
    "colour:blue": "蓝 蓝色 藍 藍色",
    "colour:navy": "深蓝 藏青 靛蓝",
    "colour:purple": "紫 紫色",
    "colour:pink": "粉 粉色 粉红 粉红色",
    "colour:brown": "棕 棕色 褐色 咖啡色",
    "colour:white": "白 白色",
    "colour:grey": "灰 灰色 银色",
    "colour:black": "黑 黑色",
    "colour:rainbow": "彩色 五彩 七彩 五彩缤纷 彩虹色",
    "close:face": "脸 肖像 头像 特写 面孔 脸部",
    "ride:on": "骑 骑着 骑在 騎",
    "part:clothes": "裙子 衣服 帽子 外套 衬衫 旗袍 汉服 盔甲",
    "part:detail": "头发 眼睛 嘴唇 皮肤 毛 轮子 窗户 背景 灯光 羽毛 翅膀",
}

# Words that carry no picture and are never called unknown.
STOPWORDS = frozenset(
    """a an the of on in at over under with without and or by to for from into near behind beside beneath above below
    between through across around its it is are was be being as that this these those there his her their my our your
    one two three some many few very so up down out off against along inside outside while where which who has have
    i s t""".split()  # noqa: SIM905
)
LINKS = frozenset({"is", "are", "in", "painted", "was"})  # "a car in red": a colour after these looks back
CHINESE_STOP = (
    "的了在一只个座条片朵匹辆艘棵群上下里中和与是着有两几位名幅张间栋架头轮地得之边旁前后外内一些这那"
)

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.84, 0.10, 0.11),
    "orange": (0.94, 0.47, 0.08),
    "yellow": (0.96, 0.83, 0.15),
    "gold": (0.85, 0.63, 0.14),
    "green": (0.16, 0.60, 0.20),
    "olive": (0.45, 0.46, 0.18),
    "teal": (0.08, 0.55, 0.54),
    "cyan": (0.12, 0.70, 0.88),
    "blue": (0.12, 0.28, 0.84),
    "navy": (0.10, 0.14, 0.45),
    "purple": (0.48, 0.16, 0.66),
    "violet": (0.60, 0.44, 0.86),
    "magenta": (0.86, 0.14, 0.62),
    "pink": (0.96, 0.52, 0.68),
    "brown": (0.45, 0.27, 0.14),
    "beige": (0.87, 0.79, 0.64),
    "white": (0.95, 0.95, 0.94),
    "grey": (0.52, 0.53, 0.55),
    "black": (0.07, 0.07, 0.08),
}
"""sRGB 0..1 of every plain colour word; `rainbow` means many hues at once."""
