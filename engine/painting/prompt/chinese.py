"""The painter's Chinese word list, as data; `lexicon` describes the format.

Words are in simplified characters; `SIMPLIFIED` maps traditional ones to them, character by character.
"""

from __future__ import annotations

CHINESE: dict[str, str] = {
    "scene:mountain": "山林 山间 山景 泰山 华山 深山 山峦 远山 青山 层峦叠嶂 风光 美景 仙境 山 高山 山脉 山峰 "
    "山水 山川 阿尔卑斯 喜马拉雅 珠峰 黄山 群山 山岭 山顶 风景 景色 自然 奇幻 大山 山谷 世界",
    "scene:mountain feature:volcano": "火山 熔岩 岩浆",
    "scene:mountain feature:volcano feature:snowcap": "富士山",
    "scene:mountain feature:snowcap": "雪山上 珠穆朗玛峰 玉龙雪山 冰峰 雪山 雪峰 冰川",
    "scene:mountain feature:lake": "桂林 桂林山水 漓江 高山湖泊 山中湖 峡湾 天池 湖光山色",
    "scene:mountain feature:river feature:fall": "瀑布",
    "scene:mountain feature:river": "峡谷 三峡",
    "scene:mountain weather:snow": "南极 北极 冰原 冰山",
    "scene:hills feature:wall": "长城 万里长城 八达岭",
    "scene:hills": "草坪 菜园 果园 庭院 院子 郊外 大草原 田间 山丘 葡萄园 茶园 绿地 丘陵 小山 山坡 草地 草原 "
    "田野 原野 牧场 乡村 乡间 田园 农田 花园 公园 农场 野外 户外 稻田 梯田 平原",
    "scene:hills feature:flowers": "花丛 郁金香田 野花 百花 花海 花田",
    "scene:hills feature:flowers feature:lavender": "薰衣草 薰衣草田",
    "scene:hills feature:flowers feature:sunflowers": "油菜花 油菜花田 向日葵田",
    "scene:hills feature:wheat": "稻田里 麦浪 金色麦田 麦田 稻浪",
    "scene:hills feature:village": "乡镇 山村 古镇 村 小城 小村庄 村庄 村落 小镇 村子 小村",
    "scene:hills feature:road": "公路 道路 马路",
    "scene:hills feature:road feature:trail": "小路 乡间小路 小径 土路 山路",
    "scene:sea": "浪花 海景 海洋中 蓝海 海水 海港边 大海边 海天 渔港 海 大海 海洋 海面 海上 海浪 波浪 海湾 港口 "
    "海港 太平洋 大西洋 汪洋",
    "scene:sea feature:beach": "海岸边 沙滩上 海滨 海滩 沙滩 海岸线 海边",
    "scene:sea feature:beach feature:palms": "热带 天堂 夏威夷 马尔代夫 三亚 度假",
    "scene:sea feature:island feature:palms": "岛 海岛 岛屿 小岛 群岛",
    "scene:sea feature:cliff": "悬崖 海岸 峭壁 崖",
    "scene:lake feature:river feature:village": "周庄 乌镇 水乡古镇 苏州 威尼斯 水乡 江南水乡",
    "scene:lake feature:lake": "荷塘 莲池 湖畔 水塘 池塘边 湖中 湖上 洞庭湖 湖光 池 湖 湖泊 湖面 湖水 池塘 西湖 "
    "湖边",
    "scene:lake feature:river": "河边 河畔 江边 江面 小桥流水 溪 溪边 河水 江水 河 河流 江 小溪 溪流 小河 长江 "
    "黄河 江南 运河",
    "scene:desert": "沙漠中 沙海 敦煌 大沙漠 沙漠 沙丘 戈壁 撒哈拉 荒漠 大漠",
    "scene:desert feature:palms feature:lake": "绿洲",
    "scene:desert feature:mars": "火星",
    "scene:desert feature:lunar": "月球",
    "scene:forest": "森林里 树林里 魔法森林 林中 树丛 古树林 林荫 森林 树林 林 树木 林间 密林 林海",
    "scene:forest feature:conifer": "松林 松树 松树林 杉树 针叶林 云杉",
    "scene:forest feature:leafy": "丛林 雨林 热带雨林",
    "scene:forest feature:bamboo": "竹林 竹子 竹 翠竹 竹海 竹叶",
    "scene:forest feature:birch": "白桦林 白桦 桦树",
    "scene:forest feature:autumn": "枫树 枫树林 银杏 银杏树 银杏林 红枫 秋林 枫林 红叶 枫叶",
    "scene:forest feature:blossom": "樱花树下 梅花 梅树 桃树 桃花树 樱树 樱花林里 杏花 梨花 花树 梅林 樱花 "
    "樱花林 桃花 桃花源 桃林 樱花树",
    "scene:city": "都市夜景 城 大城市 街头 夜市 台北 东京街头 高楼大厦 楼房 街景 市中心 胡同 小巷 摩天楼 "
    "城市夜景 繁华都市 武汉 成都 街上 都会 城市 都市 东京 上海 北京 香港 纽约 重庆 深圳 广州 伦敦 巴黎 高楼 "
    "摩天大楼 天际线 街道 大厦 建筑",
    "scene:city feature:neon": "霓虹城市 赛博 赛博朋克城市 赛博朋克风 霓虹街道 赛博朋克 霓虹 霓虹灯 未来城市 "
    "未来都市",
    "scene:space": "太空中 宇宙中 星海 外星 太空 宇宙 外太空 星际 深空",
    "scene:space feature:nebula": "星云",
    "scene:space feature:galaxy": "银河系 星系 仙女座",
    "scene:space feature:planet": "地球 月球表面上的地球 行星 土星 木星 星球",
    "scene:underwater": "海底 水下 珊瑚 珊瑚礁 深海",
    "scene:abstract": "抽象 图案 花纹 大理石 纹理 壁纸 流体",
    "scene:studio": "静物 桌上 桌子上 桌面 餐桌 餐桌上 影棚 摄影棚 纯色背景 白色背景",
    "feature:autumn": "深秋 金秋 秋叶 落叶纷飞 秋 秋天 秋季 秋日 秋色 落叶",
    "feature:blossom": "春暖花开 初春 盛开 花开 春 春天 春季 春日",
    "feature:palms": "棕榈 椰子树 椰树 棕榈树",
    "feature:window": "窗边 窗台 窗台上 窗前 窗下 窗口 室内 屋里 房间 房间里",
    "subject:cat": "猫儿 布偶猫 波斯猫 花猫 小花猫 猫 小猫 猫咪 喵",
    "subject:cat colour:orange": "橘猫 小橘猫 橙猫",
    "subject:cat colour:black": "黑猫 小黑猫",
    "subject:cat colour:white": "白猫 小白猫",
    "subject:dog": "金毛 柴犬 小犬 金毛犬 泰迪 狗子 拉布拉多 小柯基 狗 小狗 犬 柯基 哈士奇 狗狗",
    "subject:dog colour:white": "白狗 小白狗 萨摩耶",
    "subject:dog colour:black": "黑狗 小黑狗",
    "subject:horse": "马儿 奔马 战马 野马 马匹 马 骏马 小马",
    "subject:horse colour:white": "白马",
    "subject:horse colour:black": "黑马",
    "subject:unicorn": "独角兽",
    "subject:deer": "鹿 小鹿 梅花鹿 驯鹿 麋鹿",
    "subject:camel": "骆驼 驼队 双峰驼",
    "subject:bird": "小麻雀 燕子 鸽子 翠鸟 黄鹂 画眉 鸟儿 知更鸟 鹤 仙鹤 白鹤 孔雀 鸟 小鸟 麻雀 鹦鹉 老鹰 鹰 "
    "海鸥 乌鸦 喜鹊",
    "subject:bird colour:white": "白鸽",
    "subject:owl": "猫头鹰",
    "subject:fish": "鲤 鱼儿 小鱼 小丑鱼 热带鱼 红鲤 鱼 金鱼 锦鲤 鲤鱼",
    "subject:whale": "鲸鱼 海豚 鲨鱼 鲸",
    "subject:bust": "女生 男生 小伙子 老人家 老爷爷 老奶奶 古装美女 仙子 侠客 剑客 将军 皇帝 皇后 医生 老师 "
    "学生 小姑娘 妈妈 爸爸 母亲 父亲 婴儿 情侣 新娘 僧人 道士 美人 小孩 女人 男人 女孩 男孩 人 少女 少年 女子 "
    "男子 美女 人物 姑娘 老人 孩子 公主 王子 国王 女王 武士 骑士 巫师 小女孩 小男孩 仙女 人们 孩子们",
    "subject:bust close:face": "半身像 胸像 自拍",
    "subject:astronaut": "宇航员 太空人 航天员",
    "subject:robot": "机器人 机甲",
    "subject:dragon": "中国龙 金龙 青龙 飞龙在天 龙 巨龙 飞龙 神龙",
    "subject:rabbit": "兔 兔子 小兔 小兔子 野兔",
    "subject:rabbit colour:white": "白兔 小白兔 玉兔 月兔",
    "subject:fox": "小狐狸 赤狐 九尾狐 狐狸 狐",
    "subject:fox colour:white": "白狐 九尾白狐",
    "subject:wolf": "狼群 野狼 孤狼 狼 灰狼",
    "subject:bear": "棕熊 黑熊 狗熊 小熊玩偶 熊 小熊 泰迪熊",
    "subject:bear colour:white": "北极熊 白熊",
    "subject:panda": "国宝熊猫 小熊猫 胖达 熊猫 大熊猫",
    "subject:lion": "狮子 雄狮",
    "subject:tiger": "小老虎 东北虎 猛虎 老虎 虎 豹子 猎豹",
    "subject:pig": "小猪猪 野猪 小香猪 猪 小猪",
    "subject:duck": "鸭子 鸭 小鸭 鹅 天鹅 小黄鸭",
    "subject:penguin": "企鹅",
    "subject:frog": "青蛙 蛙 蟾蜍",
    "subject:turtle": "乌龟 海龟 龟",
    "subject:person": "登山者 行者 牧羊人 农民 渔翁 游客 冲浪者 背包客 行人 旅人 路人 农夫 渔夫 舞者",
    "subject:snowman": "雪人",
    "subject:apple": "苹果",
    "subject:pumpkin": "南瓜 南瓜灯 万圣节",
    "subject:cactus": "仙人掌",
    "subject:airplane": "飞机 客机",
    "subject:train": "火车 蒸汽火车 列车",
    "subject:elephant": "亚洲象 非洲象 大象 象 小象",
    "subject:car": "小轿车 老爷车 越野车 甲壳虫汽车 车子 的士 吉普车 巴士 公交车 敞篷车 汽车 车 轿车 跑车 "
    "小汽车 卡车 出租车 赛车",
    "subject:bicycle": "自行车 单车 脚踏车",
    "subject:boat": "乌篷船 龙舟 竹筏 小舟 一叶扁舟 孤舟 小木船 独木舟 船只 船 小船 渔船 木船 轮船 舟 扁舟",
    "subject:sailboat": "帆船 游艇",
    "subject:umbrella": "伞 雨伞 油纸伞 纸伞 阳伞",
    "subject:house": "小房子 农舍 民居 小木屋 四合院 木房子 老屋 房子 屋 小屋 木屋 房屋 茅屋 别墅",
    "subject:castle": "城堡 要塞 古堡",
    "subject:pagoda": "宝塔 塔 古塔 寺 寺庙 佛塔 故宫 宫殿 宫 天坛 古寺 庙 亭子 亭 楼阁 阁楼 雷峰塔 黄鹤楼 "
    "紫禁城 古建筑 神社",
    "subject:pyramid": "金字塔",
    "subject:windmill": "风车",
    "subject:tower": "埃菲尔铁塔 铁塔 巴黎铁塔",
    "subject:lighthouse": "灯塔",
    "subject:balloon": "气球 热气球 飞艇",
    "subject:cup": "茶杯 杯子 茶 咖啡 咖啡杯 水杯 马克杯 奶茶 红茶 绿茶 热茶 下午茶 热咖啡 杯茶 杯咖啡",
    "subject:bowl": "碗 拉面 面条 牛肉面 米饭 汤",
    "subject:lantern": "灯笼 孔明灯 纸灯笼 花灯 天灯 宫灯",
    "subject:lantern colour:red": "红灯笼 大红灯笼",
    "subject:flower": "玫瑰花 鲜花 花束 荷叶 康乃馨 水仙 睡莲 牡丹花 雏菊 小花 菊 莲 荷 花 花朵 玫瑰 郁金香 "
    "向日葵 菊花 荷花 莲花 牡丹 百合 兰花",
    "subject:flower colour:red": "红玫瑰 红花",
    "subject:flower colour:white": "白玫瑰 白莲",
    "subject:flower colour:blue": "蓝玫瑰",
    "subject:tree": "老树 古树 孤树 榕树 橡树 杨柳 柳 苹果树 垂柳 树 大树 一棵树 柳树 盆景",
    "subject:mushroom": "香菇 毒蘑菇 小蘑菇 菌菇 蘑菇",
    "subject:rocket": "火箭 飞船 宇宙飞船 太空船 航天飞机",
    "subject:butterfly": "蝴蝶 蝶",
    "time:day": "晴空下 艳阳 烈日 盛夏 大晴天 阳光下 夏季 午后 蓝天 白天 中午 正午 下午 晴天 阳光 日间 夏天 "
    "夏日 阳光明媚",
    "time:dawn": "晨 清晨时分 破晓 旭日 日出时分 凌晨 黎明 清晨 早晨 早上 日出 拂晓 朝霞 晨曦 朝阳 晨光",
    "time:sunset": "日落时分 夕阳下 余晖 夕阳西下 落霞 残阳 日落 夕阳 傍晚 落日 晚霞 黄昏 斜阳",
    "time:golden": "金色时光 黄金时刻",
    "time:dusk": "黄昏后 入夜 夜幕 夜幕降临 华灯初上 暮色 蓝调时刻 暮光",
    "time:night": "夜空 月下 月色下 午夜时分 子夜 黑夜 夜里的 月光如水 星夜下 夜 夜晚 晚上 夜里 深夜 午夜 月夜 "
    "月光 夜景 夜间 月光下 夜色",
    "weather:fog": "雾蒙蒙 云雾缭绕 烟雾 雾霭 雾中 云烟 薄雾弥漫 烟雨江南 雾 薄雾 大雾 雾气 迷雾 云雾 晨雾 烟雨",
    "weather:rain": "下雨天 雨夜 春雨 秋雨 雨季 梅雨 大雨中 毛毛雨 雨水 雨 下雨 雨天 大雨 细雨 小雨 雨中",
    "weather:snow": "残雪 积雪 白雪 白雪皑皑 雪花 初雪 雪后 大雪纷飞 冬 冰天雪地 鹅毛大雪 下雪天 雪夜 雪 下雪 "
    "雪景 雪地 冬天 冬季 冬日 冰 冰雪 大雪 飘雪",
    "weather:storm": "台风 雷电交加 暴风 电闪雷鸣 狂风暴雨 龙卷风 暴风雨 风暴 雷雨 闪电 暴雨 雷电 狂风",
    "weather:clouds": "云层 浮云 云端 蓝天白云 阴云 彩云 祥云 云 云朵 多云 阴天 乌云 白云 云海 云彩",
    "weather:clear": "晴 晴朗 晴空 万里无云",
    "sky:aurora time:night": "极光 北极光",
    "sky:stars time:night": "星空下 满天繁星 漫天星辰 繁星点点 星星 星空 繁星 群星 星辰 星夜",
    "sky:milkyway time:night": "银河",
    "sky:moon": "月亮 月 满月 明月 圆月 弯月 新月",
    "sky:moon time:night": "月色 月夜里 皓月",
    "sky:sun": "太阳",
    "sky:rainbow": "彩虹",
    "sky:birds": "飞鸟 鸟群 群鸟 大雁",
    "sky:fireworks time:night": "烟花 焰火 烟火 礼花 放烟花",
    "sky:sky": "天际 蓝天下 天空",
    "style:oil": "油画风格 油画风 油画质感 印象主义 油画 印象派 梵高 莫奈 绘画",
    "style:watercolor": "水彩风格 水彩风 水彩插画 水彩 水彩画 水粉",
    "style:sketch": "素描画 铅笔素描 线描 简笔画 手绘风格 版画 素描 铅笔 铅笔画 速写 线稿 手绘 炭笔",
    "style:pixel": "像素艺术 像素风格 八位 像素 像素画 像素风",
    "style:flat": "扁平风格 插画风格 卡通风格 动漫风格 日系 吉卜力 宫崎骏 新海诚 二次元 平面设计 卡通画 扁平 "
    "海报 矢量 卡通 漫画 插画 动漫 极简 扁平化",
    "style:mono": "黑白照片 黑白摄影 黑白照 黑白 单色",
    "style:neon": "霓虹风格 蒸汽波风格 荧光 蒸汽波",
    "style:pastel": "马卡龙 柔和色调 粉嫩 粉彩 柔和",
    "style:ink": "水墨风 水墨风格 国风 水墨丹青 中国风 工笔画 写意 水墨 水墨画 国画 中国画",
    "scene:mountain feature:lake style:ink": "山水画 水墨山水画 水墨山水",
    "style:lowpoly": "低面数 低多边形风格 低多边形",
    "style:vintage": "复古风 怀旧风格 胶片 胶片感 复古 怀旧 老照片",
    "colour:red": "鲜红 火红 赤红 朱红色 大红色 深红 深红色 暗红 血红 赤色 红 红色 赤 朱红 大红",
    "colour:orange": "橘红 橘红色 橘黄色 橙黄 橙红 橙黄色 橙 橙色 橘色 橘黄 橘",
    "colour:yellow": "黄澄澄 鹅黄 明黄 浅黄 淡黄 嫩黄 柠檬黄 黄 黄色",
    "colour:gold": "金黄色 金灿灿 金 金色 金黄",
    "colour:green": "碧绿色 翠绿色 嫩绿 草绿 浅绿 深绿 绿油油 浅绿色 深绿色 翡翠 绿 绿色 翠绿 青翠 碧绿",
    "colour:teal": "青绿色 墨绿色 青蓝 青色 青绿 墨绿 青",
    "colour:cyan": "天蓝色 浅蓝 浅蓝色 淡蓝 湖蓝 蔚蓝色 天蓝 蔚蓝 湛蓝",
    "colour:blue": "湛蓝色 宝蓝 宝蓝色 海蓝 蓝 蓝色",
    "colour:navy": "深蓝色 藏蓝 藏青色 深蓝 藏青 靛蓝",
    "colour:purple": "紫红 深紫 紫红色 淡紫 紫 紫色",
    "colour:pink": "粉红的 桃红 浅粉 粉嫩色 玫红 樱花粉 粉 粉色 粉红 粉红色",
    "colour:brown": "棕褐色 深棕 咖色 褐 棕 棕色 褐色 咖啡色",
    "colour:white": "雪白 洁白 纯白 乳白 纯白色 乳白色 银白 银白色 白白的 白 白色",
    "colour:grey": "银灰 深灰 浅灰 灰白 银 灰 灰色 银色",
    "colour:black": "乌黑 漆黑 黝黑 墨黑 纯黑 黑漆漆 黑 黑色",
    "colour:rainbow": "彩虹色 七彩",
    "colour:vivid": "缤纷 多彩 绚丽 斑斓 五颜六色 色彩斑斓 彩色 五彩 五彩缤纷",
    "close:face": "肖像画 人像 大头照 头部特写 半身照 面部特写 脸 肖像 头像 特写 面孔 脸部",
    "ride:on": "骑上 骑坐 骑 骑着 骑在",
    "part:clothes feature:dress": "裙子 旗袍 汉服 连衣裙 和服 长裙 长袍 古装 裙",
    "part:clothes": "毛衣 大衣 围巾 帽 西装 斗篷 衣裳 盔 唐装 校服 衣服 帽子 外套 衬衫 盔甲",
    "part:clothes colour:red": "红衣",
    "part:clothes feature:dress colour:red": "红裙 红裙子",
    "part:clothes colour:white": "白衣",
    "part:clothes feature:dress colour:white": "白裙 白裙子 婚纱",
    "part:detail": "长发 眼 眼眸 双眼 嘴 胡子 尾巴 耳朵 屋顶 车窗 车轮 门 鬃毛 灯 光影 光线 毛发 瞳孔 色调 头发 "
    "眼睛 嘴唇 皮肤 毛 轮子 窗户 背景 灯光 羽毛 翅膀",
}

