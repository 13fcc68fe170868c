"""Selectors (Selectors 4; CSS Nesting 1), parsed from tokens.

What a browser cannot parse makes a rule invalid, but for the forgiving lists of ``:is()`` and ``:where()``. The picture
is still and nobody points at it, so ``:hover`` and its like match nothing, and pseudo-elements have no box in SVG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from stages.canonical import SVG_NS
from stages.normalize.css.known_css import (
    CAMEL_CASE_ELEMENTS,
    NEVER_PSEUDO_CLASSES,
    NEVER_PSEUDO_FUNCTIONS,
    PLAIN_PSEUDO_CLASSES,
    PSEUDO_ELEMENTS,
)
from stages.normalize.css.matching import Complex, Compound, Matching, Specificity, Test
from stages.normalize.source.tree import Node

Namespaces = dict[str | None, str]

_NONE: Specificity = (0, 0, 0)
_CLASS: Specificity = (0, 1, 0)
_FRAME = frozenset(("width", "height", "viewBox", "preserveAspectRatio", "x", "y"))
"""Attributes that the root gets when it is framed to be drawn, so that renderers cannot be asked about them."""
_OLD_PSEUDO_ELEMENTS = frozenset(("before", "after", "first-line", "first-letter"))


class InvalidSelectorError(ValueError):
    """A selector that no browser can parse."""


def parse_selectors(
    tokens: Sequence[Any], namespaces: Namespaces, parents: tuple[Complex, ...] | None = None
) -> tuple[Complex, ...]:
    """A selector list. ``parents``: the selectors of the rule that the list's rule is nested in.

    Raises InvalidSelectorError.
    """
    return _Parser(namespaces, parents).complexes(tokens, nested=parents is not None)


class _Parser:
    def __init__(self, namespaces: Namespaces, parents: tuple[Complex, ...] | None, in_has: bool = False) -> None:
        self._namespaces = namespaces
        self._parents = parents
        self._in_has = in_has
        self.plain = True
        self.parent_used = False

    def complexes(
        self, tokens: Sequence[Any], nested: bool = False, relative: bool = False, forgiving: bool = False
    ) -> tuple[Complex, ...]:
        selectors: list[Complex] = []
        parts = _split(tokens)
        if forgiving and len(parts) == 1 and not _solid(parts[0]):
            return ()
        for part in parts:
            try:
                selectors.append(self._complex(part, nested, relative))
            except InvalidSelectorError:
                if not forgiving:
                    raise
        return tuple(selectors)

    def _complex(self, tokens: Sequence[Any], nested: bool, relative: bool) -> Complex:
        stream = _Stream(tokens)
        stream.space()
        self.plain, self.parent_used = True, False
        leading = ""
        if (token := stream.peek()) is not None and token.type == "literal" and token.value in (">", "+", "~"):
            if not (nested or relative):
                raise InvalidSelectorError("a combinator comes first")
            leading = stream.next().value
            stream.space()
        elif relative:
            leading = " "
        compounds, combinators = [], []
        total = _NONE
        while True:
            compound, specificity = self._compound(stream)
            compounds.append(compound)
            total = _sum(total, specificity)
            space = stream.space()
            token = stream.peek()
            if token is None:
                break
            combinator = " "
            if token.type == "literal" and token.value in (">", "+", "~"):
                combinator = stream.next().value
                stream.space()
            elif not space:
                raise InvalidSelectorError(f"{token.type} after a compound selector")
            combinators.append(combinator)
        if nested and (leading or not self.parent_used):
            parent, specificity = self._parent()
            compounds.insert(0, Compound(None, None, (), (parent,), False))
            combinators.insert(0, leading or " ")
            total = _sum(total, specificity)
            leading = ""
        plain = self.plain and not nested
        return Complex(tuple(compounds), tuple(combinators), total, plain, leading)

    def _parent(self) -> tuple[Test, Specificity]:
        """What ``&`` stands for (CSS Nesting 1, section 3): ``:is()`` of the outer rule, outside of any ``:scope``."""
        parents = self._parents
        if parents is None:
            return _is_root, _NONE
        return lambda node, document: document.any(parents, node), _most(parents)

    def _compound(self, stream: _Stream) -> tuple[Compound, Specificity]:
        tag: str | None = None
        ident: str | None = None
        classes: list[str] = []
        tests: list[Test] = []
        never = False
        total = _NONE
        named = _qualified(stream, self._namespaces, True)
        if named is not None:
            space, tag = named
            never = space not in (None, SVG_NS)
            self.plain = self.plain and not stream.prefixed and (tag is None or _lower(tag))
            total = _NONE if tag is None else (0, 0, 1)
        elif self._namespaces.get(None, SVG_NS) != SVG_NS:
            never = True  # the universal selector that is implied has the default namespace
        count = 0
        while (token := stream.peek()) is not None:
            specificity = _CLASS
            if token.type == "hash":
                if not token.is_identifier:
                    raise InvalidSelectorError(f"#{token.value}")
                never = never or (ident is not None and ident != token.value)
                ident, specificity = token.value, (1, 0, 0)
                stream.next()
            elif token.type == "literal" and token.value == ".":
                stream.next()
                classes.append(stream.ident())
            elif token.type == "[] block":
                tests.append(self._attribute(_Stream(token.content)))
                stream.next()
            elif token.type == "literal" and token.value == "&":
                test, specificity = self._parent()
                tests.append(test)
                self.parent_used = True
                self.plain = False
                stream.next()
            elif token.type == "literal" and token.value == ":":
                stream.next()
                test_or_none, specificity = self._pseudo(stream)
                if test_or_none is None:
                    never = True
                else:
                    tests.append(test_or_none)
            else:
                break
            count += 1
            total = _sum(total, specificity)
        if named is None and not count:
            raise InvalidSelectorError("a compound selector is missing")
        return Compound(tag, ident, tuple(classes), tuple(tests), never), total

    def _attribute(self, stream: _Stream) -> Test:
        stream.space()
        named = _qualified(stream, {}, False, self._namespaces)
        if named is None or named[1] is None:
            raise InvalidSelectorError("an attribute's name is missing")
        space, name = named[0], named[1] or ""
        self.plain = self.plain and not stream.prefixed and name not in _FRAME
        stream.space()
        token = stream.next_or_none()
        if token is None:
            return lambda node, _: any(True for _ in _values(node, space, str(name)))
        if token.type != "literal" or token.value not in ("=", "~=", "|=", "^=", "$=", "*="):
            raise InvalidSelectorError("no operator of attributes")
        stream.space()
        value = stream.next_or_none()
        if value is None or value.type not in ("ident", "string"):
            raise InvalidSelectorError("an attribute's value is missing")
        stream.space()
        flag = stream.next_or_none()
        if flag is not None and (flag.type != "ident" or flag.lower_value != "i"):
            raise InvalidSelectorError("an unknown flag")  # browsers do not know s, either
        stream.space()
        if stream.peek() is not None:
            raise InvalidSelectorError("more than an attribute")
        compare, wanted, fold = _OPERATORS[token.value], value.value, flag is not None
        if fold:
            self.plain = False
            wanted = _fold(wanted)
        return lambda node, _: any(
            compare(_fold(value) if fold else value, wanted) for value in _values(node, space, str(name))
        )

    def _pseudo(self, stream: _Stream) -> tuple[Test | None, Specificity]:
        """A pseudo-class's test; None for what matches nothing, pseudo-elements among it."""
        token = stream.next()
        if token.type == "literal" and token.value == ":":
            token = stream.next()
            name = token.lower_name if token.type == "function" else getattr(token, "lower_value", "")
            if token.type not in ("ident", "function") or not (name in PSEUDO_ELEMENTS or name.startswith("-webkit-")):
                raise InvalidSelectorError(f"::{name}")
            return self._pseudo_element()
        if token.type == "ident":
            name = token.lower_value
            if name in _OLD_PSEUDO_ELEMENTS:
                return self._pseudo_element()
            self.plain = self.plain and name in PLAIN_PSEUDO_CLASSES
            if name in _TESTS:
                return _TESTS[name], _CLASS
            if name in NEVER_PSEUDO_CLASSES:
                return None, _CLASS
        elif token.type == "function":
            return self._function(token.lower_name, token.arguments)
        raise InvalidSelectorError("an unknown pseudo-class")

    def _pseudo_element(self) -> tuple[None, Specificity]:
        if self._inner:
            raise InvalidSelectorError("a pseudo-element within a pseudo-class")
        return None, (0, 0, 1)

    @property
    def _inner(self) -> bool:
        return isinstance(self, _Inner)

    def _function(self, name: str, arguments: Sequence[Any]) -> tuple[Test | None, Specificity]:
        inner = _Inner(self._namespaces, self._parents, self._in_has or name == "has")
        if name in ("is", "where", "not", "-webkit-any"):
            listed = inner.complexes(arguments, forgiving=name in ("is", "where"))
            self.parent_used = self.parent_used or inner.parent_ever
            simple = len(listed) == 1 and len(listed[0].compounds) == 1 and listed[0].plain
            self.plain = self.plain and name == "not" and simple
            specificity = _NONE if name == "where" else _most(listed)
            if name == "not":
                return lambda node, document: not document.any(listed, node), specificity
            return lambda node, document: document.any(listed, node), specificity
        self.plain = self.plain and name in PLAIN_PSEUDO_CLASSES
        if name == "has":
            if self._in_has:
                raise InvalidSelectorError(":has() within :has()")
            listed = inner.complexes(arguments, relative=True)
            self.parent_used = self.parent_used or inner.parent_ever
            return lambda node, document: document.has(listed, node), _most(listed)
        if name.startswith("nth-") and name.removeprefix("nth-") in _NTH:
            return self._nth(name.removeprefix("nth-"), arguments, inner)
        words = [token for token in arguments if token.type not in ("whitespace", "comment")]
        if name == "lang" and words:
            ranges = [token.value for token in words if token.type in ("ident", "string")]
            return lambda node, _: any(_in_language(node, each) for each in ranges), _CLASS
        if name == "dir" and len(words) == 1 and words[0].type == "ident":
            return (_always if words[0].lower_value == "ltr" else None), _CLASS
        if name in NEVER_PSEUDO_FUNCTIONS and words:
            return None, _CLASS
        raise InvalidSelectorError(f":{name}()")

    def _nth(self, name: str, arguments: Sequence[Any], inner: _Inner) -> tuple[Test, Specificity]:
        from tinycss2.nth import parse_nth

        at = next((i for i, t in enumerate(arguments) if t.type == "ident" and t.lower_value == "of"), len(arguments))
        steps = parse_nth(list(arguments[:at]))
        if steps is None or (at < len(arguments) and name not in ("child", "last-child")):
            raise InvalidSelectorError(f":nth-{name}()")
        listed = inner.complexes(arguments[at + 1 :]) if at < len(arguments) else None
        self.parent_used = self.parent_used or inner.parent_ever
        self.plain = self.plain and listed is None
        return _nth(steps, listed, *_NTH[name]), _sum(_CLASS, _most(listed or ()))


