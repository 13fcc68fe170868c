"""Words that are written, drawn or ordered in a way of their own in the names of icons."""

from __future__ import annotations

import re


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


UPPER = words(
    """
    2d 3d 4d 2g 3g 4g 5g 6g 2k 4k 8k ac ai api ar atm avi avc bbq bim bmp cad cbd ccd cctv cd cdn cia cms cmd
    cpu css csv dc ddos dj dna dns dos dvd dvr eps ev exe faq fbi fps ftp gif gps gpu gpt gsm hd hdd hdmi hdr
    hevc hls hsl hr html http https hvac ibm id ide imap io iot ip ipv4 ipv6 iso iv jpg jpeg js json jsx lan lcd
    led lgbt lgbtq lpg lte mfa mms mov mp mp3 mp4 mpeg mri msi nasa nato nas nba nfc nft nhl nhs ocr ok os
    otf pc pcb pci pdf php pgp png ppt pptx psd pvc qa qr rb rdp rfid rgb rpg rss rtf sass
    scsi scss sd sdk seo sim sla sms sos spa sql ssd ssh ssid sso ssl svg tls tnt tsx tsv ttf tv txt ufo ui uk
    un url us usa usb utc ux uv vhs vip vlan vm vms vpc vpn vps vr wan wav wc webgl wma wmv woff www xls xlsx
    xml xps yaml yml zip cc hq dpi av ct eeg ecg icu xl xxl xs pos epub
    """
)
"""Words that are written in capitals."""

PROPER = {
    "wifi": "Wi-Fi", "wi-fi": "Wi-Fi", "bluetooth": "Bluetooth", "iphone": "iPhone", "ipad": "iPad", "ipod": "iPod",
    "android": "Android", "google": "Google", "github": "GitHub", "gitlab": "GitLab", "facebook": "Facebook",
    "instagram": "Instagram", "youtube": "YouTube", "linkedin": "LinkedIn", "whatsapp": "WhatsApp",
    "tiktok": "TikTok", "microsoft": "Microsoft", "xbox": "Xbox", "playstation": "PlayStation",
    "javascript": "JavaScript", "linux": "Linux", "typescript": "TypeScript", "bitcoin": "Bitcoin",
    "ethereum": "Ethereum", "paypal": "PayPal", "airbnb": "Airbnb", "european": "European", "japanese": "Japanese",
    "chinese": "Chinese", "french": "French", "italian": "Italian", "indian": "Indian", "english": "English",
    "german": "German", "russian": "Russian", "celtic": "Celtic", "egyptian": "Egyptian", "roman": "Roman",
    "greek": "Greek", "christmas": "Christmas", "easter": "Easter", "halloween": "Halloween", "monday": "Monday",
    "tuesday": "Tuesday", "wednesday": "Wednesday", "friday": "Friday", "thursday": "Thursday",
    "saturday": "Saturday", "sunday": "Sunday", "africa": "Africa", "america": "America", "asia": "Asia",
    "europe": "Europe", "australia": "Australia", "mars": "Mars",
    "jupiter": "Jupiter", "saturn": "Saturn", "venus": "Venus", "aries": "Aries",
    "taurus": "Taurus", "gemini": "Gemini", "leo": "Leo", "virgo": "Virgo", "libra": "Libra", "scorpio": "Scorpio",
    "sagittarius": "Sagittarius", "capricorn": "Capricorn", "aquarius": "Aquarius", "kubernetes": "Kubernetes",
    "watson": "Watson", "docker": "Docker", "slack": "Slack", "skype": "Skype", "usd": "US dollar", "eur": "euro",
    "gbp": "pound sterling", "jpy": "yen", "cny": "yuan", "inr": "Indian rupee", "rub": "ruble", "krw": "won",
    "chf": "Swiss franc", "btc": "Bitcoin", "eth": "Ethereum", "i": "I", "tv": "TV", "tvs": "TVs", "cpus": "CPUs",
    "urls": "URLs", "qrcode": "QR code", "barcode": "barcode", "btn": "button", "cw": "clockwise", "co2": "CO2",
    "ccw": "counterclockwise", "okrs": "OKRs",
    "tokyo": "Tokyo",
    "devops": "DevOps", "checkmark": "check mark", "xmark": "X mark",
    "airplay": "AirPlay", "lightbulb": "light bulb", "filetype": "file", "chatgpt": "ChatGPT", "openai": "OpenAI",
    "html5": "HTML5", "css3": "CSS3", "ios": "iOS", "macos": "macOS", "spiderman": "Spider-Man", "tshirt": "T-shirt",
    "cheque": "cheque", "ui": "UI", "mic": "microphone", "num": "number", "calc": "calculator", "doc": "document",
    "docs": "documents", "msg": "message", "addr": "address", "dir": "directory", "img": "image", "pic": "picture",
    "cog": "cog", "cogs": "cogs", "util": "utility", "favourite": "favourite", "clipart": "clip art",
    "sci": "science", "temp": "temperature", "info": "information",
    "saas": "SaaS", "paas": "PaaS", "iaas": "IaaS", "fahrenheit": "Fahrenheit", "celsius": "Celsius", "xray": "X-ray",
    "uturn": "U-turn", "dogecoin": "Dogecoin", "touchid": "Touch ID",
    "faceid": "Face ID", "upsidedown": "upside-down",
}  # fmt: skip
"""Words that are written otherwise than in small letters, or in full."""