CHINESE_IDLE = (
    "想象 现象 气象 景象 形象 对象 印象 大家 画家 艺术家 作家 专家 恐龙 人工智能 火花 棉花 马上 正面 侧面 画面 表面 "
    "河马 国家 电池 明星 龙虾 海鲜 海拔 山羊 绵羊 海豹 海狮 海马 海星 水牛 火鸡 鸟巢 鸟窝 车站 火车站 花生 花样 月饼 "
    "春节 春联 秋千 冬瓜 雨衣 云南 黑板 白酒 金属 金融 银行 红酒 红绿灯 青年 青铜 青春 黄瓜 绿豆 粉丝 灰尘 橙子 橘子 "
    "树懒 鱼缸 茶几 树莓 草莓 蓝莓 苹果树 马戏团 马车 人才 风云 城管 汤圆 星座 日本"
)
"""Words that contain the character of another meaning and are matched whole: 想象 names no elephant."""

_TRADITIONAL = (
    "万萬丛叢东東两兩个個丽麗乌烏乡鄉云雲亚亞伞傘们們伦倫体體侠俠兰蘭兽獸写寫农農冲沖冰氷动動华華单單厦廈叶葉后後园園图圖圆圓国國场場坛壇头頭妈媽学學宝寶宫宮将將层層尘塵屿嶼岛島岭嶺峡峽师師"
    "带帶怀懷悬懸战戰户戶报報摄攝数數无無旧舊时時晓曉晖暉术術机機条條来來杨楊松鬆极極枫楓柠檸树樹样樣桥橋桦樺楼樓榈櫚樱櫻残殘气氣汉漢汤湯洁潔浅淺浆漿渔漁湾灣满滿滩灘灯燈点點烟煙热熱爷爺独獨"
    "狮獅猎獵猪豬猫貓玛瑪现現画畫皑皚着著礼禮积積笔筆筑築简簡红紅约約纯純纱紗纷紛纸紙纹紋线線细細绘繪绵綿绿綠缤繽联聯肤膚脉脈脚腳脸臉艳艷节節苏蘇苹蘋荧熒莲蓮蓝藍虫蟲虾蝦衬襯装裝计計设設诚誠"
    "调調谷穀质質赛賽车車轮輪辆輛边邊达達运運远遠连連郁鬱里裡铁鐵铅鉛铜銅银銀锦錦镇鎮长長门門闪閃间間阁閣队隊阳陽阴陰际際雏雛雾霧静靜面麵顶頂颜顏风風飘飄飞飛饭飯饼餅马馬驯馴驼駝骆駱骏駿骑騎"
    "鱼魚鲜鮮鲤鯉鲨鯊鲸鯨鸟鳥鸡雞鸣鳴鸥鷗鸦鴉鸭鴨鸽鴿鹅鵝鹉鵡鹊鵲鹤鶴鹦鸚鹰鷹鹂鸝麦麥黄黃龙龍龟龜几幾双雙对對军軍剑劍医醫发發台臺员員团團围圍圣聖复復婴嬰尔爾属屬峦巒广廣庄莊庆慶庙廟开開张張"
    "弥彌弯彎径徑斗鬥栋棟绕繞绚絢缭繚纽紐艺藝萨薩笼籠胡衚胶膠灿燦斓斕会會侣侶伙夥儿兒叠疊内內别別壳殼滨濱荫蔭里裏台檯岩巖峰峯群羣线綫窗窓只隻"
)
"""Characters in pairs: the simplified one, then its traditional form."""

SIMPLIFIED = {ord(old): new for new, old in zip(_TRADITIONAL[::2], _TRADITIONAL[1::2], strict=True)}
"""For `str.translate`: from each traditional character of the word list to the simplified one."""