class _Inner(_Parser):
    """Selectors within a pseudo-class: there the default namespace is not implied."""

    def __init__(self, namespaces: Namespaces, parents: tuple[Complex, ...] | None, in_has: bool) -> None:
        super().__init__({key: value for key, value in namespaces.items() if key is not None}, parents, in_has)
        self._default = namespaces.get(None)
        self.parent_ever = False

    def _compound(self, stream: _Stream) -> tuple[Compound, Specificity]:
        token = stream.peek()
        named = token is not None and (token.type == "ident" or (token.type == "literal" and token.value in "*|"))
        if named and self._default is not None:
            self._namespaces[None] = self._default
        try:
            compound = super()._compound(stream)
        finally:
            self._namespaces.pop(None, None)
        self.parent_ever = self.parent_ever or self.parent_used
        return compound


_NTH = {
    "child": (False, False),
    "last-child": (True, False),
    "of-type": (False, True),
    "last-of-type": (True, True),
}


def _nth(steps: tuple[int, int], listed: Sequence[Complex] | None, backwards: bool, typed: bool) -> Test:
    a, b = steps

    def test(node: Node, document: Matching) -> bool:
        if listed is not None and not document.any(listed, node):
            return False
        siblings, at = document.siblings(node), document.index(node)
        before = siblings[at + 1 :] if backwards else siblings[:at]
        place = 1 + sum(
            (not typed or each.tag == node.tag) and (listed is None or document.any(listed, each)) for each in before
        )
        return place == b if a == 0 else (place - b) % a == 0 and (place - b) // a >= 0

    return test


