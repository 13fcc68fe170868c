"""What names of real sets become: the short caption of each."""

import re

import pytest

from stages.caption import CaptionSettings
from stages.caption.compose import Record, metadata
from stages.caption.geometry import Look
from stages.caption.phrases import article, counted
from stages.caption.tables import letters
from stages.caption.words import named

SETTINGS = CaptionSettings()

NAMES = {
    # articles, order, sizes, styles
    "bootstrap-icons/icons/shopping-cart.svg": "A shopping cart icon",
    "heroicons/24/solid/academic-cap.svg": "A solid academic cap icon",
    "icons/AcademicCapIcon.svg": "An academic cap icon",
    "material/ic_home_24px.svg": "A home icon",
    "@fluentui/svg-icons/icons/arrow_turn_up_left_48_regular.svg": "An icon of an arrow turning up and left",
    "@fluentui/svg-icons/icons/call_rectangle_landscape_24_filled.svg": "A filled call rectangle landscape icon",
    "@fluentui/svg-icons/icons/multiplier_1_5x_48_filled.svg": "A filled multiplier 1.5x icon",
    "@phosphor-icons/core/assets/duotone/car-profile-duotone.svg": "A duotone car profile icon",
    "remixicon/icons/Arrows/arrow-left-s-line.svg": "An outlined small left arrow icon",
    "remixicon/icons/Buildings/home-2-fill.svg": "A filled home icon",
    "boxicons/svg/solid/bxs-dog.svg": "A solid dog icon",
    "@primer/octicons/build/svg/check-circle-fill-12.svg": "A filled icon of a check mark in a circle",
    "@carbon/icons/svg/32/arrow--left.svg": "A left arrow icon",
    "@carbon/pictograms/svg/natural--language--processing--01.svg": "A natural language processing icon",
    "@mdi/svg/svg/lightbulb-on-70.svg": "An icon of a light bulb at 70 percent",
    "ionicons/dist/svg/lock-open-sharp.svg": "A sharp open lock icon",
    "@material-design-icons/svg/two-tone/audio_file.svg": "A two-tone audio file icon",
    "bootstrap-icons/icons/calendar2-x.svg": "An icon of a calendar with an X mark",
    "lucide-static/icons/umbrella.svg": "An umbrella icon",
    "@carbon/icons/svg/32/sim-card.svg": "A SIM card icon",
    "icons/arrow_left.svg#2": "A left arrow icon",
    "icons/layer.svg": "A layer icon",
    "feather-icons/dist/icons/refresh-cw.svg": "A clockwise refresh icon",
    "@phosphor-icons/core/assets/bold/file-pdf-bold.svg": "A bold PDF file icon",
    "@fluentui/svg-icons/icons/mail_clock_32_color.svg": "An icon of mail with a clock",
    "@fluentui/svg-icons/icons/lock_multiple_24_regular.svg": "An icon of several locks",
    "@tabler/icons/icons/outline/percentage-40.svg": "An outlined 40 percent icon",
    "lucide-static/icons/grid-3-x-3.svg": "A 3×3 grid icon",
    "lucide-static/icons/user-round-minus.svg": "An icon of a user with a minus sign",
    "bootstrap-icons/icons/globe-americas-fill.svg": "A filled icon of a globe showing the Americas",
    # what sets put behind the noun, numbers, what is cut short
    "@carbon/pictograms/svg/face--satisfied.svg": "A satisfied face icon",
    "bootstrap-icons/icons/emoji-smile-upside-down.svg": "An upside-down smiling emoji icon",
    "@carbon/icons/svg/32/join--right-outer.svg": "A right outer join icon",
    "@fluentui/svg-icons/icons/arrow_circle_left_24_filled.svg": "A filled icon of a left arrow in a circle",
    "@fluentui/svg-icons/icons/speaker_usb_24_regular.svg": "A USB speaker icon",
    "@phosphor-icons/core/assets/fill/dots-six-vertical-fill.svg": "A filled icon of six vertical dots",
    "@primer/octicons/build/svg/triangle-right-16.svg": "A right-pointing triangle icon",
    "lucide-static/icons/clock-11.svg": "An icon of a clock showing 11 o'clock",
    "lucide-static/icons/badge-russian-ruble.svg": "An icon of a badge with a ruble sign",
    "iconoir/icons/regular/more-vert-circle.svg": "An icon of three dots in a column in a circle",
    "lucide-static/icons/circle-arrow-out-down-left.svg": (
        "An icon of an arrow pointing down and left out of a circle"
    ),
    "@material-design-icons/svg/filled/star_border.svg": "An outlined star icon",
    "@material-design-icons/svg/round/file_copy.svg": "A rounded file copy icon",
    "@mdi/svg/svg/microsoft-teams.svg": "A Microsoft Teams icon",
    "game-icons/delapouite/bow-arrow.svg": "A bow and arrow icon",
    "bootstrap-icons/icons/filetype-m4p.svg": "An M4P file icon",
    "@mdi/svg/svg/battery-multiple.svg": "An icon of several batteries",
    "@meteocons/svg/line/fog-night.svg": "An outlined icon of fog at night",
    "ionicons/dist/svg/sunny-outline.svg": "An outlined icon of sunny weather",
    "@carbon/icons/svg/32/watson-health/cut-in-half.svg": "A cut in half icon",
    "@carbon/icons/svg/32/chart--error-bar.svg": "An error bar chart icon",
    "lucide-static/icons/arrow-up-left-from-square.svg": "An icon of an arrow pointing up and left out of a square",
    "@fluentui/svg-icons/icons/fps_30_24_regular.svg": "A 30 FPS icon",
    "icons/red-feed.svg": "A red feed icon",
    # signs, containers, additions
    "bootstrap-icons/icons/1-circle.svg": "An icon of the number 1 in a circle",
    "@tabler/icons/icons/outline/square-letter-a.svg": "An outlined icon of the letter A in a square",
    "@mdi/svg/svg/numeric-1-box.svg": "An icon of the number 1 in a box",
    "heroicons/20/solid/arrow-top-right-on-square.svg": "A solid icon of an arrow pointing up and right on a square",
    "@tabler/icons/icons/filled/info-square-rounded.svg": "A filled icon of an information sign in a rounded square",
    "iconoir/icons/regular/xmark.svg": "An icon of an X mark",
    "feather-icons/dist/icons/user-plus.svg": "An icon of a user with a plus sign",
    "iconoir/icons/regular/shopping-bag-arrow-up.svg": "An icon of a shopping bag with an up arrow",
    "feather-icons/dist/icons/wifi-off.svg": "A crossed-out Wi-Fi icon",
    "feather-icons/dist/icons/more-vertical.svg": "An icon of three dots in a column",
    "@tabler/icons/icons/outline/currency-dollar.svg": "An outlined dollar sign icon",
    "@mdi/svg/svg/power-off.svg": "A power off icon",
    "@fortawesome/fontawesome-free/svgs/solid/building-circle-exclamation.svg": (
        "A solid icon of a building with an exclamation mark in a circle"
    ),
    "boxicons/svg/regular/bx-message-square.svg": "A square message icon",
    # logos
    "simple-icons/icons/adobe.svg": "The Adobe logo",
    "@tabler/icons/icons/outline/brand-github.svg": "The GitHub logo in outlined style",
    "devicon/icons/electron/electron-original-wordmark.svg": "The Electron logo with its name",
    "super-tiny-icons/images/svg/google_play.svg": "The Google Play logo",
    "remixicon/icons/Logos/facebook-box-fill.svg": "The Facebook logo in a box in filled style",
    "feather-icons/dist/icons/twitter.svg": "The Twitter logo",
    "@fortawesome/fontawesome-free/svgs/brands/goodreads-g.svg": "The Goodreads G logo",
    "devicon/icons/typo3/typo3-plain-wordmark.svg": "The TYPO3 logo with its name",
    "devicon/icons/v8/v8-original.svg": "The V8 logo",
    "super-tiny-icons/images/svg/gmail_old.svg": "The old Gmail logo",
    "super-tiny-icons/images/svg/json-ld.svg": "The JSON LD logo",
    "devicon/icons/hadoop/hadoop-original.svg": "The Apache Hadoop logo",
    # flags, coins
    "flag-icons/flags/4x3/my.svg": "The flag of Malaysia",
    "circle-flags/flags/nl.svg": "The flag of the Netherlands",
    "circle-flags/flags/gb-eng.svg": "The flag of England",
    "circle-flags/flags/us-as.svg": "The flag of American Samoa",
    "circle-flags/flags/language/pt-br.svg": "The flag for the Portuguese language in Brazil",
    "circle-flags/flags/easter_island.svg": "The flag of Easter Island",
    "flag-icons/flags/1x1/xx.svg": "A placeholder for an unknown flag",
    "cryptocurrency-icons/svg/color/btc.svg": "The Bitcoin (BTC) logo",
    "flag-icons/flags/1x1/vc.svg": "The flag of Saint Vincent and the Grenadines",
    # emoji
    "fluentui-emoji/icons/flat/keycap-3.svg": "A keycap emoji of the number 3 in flat style",
    "openmoji/color/svg/1F9D1-200D-1F9D2-200D-1F9D2.svg": "A family emoji of an adult and two children",
    "openmoji/color/svg/1F468-1F3FB-200D-1FAEF-200D-1F468-1F3FE.svg": (
        "An emoji of men wrestling, with light skin tone and medium-dark skin tone"
    ),
    "@twemoji/svg/1f921.svg": "A clown face emoji",
    "emoji_u1f600.svg": "A grinning face emoji",
    "@twemoji/svg/1f1e9-1f1ea.svg": "An emoji of the flag of Germany",
    "@twemoji/svg/31-20e3.svg": "A keycap emoji of the number 1",
    "openmoji/color/svg/1F468-1F3FE-200D-2695-FE0F.svg": "A man health worker emoji with medium-dark skin tone",
    "@twemoji/svg/1f468-200d-1f469-200d-1f466.svg": "A family emoji of a man, a woman and a boy",
    "fluentui-emoji/icons/flat/person-superhero-medium-dark.svg": (
        "A superhero emoji with medium-dark skin tone in flat style"
    ),
    "@twemoji/svg/26f7-1f3fe.svg": "A skier emoji with medium-dark skin tone",
    "@meteocons/svg/line/thunderstorms-overcast-night-rain.svg": (
        "An outlined icon of thunderstorms and rain on an overcast night"
    ),
    "@meteocons/svg/fill/extreme-thunderstorms-extreme-haze.svg": ("A filled icon of extreme thunderstorms and haze"),
    "cryptocurrency-icons/svg/white/grt.svg": "The Graph (GRT) logo",
    "2600.svg": "A sun emoji",
    "openmoji/black/svg/2139.svg": "An information emoji",
    "lucide-static/icons/face-grinning.svg": "A grinning face icon",
    "@mdi/svg/svg/router-wireless.svg": "A wireless router icon",
    # folders of authors are no subject; words that look like code points are none
    "game-icons/lorc/egg-defense.svg": "An egg defense icon",
    "icons/face.svg": "A face icon",
    "icons/cafe.svg": "A cafe icon",
    # drawings of no set
    "drawings/red-apple.svg": "A red apple",
    "drawings/horses.svg": "Horses",
}