SIGNS = {
    "x": "an X mark", "xmark": "an X mark", "times": "an X mark", "cancel": "an X mark", "cross": "a cross",
    "cog 6 tooth": "a cog with six teeth", "cog 8 tooth": "a cog with eight teeth",
    "dice multiple": "several dice", "person badge": "a badge with a person", "badge person": "a badge with a person",
    "arrows in": "arrows pointing inwards", "arrows out": "arrows pointing outwards",
    "reorder two": "two horizontal lines", "reorder three": "three horizontal lines",
    "reorder four": "four horizontal lines",
    "close": "an X mark",
    "cup hot": "a hot cup", "check": "a check mark", "checkmark": "a check mark", "tick": "a check mark",
    "plus": "a plus sign", "add": "a plus sign", "minus": "a minus sign", "subtract": "a minus sign",
    "remove": "a minus sign", "dollar": "a dollar sign", "euro": "a euro sign", "pound": "a pound sign",
    "yen": "a yen sign", "rupee": "a rupee sign", "percent": "a percent sign", "percentage": "a percent sign",
    "hash": "a hash sign", "hashtag": "a hash sign", "equal": "an equals sign", "equals": "an equals sign",
    "at": "an at sign", "asterisk": "an asterisk", "ampersand": "an ampersand", "slash": "a slash",
    "question": "a question mark", "exclamation": "an exclamation mark", "alert": "an exclamation mark",
    "warning": "an exclamation mark", "help": "a question mark", "divide": "a division sign",
    "division": "a division sign", "multiply": "a multiplication sign", "info": "an information sign",
    "information": "an information sign", "questionmark": "a question mark", "play": "a play symbol",
    "pause": "a pause symbol", "stop": "a stop symbol", "record": "a record symbol", "next": "a next symbol",
    "previous": "a previous symbol", "forward": "a forward arrow", "rewind": "a rewind symbol",
    "download": "a download arrow", "upload": "an upload arrow", "up": "an up arrow", "down": "a down arrow",
    "left": "a left arrow", "right": "a right arrow", "dots": "dots", "more": "dots", "ellipsis": "an ellipsis",
    "parking": "a parking sign", "medical": "a medical cross", "notification": "a notification dot",
    "recording": "a record symbol", "sync": "sync arrows", "refresh": "refresh arrows", "power": "a power symbol",
    "code": "a code symbol", "pi": "a pi symbol", "edit": "a pencil", "search": "a magnifying glass",
    "radiation": "a radiation symbol", "biohazard": "a biohazard symbol", "recycle": "a recycling symbol",
    "location": "a location pin", "call": "a phone", "volume": "a speaker", "home": "a house",
    "kanban": "a kanban board", "earth": "a globe",
}  # fmt: skip
"""What such a word looks like in an icon."""