def _always(node: Node, document: Matching) -> bool:
    return True


def _is_root(node: Node, document: Matching) -> bool:
    return node.parent is None


def _is_empty(node: Node, document: Matching) -> bool:
    return not node.children and not node.source.text


def _is_link(node: Node, document: Matching) -> bool:
    return node.tag == "a" and "href" in node.attributes


def _both(first: Test, second: Test) -> Test:
    return lambda node, document: first(node, document) and second(node, document)


_FIRST, _LAST = _nth((0, 1), None, False, False), _nth((0, 1), None, True, False)
_FIRST_TYPE, _LAST_TYPE = _nth((0, 1), None, False, True), _nth((0, 1), None, True, True)

_TESTS: dict[str, Test] = {
    "root": _is_root,
    "scope": _is_root,
    "first-child": _FIRST,
    "last-child": _LAST,
    "only-child": _both(_FIRST, _LAST),
    "first-of-type": _FIRST_TYPE,
    "last-of-type": _LAST_TYPE,
    "only-of-type": _both(_FIRST_TYPE, _LAST_TYPE),
    "empty": _is_empty,
    "link": _is_link,
    "any-link": _is_link,
    "-webkit-any-link": _is_link,
    "defined": _always,
}

_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "~=": lambda value, wanted: wanted in value.split() and len(wanted.split()) == 1,
    "|=": lambda value, wanted: value == wanted or value.startswith(wanted + "-"),
    "^=": lambda value, wanted: bool(wanted) and value.startswith(wanted),
    "$=": lambda value, wanted: bool(wanted) and value.endswith(wanted),
    "*=": lambda value, wanted: bool(wanted) and wanted in value,
}