def short(path: str) -> str:
    """The short caption of the metadata of a record at a path, "" for none."""
    record = Record(path, path.rpartition("/")[2], "packages", "", "", (), {})
    return next((each["text"] for each in metadata(record, Look(), SETTINGS) if each["style"] == "short"), "")


@pytest.mark.parametrize(("path", "text"), NAMES.items())
def test_names_become_english(path: str, text: str):
    """A name is what is drawn, with the article that it takes; what a set adds to it is an attribute."""
    assert short(path) == text


@pytest.mark.parametrize(
    ("source", "path", "text"),
    [
        ("remixicon", "icons/Communication/chat-download-line.svg", "An outlined chat download icon"),
        ("devicon", "icons/couchdb/couchdb-plain.svg", "The Apache CouchDB logo"),
        ("octicons", "svg/stack-16.svg", "A stack icon"),
    ],
)
def test_a_source_says_what_set_a_name_is_of(source: str, path: str, text: str):
    """As a package or a folder does, whose styles and sizes are no part of the thing."""
    record = Record(path, path.rpartition("/")[2], source, "", "", (), {})
    assert metadata(record, Look(), SETTINGS)[0]["text"] == text


@pytest.mark.parametrize(
    "path", ["src/9f86d081884c7d65.svg", "a1b2c3d4e5.svg", "icons/icon.svg", "0042.svg", "E06C.svg"]
)
def test_names_of_no_words_give_none(path: str):
    """Digests, numbers and what a set calls all of its files."""
    assert short(path) == ""


