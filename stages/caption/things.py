"""Things that are not each other: a caption that names one contradicts a title that names another of its group."""

from __future__ import annotations

import functools
import re

_GROUPS = (
    # animals
    "cat/kitten/kitty dog/puppy/hound lion tiger elephant giraffe zebra horse/pony/foal cow/ox/bull/cattle/calf "
    "pig/boar/piglet sheep/lamb/ram/goat chicken/hen/rooster/chick duck/goose/swan owl eagle/hawk/falcon "
    "pigeon/dove parrot penguin flamingo rabbit/bunny/hare mouse/rat/hamster squirrel/chipmunk fox wolf "
    "bear/panda/koala monkey/ape/gorilla kangaroo camel/llama deer/moose/reindeer frog/toad snake "
    "crocodile/alligator turtle/tortoise lizard/gecko/chameleon dinosaur whale dolphin shark octopus/squid "
    "crab/lobster bee/wasp butterfly/moth ant spider ladybug/beetle snail bat hedgehog/porcupine unicorn",
    # fruit and vegetables
    "apple banana pear/avocado strawberry/raspberry grape/grapes watermelon melon pineapple cherry/cherries lemon "
    "peach carrot tomato potato broccoli corn eggplant/aubergine mushroom onion/garlic cucumber/pickle chili/pepper",
    # vehicles
    "car/automobile/taxi/cab/suv truck/lorry/van bus bicycle/bike/motorcycle/motorbike/scooter train/tram/locomotive "
    "airplane/aeroplane/plane/aircraft/jet helicopter ship/boat/yacht/sailboat/ferry submarine rocket tractor",
    # instruments
    "guitar/banjo/ukulele violin/cello piano/keyboard drum/drums trumpet/trombone saxophone flute harp accordion",
    # what is in a house
    "chair/armchair/stool table/desk bed sofa/couch lamp door window bathtub/shower toilet refrigerator/fridge",
)
"""Groups, of words with those that may be meant by the same drawing."""

_SAID = (
    re.compile(r"\bnumber (\d+|one|two|three|four|five|six|seven|eight|nine|zero|ten)\b", re.I),
    re.compile(r"\bletter ([A-Za-z])\b"),
    re.compile(
        r"\b(?:arrow|chevron|caret|triangle|hand|finger)s?(?: pointing| facing)?(?: to the)? (left|right|up|down)\b",
        re.I,
    ),
    re.compile(r"\b(left|right|up|down)(?:ward|wards)?[- ](?:pointing )?(?:arrow|chevron|caret)\b", re.I),
    re.compile(r"\bflag (?:of|for) (?:the )?((?:St\. )?[A-Z][\w'-]+(?: (?:and |of |the )*(?:St\. )?[A-Z][\w'-]+)*)"),
    re.compile(r"\b[Tt]he ([A-Z][\w.+-]*(?: [A-Z][\w.+-]*)*) logo\b"),
)  # fmt: skip
"""What is said in so many words: of two captions that say it, both say the same."""

_SAME = (frozenset((0,)), frozenset((1,)), frozenset((2, 3)), frozenset((4,)), frozenset((5,)))
"""Places of `_SAID` that say a thing of the same kind."""

_NUMBERS = {name: str(n) for n, name in enumerate(
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"))}  # fmt: skip

_WORD = re.compile(r"[^\W\d_]{2,}")
_PLAIN = frozenset(
    (
        "a", "an", "the", "of", "in", "on", "with", "and", "or", "to", "for", "from", "at", "by", "as", "is", "are",
        "it", "its", "icon", "icons", "emoji", "symbol", "logo", "drawing", "image", "picture", "illustration",
        "outline", "outlined", "filled", "style", "flat", "simple", "black", "white", "red", "green", "blue", "yellow",
        "orange", "purple", "pink", "brown", "grey", "gray", "dark", "light", "round", "rounded", "small", "large",
        "face", "head",
    )
)  # fmt: skip
"""Words that two captions may share whatever they show."""


@functools.lru_cache(1)
def _kinds() -> dict[str, tuple[int, str]]:
    """Word -> number of its group, and the first of the words that may be meant by the same."""
    return {
        word: (number, names.partition("/")[0])
        for number, group in enumerate(_GROUPS)
        for names in group.split()
        for word in names.split("/")
    }


def _named(text: str) -> tuple[dict[int, set[str]], set[str]]:
    """What of each group a text names, and its other words."""
    kinds = _kinds()
    named: dict[int, set[str]] = {}
    others = set()
    for word in _WORD.findall(text.lower()):
        one = word if word in kinds else word.removesuffix("s") if word.removesuffix("s") in kinds else ""
        if one:
            number, name = kinds[one]
            named.setdefault(number, set()).add(name)
        elif word not in _PLAIN:
            others.add(word)
    return named, others


def _said(text: str) -> list[set[str]]:
    said: list[set[str]] = [set() for _ in _SAME]
    for place, pattern in enumerate(_SAID):
        kind = next(number for number, places in enumerate(_SAME) if place in places)
        for value in pattern.findall(text):
            said[kind].add(_NUMBERS.get(value.lower(), value.lower()))
    return said


def contradiction(text: str, title: str) -> str:
    """What a caption says and a title says otherwise, as ``cat, not dog``; "" if nothing is certain.

    A word that both have beside it makes it uncertain: what is called a dog house may be said to be a house for a cat.
    """
    for here, there in zip(_said(text), _said(title), strict=True):
        words = {word for value in here for word in value.split()}
        if here and there and here.isdisjoint(there) and words.isdisjoint(w for v in there for w in v.split()):
            return f"{min(here)}, not {min(there)}"
    own, others = _named(text)
    theirs, more = _named(title)
    if not others.isdisjoint(more):
        return ""
    for number in sorted(own.keys() & theirs.keys()):
        if own[number].isdisjoint(theirs[number]):
            return f"{min(own[number])}, not {min(theirs[number])}"
    return ""
