"""Custom properties (CSS Variables 1): where they are known from the document, var() is replaced by what it stands for.

Renderers do not know them, so the source gets the replaced values, too, as styles of the elements they apply to.
"""

from __future__ import annotations

from typing import Any

from stages.normalize.source.plain import Plain, append_declaration
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import Variable, parse_property

_MOST_CHARS = 10_000
_DEEPEST = 16


def resolve_variables(nodes: list[Node], plain: Plain) -> None:
    """Replace the values that use var(), in ``declared`` and in the source, of all nodes in document order.

    A reference without a value and without a fallback makes a declaration invalid (section 3), so that it counts as not
    declared, as does one that is part of a cycle.
    """
    scopes: dict[int, dict[str, str]] = {}
    for node in nodes:
        outer = scopes[id(node.parent)] if node.parent is not None else {}
        own = {name: value for name, value in node.declared.items() if name.startswith("--")}
        scope = scopes[id(node)] = scope_of(outer, own) if own else outer
        for name, value in list(node.declared.items()):
            if not isinstance(value, Variable):
                continue
            text = substitute(value.text, scope, ())
            typed = None if text is None else parse_property(name, text)
            if typed is None or isinstance(typed, Variable):
                del node.declared[name]
                append_declaration(node.source, name, "unset")
            else:
                node.declared[name] = typed
                append_declaration(node.source, name, text or "")
            plain.note("variables")


def scope_of(outer: dict[str, str], own: dict[str, str]) -> dict[str, str]:
    """What custom properties come to on an element that declares some: their var() is of that element (section 3)."""
    scope = {**outer, **own}
    for name, value in own.items():
        word = value.strip().lower()
        if word in ("inherit", "unset", "revert", "revert-layer"):
            scope[name] = outer.get(name, "")
        if word == "initial" or (word in ("inherit", "unset", "revert", "revert-layer") and name not in outer):
            del scope[name]
    resolved = {name: substitute(scope[name], scope, (name,)) for name in own if name in scope}
    return {name: text for name, text in {**scope, **resolved}.items() if text is not None}


def substitute(text: str, scope: dict[str, str], active: tuple[str, ...]) -> str | None:
    """``text`` with every var() replaced, None if that is not possible."""
    import tinycss2

    if "var(" not in text.lower():
        return text
    if len(active) > _DEEPEST:
        return None
    replaced = _values(tinycss2.parse_component_value_list(text), scope, active)
    if replaced is None:
        return None
    result = str(tinycss2.serialize(replaced)).strip()
    return result if len(result) <= _MOST_CHARS else None


def _values(nodes: list[Any], scope: dict[str, str], active: tuple[str, ...]) -> list[Any] | None:
    import tinycss2

    out: list[Any] = []
    for node in nodes:
        if node.type == "function" and node.lower_name == "var":
            words = [each for each in node.arguments if each.type not in ("whitespace", "comment")]
            name = words[0].value if words and words[0].type == "ident" else ""
            value = scope.get(name) if name not in active else None
            text = None if value is None else substitute(value, scope, (*active, name))
            if text is not None:
                out += tinycss2.parse_component_value_list(text)
                continue
            commas = [i for i, each in enumerate(node.arguments) if each.type == "literal" and each.value == ","]
            fallback = _values(node.arguments[commas[0] + 1 :], scope, active) if commas else None
            if fallback is None:
                return None
            out += fallback
        elif node.type == "function":
            inner = _values(node.arguments, scope, active)
            if inner is None:
                return None
            node.arguments = inner
            out.append(node)
        else:
            out.append(node)
    return out