NOISE = re.compile(r"\.svg|\d+ ?(px|dp)|\d+x\d+|[0-9a-f]{8,}|\b(bxs?|bxl|mdi|fa[srb]?|ic|ri)\b|[_<>=]|://", re.I)


@pytest.mark.parametrize("name", ["home", "shopping-cart", "arrow-left", "user-plus"])
@pytest.mark.parametrize(
    "pattern",
    [
        "{}.svg", "{}.min.svg", "{}.svgz", "{}-24px.svg", "{}_24x24.svg", "{}@2x.svg", "ic_{}_48px.svg", "bx-{}.svg",
        "bxs-{}.svg", "fa-{}.svg", "mdi-{}.svg", "ri-{}.svg", "{}-9f86d081.svg", "9f86d081884c7d659a2feaa0-{}.svg",
        "{}.svg#3", "{}_v2.svg", "{}-sm.svg", "icon-{}.svg", "{}-icon.svg", "<b>{}.svg", "={}.svg", "{} (1).svg",
        "{}-001.svg", "__{}__.svg",
    ],
)  # fmt: skip
def test_nothing_of_a_files_making_is_in_a_caption(name: str, pattern: str):
    """No extension, size, digest, number of a copy or prefix of a vendor comes through."""
    text = short(f"icons/{pattern.format(name)}")
    assert text == short(f"icons/{name}.svg") and not NOISE.search(text)