WITH = {
    "more": "three dots", "added": "a plus sign", "removed": "a remove sign",
    "x": "an X mark", "xmark": "an X mark", "cancel": "an X mark", "times": "an X mark", "dismiss": "an X mark",
    "delete": "an X mark", "check": "a check mark", "checkmark": "a check mark", "plus": "a plus sign",
    "add": "a plus sign", "minus": "a minus sign", "remove": "a remove sign", "subtract": "a minus sign",
    "dot": "a dot", "zap": "a lightning bolt", "discount": "a percent sign", "pound": "a pound sign",
    "alert": "an exclamation mark", "exclamation": "an exclamation mark", "warning": "a warning sign",
    "error": "an error mark", "question": "a question mark", "help": "a question mark", "info": "an information sign",
    "search": "a magnifying glass", "heart": "a heart", "star": "a star", "edit": "a pencil", "pencil": "a pencil",
    "pen": "a pen", "lock": "a lock", "locked": "a lock", "cog": "a cog", "settings": "a gear", "gear": "a gear",
    "dollar": "a dollar sign", "euro": "a euro sign", "clock": "a clock", "key": "a key", "bolt": "a lightning bolt",
    "lightning": "a lightning bolt", "person": "a person", "user": "a user", "people": "people",
    "music": "a music note", "pin": "a pin", "bookmark": "a bookmark", "link": "a chain link", "image": "an image",
    "sparkle": "a sparkle", "sparkles": "sparkles", "percent": "a percent sign", "shield": "a shield",
    "flag": "a flag", "bell": "a bell", "eye": "an eye", "home": "a house", "pause": "a pause symbol",
    "play": "a play symbol", "sync": "sync arrows", "code": "a code symbol", "globe": "a globe",
    "dash": "a minus sign", "briefcase": "a briefcase", "mail": "an envelope", "dots": "dots",
    "calendar": "a calendar", "arrow": "an arrow", "wrench": "a wrench", "badge": "a badge", "cloud": "a cloud",
    "ellipsis": "an ellipsis", "cross": "a cross",
}  # fmt: skip
"""What a last word adds to the thing that the words before it name."""

ADDED_TO = words(
    """
    user users person people account contact calendar file document folder note notebook book clipboard page
    mail envelope message messages chat comment bubble cart bag basket bell bookmark building home house car
    truck bus cloud database device devices desktop laptop phone mobile monitor computer tablet camera video
    image photo picture map pin location credit card cards wallet shield lock key heart star flag gift globe eye
    inbox database server table list playlist window app apps archive box package tag task text microphone mic
    music printer receipt report search zoom shopping team group badge chart clock alarm timer battery bed bike
    brain bulb light cookie cut door filter hand headphones headset hospital id keyboard layers library link
    magnet mood mouse news notification paint pill plane plug presentation print puzzle quote radio route ruler
    scale school script send share shirt signature sim slide speaker stack sticker store storage tent ticket
    toolbox tv tank voicemail watch wand wifi wrench drive emoji face network robot bot hexagon cube square
    album school puzzle rocket broadcast bluetooth signal usb
    """
)
"""Things to whose icon sets add a sign."""

SHAPES = {
    "circle": "circle", "square": "square", "triangle": "triangle", "hexagon": "hexagon", "octagon": "octagon",
    "diamond": "diamond", "pentagon": "pentagon", "rectangle": "rectangle", "box": "box", "rhombus": "diamond",
}  # fmt: skip

LIKE_A_SHAPE = words(
    """
    vector viewfinder crosshair half semi quarter dotted dashed crop quarter three two four circle big small large
    """
)

TWISTS = words("of and root foot half off slash dashed dotted rounded filled open")
"""Words after a shape that belong to it."""

AFTER = words(
    """
    prohibited transparent unknown decreasing increasing ascending descending
    cw ccw duplicate classic parallel sine previous next draft bold italic broad diagonal
    built hidden torn frozen
    clockwise counterclockwise anticlockwise linear radial polynomial exponential logistic high loud
    unordered ordered adjustable flat portable detachable
    environmental inclusive exclusive inner outer muslim christian jewish digital automatic dynamic
    hot cold old happy sad wireless blank stacked unread missed incoming outgoing connected disconnected
    sunny cloudy rainy snowy foggy windy stormy active inactive cracked lying standing
    open opened closed half full empty low dashed dotted rounded charging broken double single locked unlocked
    muted tilted curved bent striped inverted crossed collapsed expanded simple small large big horizontal
    vertical square
    """
)
"""Adjectives that sets put after the noun."""

DIRECTIONS = words("left right up down north south east west top bottom")

POINTING = words("arrow arrows chevron chevrons caret angle angles arrowhead")

MANNER = {
    "double": "double", "thin": "thin", "wide": "wide", "thick": "thick", "bold": "bold", "long": "long",
    "short": "short", "small": "small", "big": "big", "large": "large", "narrow": "narrow", "curved": "curved",
    "out": "", "bar": "", "straight": "", "s": "small", "dashed": "dashed", "fat": "thick", "end": "", "line": "",
    "dash": "", "shift": "",
    "simple": "simple",
}  # fmt: skip