def _values(node: Node, space: str | None, name: str) -> Iterator[str]:
    """The values of an element's attributes of a name; ``space`` is None for any namespace."""
    if not space and name in node.source.attrib:
        yield node.attributes[name]
    if space is None:
        yield from (value for key, value in node.attributes.items() if key.endswith("}" + name))
    elif space and f"{{{space}}}{name}" in node.attributes:
        yield node.attributes[f"{{{space}}}{name}"]


def _in_language(node: Node | None, wanted: str) -> bool:
    """``:lang()`` (Selectors 4, section 7.2), by the nearest element that says its language."""
    while node is not None:
        for key in ("{http://www.w3.org/XML/1998/namespace}lang", "lang"):
            if key in node.attributes:
                language = node.attributes[key].lower()
                return language == wanted.lower() or language.startswith(wanted.lower() + "-")
        node = node.parent
    return False


def _fold(text: str) -> str:
    """ASCII letters in lower case."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def _lower(tag: str) -> bool:
    """Whether renderers that ignore the case of types match the same elements."""
    return tag.islower() or tag in CAMEL_CASE_ELEMENTS


def _sum(first: Specificity, second: Specificity) -> Specificity:
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]


def _most(selectors: Sequence[Complex]) -> Specificity:
    return max((selector.specificity for selector in selectors), default=_NONE)


def _solid(tokens: Sequence[Any]) -> bool:
    return any(token.type not in ("whitespace", "comment") for token in tokens)


def _split(tokens: Sequence[Any]) -> list[list[Any]]:
    """The parts of a list that commas separate."""
    parts: list[list[Any]] = [[]]
    for token in tokens:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _qualified(
    stream: _Stream, namespaces: Namespaces, universal: bool, prefixes: Namespaces | None = None
) -> tuple[str | None, str | None] | None:
    """A name with its namespace: None for any namespace, None for any name. None if there is none of these."""
    token = stream.peek()
    prefixes = namespaces if prefixes is None else prefixes
    stream.prefixed = False
    first: str | None
    if token is not None and token.type == "ident":
        first = stream.next().value
    elif token is not None and token.type == "literal" and token.value == "*":
        stream.next()
        first = "*"
    elif token is not None and token.type == "literal" and token.value == "|":
        first = None
    else:
        return None
    token = stream.peek()
    if token is None or token.type != "literal" or token.value != "|":
        if not universal:
            return ("", first) if first != "*" else None
        return namespaces.get(None), None if first == "*" else first
    stream.next()
    stream.prefixed = True
    space: str | None
    if first is None:
        space = ""
    elif first == "*":
        space = None
    elif first in prefixes:
        space = prefixes[first]
    else:
        raise InvalidSelectorError(f"the namespace {first} is not declared")
    token = stream.next()
    if token.type == "ident":
        return space, token.value
    if universal and token.type == "literal" and token.value == "*":
        return space, None
    raise InvalidSelectorError("no name after |")


class _Stream:
    """Tokens to read one by one. ``prefixed``: whether the name read last has a namespace written before it."""

    def __init__(self, tokens: Sequence[Any]) -> None:
        self._tokens = [token for token in tokens if token.type != "comment"]
        self._at = 0
        self.prefixed = False

    def peek(self) -> Any | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def next_or_none(self) -> Any | None:
        token = self.peek()
        self._at += 1
        return token

    def next(self) -> Any:
        token = self.next_or_none()
        if token is None:
            raise InvalidSelectorError("the selector ends too early")
        return token

    def ident(self) -> str:
        token = self.next()
        if token.type != "ident":
            raise InvalidSelectorError(f"{token.type} is no name")
        return str(token.value)

    def space(self) -> bool:
        before = self._at
        while (token := self.peek()) is not None and token.type == "whitespace":
            self._at += 1
        return self._at > before