@pytest.mark.parametrize(
    ("word", "text"),
    [("unicorn", "a"), ("user", "a"), ("hour", "an"), ("8 ball", "an"), ("HTML5", "an"), ("UFO", "a"), ("X", "an"),
     ("umbrella", "an"), ("European", "a"), ("one way sign", "a"), ("SIM card", "a"), ("unhappy face", "an")],
)  # fmt: skip
def test_articles_go_by_sound(word: str, text: str):
    """Letters that are read one by one, and words that begin with another sound than letter."""
    if word == "unhappy face":
        assert article(word) == "an"
    assert article(word) == text


@pytest.mark.parametrize(
    ("words", "text"),
    [("scissors", "scissors"), ("bus", "a bus"), ("music", "music"), ("glass", "glass"), ("qr code", "a QR code")],
)
def test_plurals_and_masses_take_no_article(words: str, text: str):
    """As far as their endings and a list say."""
    assert counted(words.split()) == text


def test_a_style_of_a_folder_is_one_in_names_there():
    """Bold text is a subject; where the folder is called bold, it is how all is drawn."""
    assert named("text-bold.svg", "icons", "icons", SETTINGS).words == ("text", "bold")
    name = named("text-bold.svg", "icons/bold", "icons", SETTINGS)
    assert (name.words, name.styles) == (("text",), ("bold",))


def test_letters_of_names():
    """File names spell without accents."""
    assert letters("Čeština C++") == "cestinacplusplus"