TURNING = {
    "turn": "turning", "bend": "bending", "curve": "curving", "rotate": "rotating", "trending": "trending",
    "curly": "curling", "elbow": "bending", "loop": "looping", "move": "moving", "zig": "zigzagging",
    "hook": "hooking",
}  # fmt: skip

OFF_AS_A_WORD = words(
    """boolean volume
    toggle power switch drop kick take cut turn sign log lift time day shut wipe brush
    """
)

MASS = words(
    """
    wifi music water rain snow fog wind weather text mail news food coffee tea paper glass money traffic data
    software hardware information cash fire ice grass bread rice cheese milk wine hail sleet drizzle smoke dust
    equipment furniture luggage electricity gas oil sand lava gold silver iron wood clothing security help
    people punctuation grammar dice
    """
)

TWO_AS_ONE = {
    ("question", "mark"): "question", ("exclamation", "mark"): "exclamation", ("check", "mark"): "check",
    ("x", "mark"): "x", ("magnifying", "glass"): "search", ("check", "2"): "check",
    ("check", "circle"): "check circle",
}  # fmt: skip

KNOWN = {
    "more vertical": "three dots in a column", "dots vertical": "three dots in a column",
    "ellipsis vertical": "three dots in a column", "more horizontal": "three dots in a row",
    "dots horizontal": "three dots in a row", "ellipsis": "three dots in a row",
    "ellipsis horizontal": "three dots in a row", "close": "an X mark", "th": "a grid",
    "th large": "a grid of four squares", "magnifying glass": "a magnifying glass",
    "open in new": "an arrow pointing out of a square",
    "rotate cw": "an arrow turning clockwise", "rotate ccw": "an arrow turning counterclockwise",
    "cog 6 tooth": "a cog with six teeth", "cog 8 tooth": "a cog with eight teeth",
}  # fmt: skip
"""Names whose words do not say what is drawn."""

CURRENCIES = {
    "bangladeshi": "taka",
    "usd": "dollar", "eur": "euro", "gbp": "pound", "jpy": "yen", "cny": "yuan", "inr": "rupee", "rub": "ruble",
    "krw": "won", "ils": "shekel", "try": "lira", "brl": "real", "php": "peso", "ngn": "naira", "kzt": "tenge",
    "uah": "hryvnia", "bdt": "taka", "vnd": "dong", "thb": "baht", "pln": "zloty", "sar": "riyal", "btc": "Bitcoin",
    "eth": "Ethereum", "chf": "franc", "aud": "Australian dollar", "twd": "Taiwan dollar",
}  # fmt: skip

BETWEEN = words("on to of from in into and with by at over under or as")

SIGN_ALONE = words(
    """
    x xmark check checkmark tick plus minus dollar euro pound yen percent percentage hash hashtag equal equals
    at asterisk ampersand question exclamation divide questionmark
    """
)

NAMES = words(
    """
    credit card text box door bell hand heart id badge light bolt map pin car key
    """
)

SURE = words("x xmark plus minus check checkmark dash exclamation")
"""Last words that are a sign beside whatever stands before them."""
UNSURE = words("warning error flag home code image people badge cloud arrow person user music mail")
"""Last words that are a sign beside what stands directly before them alone."""
NOT_ADDED_TO = words("google xbox disney apple h text math a double letter formula canal paramount twitter f")
"""First words of names that end in a letter or a sign."""

DEVICES = words("ipad iphone desktop laptop mobile tablet tv watch imac gamepad floppy camera speaker projector remote")
"""What sets put after the word "device"."""

SIDED = words("panel sidebar border padding margin drawer dock layout toggle roundabout fork ramp")
"""Things that have a side or lead to one, which sets put after them."""
CITIES = words(
    """
    amsterdam athens atlanta austin bangalore barcelona beijing berlin boston brussels bucharest budapest cairo chicago
    copenhagen dallas delhi denver detroit dubai dublin frankfurt geneva hamburg helsinki houston istanbul jakarta
    johannesburg kyiv lagos lima lisbon london madrid manila melbourne miami milan montreal moscow mumbai munich nairobi
    oslo paris prague rome seattle seoul shanghai singapore stockholm sydney tokyo toronto vancouver venice vienna
    warsaw washington zurich manhattan brooklyn texas florida california hawaii
    """
)
"""Places, after which a landmark of theirs is called."""
CAPITAL = words("muslim christian jewish eiffel venetian americas")
"""Other words that begin with a capital."""

WEATHER = words("thunderstorms fog haze drizzle rain sleet snow hail smoke dust wind")
"""What can fall or blow in an icon of the weather."""
SKIES = words("clear cloudy overcast partly mostly extreme")
"""Words for the sky, of which two can make one."""
CONTINENTS = words("americas africa asia europe australia")
"""What a globe shows."""

HEAD_FIRST = words("chart jar umbrella bottle wave gradient thermometer queue brackets window settings")
"""Nouns that sets put before the word for their kind, in names of two words."""
FILES = words("font music audio video text image slides spreadsheet")
"""Words beside those in capitals that say what a file holds."""
TOPICS = words("food gender animal directions sports building")
"""First words that name what a set sorts the thing under."""
ACTIONS = words(
    """
    align scan flip rotate move select sort skip zoom resize fit merge split send share save undo redo reply repeat
    shuffle login logout export import exchange swap convert
    """
)
"""What is done, which needs a symbol to be seen."""

SUITS = words("hearts spades clubs diamonds")
"""Of playing cards."""

EXPRESSIONS = {
    "grin": "grinning", "smile": "smiling", "laugh": "laughing", "frown": "frowning", "kiss": "kissing",
    "wink": "winking", "beam": "beaming", "squint": "squinting", "surprise": "surprised", "meh": "indifferent",
    "sad": "sad", "angry": "angry", "tired": "tired", "dizzy": "dizzy", "neutral": "neutral", "happy": "happy",
    "sick": "sick", "cry": "crying", "worried": "worried", "upsidedown": "upside-down",
}  # fmt: skip
"""What sets put after the word "face" -> an adjective."""
PARTICIPLE = re.compile(r"(?!.*eed$|shed$|sled$|sped$|sacred$|hundred$|moped$|biped$|bed$)[a-z]{3,}ed")
"""A word that is a participle wherever it stands behind a noun."""
ONE_WORD = {
    ("t", "shirt"): "tshirt", ("x", "ray"): "xray", ("u", "turn"): "uturn", ("touch", "id"): "touchid",
    ("face", "id"): "faceid", ("upside", "down"): "upsidedown",
}  # fmt: skip
"""Two words of a name that are one in English."""
NUMBERS = ("", "", "two", "three", "four", "five", "six", "seven", "eight", "nine")
"""Numbers from two on, by place."""
MAKERS = words("microsoft google amazon aws adobe ibm")
"""Companies, whose products are called after them and written with capitals."""
SMALL_WORDS = words("of and for the in on to a with as")
"""Words that a name in capitals has in small letters."""
IN_FULL = {"vert": "vertical", "horiz": "horizontal", "desc": "descending", "asc": "ascending"}
"""Words of names that are cut short -> the word."""
MODIFIERS = words("2d 3d 4d 4k 8k hd ai ar vr xr usb csv html css js json xml sql pdf zip")
"""Abbreviations that sets put behind what they describe."""
EMOTIVE = {"face": "face", "emoji": "emoji", "emoticon": "emoticon", "mood": "face", "smiley": "smiley"}
"""First words before an expression -> the noun."""
CURRENCY_NAMES = {
    ("russian", "ruble"): "ruble", ("indian", "rupee"): "rupee", ("japanese", "yen"): "yen",
    ("turkish", "lira"): "lira", ("swiss", "franc"): "franc", ("pound", "sterling"): "pound",
}  # fmt: skip
"""Two words that are a currency -> whose sign is drawn."""
WINDS = {"n": "north", "e": "east", "s": "south", "w": "west", "ne": "northeast", "nw": "northwest",
         "se": "southeast", "sw": "southwest"}  # fmt: skip
"""Points of the compass."""
POINTED = {"left": "left", "right": "right", "up": "upward", "down": "downward"}
"""Directions that a triangle points to."""
WEATHERS = words("sunny cloudy rainy foggy windy snowy stormy hazy misty partly mostly overcast")
"""First words for the weather, which need the noun."""
PLURALS = words("men women people children hands")
"""First words of names of emoji that are of several."""
BUBBLES = words("document message chat comment bubble speech")
"""Things that shapes behind them are the shape of."""
