"""What a place says of training on what it gives: each rule in force, read from the text that holds it.

Nothing here asks a network. A *statement* is what one line, field or element says: its words as they stood there, and
what they mean for training a generative model (``allowed``, ``reserved``, or nothing). `permission` makes one verdict
of many: the strictest wins, also where a standard alone would let the more specific one win over another standard.

Where the rules are from is said in the functions' docstrings, and in docs/permission.md. What is malformed is read
as its writer meant it where that is plain (``AI-Train = No``): a reservation is not lost for a slip.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote_to_bytes, urlsplit

from lxml import etree

from stages.crawl.items import Permission, Signal

Verdict = Literal["allowed", "reserved"]

CONTENT_USAGE, CONTENT_SIGNAL, RSL, TDMREP, ROBOTS_TAG, ROBOTS_TXT = (
    "content-usage",
    "content-signal",
    "rsl",
    "tdm-reservation",
    "robots-tag",
    "robots.txt",
)
"""Names of signals, by rule."""

MOST_BYTES = 512_000
"""Of a robots.txt, a tdmrep.json or an RSL document; RFC 9309, 2.5 asks for at least 500 KiB."""

MOST_RULES, MOST_LICENSES = 1_000, 10
"""Of one robots.txt: lines on use, and RSL documents that it names."""

_YES, _NO = frozenset(("y", "yes", "1", "?1", "true")), frozenset(("n", "no", "0", "?0", "false"))
_NO_AI = frozenset(("noai", "noimageai", "noml"))
_TRAINING = ("train-ai", "ai-train", "train-genai", "genai", "ai", "all", "bots")
"""Labels that training falls under, the narrowest first: the vocabulary's own, and those of its earlier drafts."""
_USAGES = frozenset(("all", "ai-all", "ai-train", "train-ai", "train-genai"))
_FREE = frozenset(("", "free", "attribution"))
_ROBOTS_AGENT = re.compile(r"^\s*([A-Za-z_*][\w*-]*)\s*:\s*(.*)$")
_VALUED_DIRECTIVES = frozenset(("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"))
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


@dataclass(frozen=True)
class Statement:
    """What one line, field or element says. ``verdict``: of training; None for nothing."""

    signal: Signal
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Rule:
    """A statement on the paths that a pattern matches, as robots.txt writes patterns; "" matches all."""

    pattern: str
    statement: Statement


def permission(statements: Iterable[Statement]) -> Permission:
    """One verdict: reserved if a statement says so, else allowed; with the signals of all, each once."""
    every = list(statements)
    signals = tuple(dict.fromkeys(statement.signal for statement in every))
    reserved = any(statement.verdict == "reserved" for statement in every)
    return Permission("reserved" if reserved else "allowed", signals)


def in_headers(headers: Iterable[tuple[str, str]], url: str, agent: str) -> list[Statement]:
    """What a response's header fields say of its content. ``headers``: names in any case, a field may occur often.

    ``Content-Usage``: draft-ietf-aipref-attach-05, 2, in the vocabulary of draft-ietf-aipref-vocab-08.
    ``Content-Signal``: Cloudflare's Content Signals (contentsignals.org), which are made for robots.txt.
    ``tdm-reservation``: TDM Reservation Protocol, W3C community group's final report of 2024, "TDM header field".
    ``X-Robots-Tag``: noai and noimageai are DeviantArt's (2022), noml is Mojeek's; the form, with an agent before a
    colon, is Google's. ``Link: <...>; rel="license"; type="application/rsl+xml"``: RSL 1.0 (rslstandard.org/rsl); it
    only says where the terms are, see `rsl_rules`.
    """
    statements = []
    fields: dict[str, list[str]] = {}
    for name, value in headers:
        fields.setdefault(name.lower(), []).append(value)
    for name in (CONTENT_USAGE, CONTENT_SIGNAL):
        if name in fields:
            words = ", ".join(fields[name])
            statements.append(Statement(Signal(name, f"header of {url}", words), _training(words)))
    for name in ("tdm-reservation", "tdm-policy"):
        for value in fields.get(name, ()):
            verdict = _reservation(value) if name == "tdm-reservation" else None
            statements.append(Statement(Signal(TDMREP, f"header of {url}", f"{name}: {value}"), verdict))
    for value in fields.get("x-robots-tag", ()):
        if _no_ai(value, agent):
            statements.append(Statement(Signal(ROBOTS_TAG, f"header of {url}", value), "reserved"))
    for value in fields.get("link", ()):
        if "application/rsl+xml" in value.lower():
            statements.append(Statement(Signal(RSL, f"header of {url}", value)))
    return statements


def in_metas(metas: Iterable[tuple[str, str]], url: str, agent: str) -> list[Statement]:
    """What a page's ``<meta>`` say: robots (or the agent's own name), TDMRep's, and header fields that stand there.

    ``metas``: (name or http-equiv, content). The rules are those of `in_headers`.
    """
    statements = []
    for name, content in metas:
        name = name.strip().lower()
        if name in ("robots", agent.lower()) and _no_ai(content, agent):
            statements.append(Statement(Signal(ROBOTS_TAG, f"meta of {url}", f"{name}: {content}"), "reserved"))
        elif name == "x-robots-tag" and _no_ai(content, agent):  # an http-equiv
            statements.append(Statement(Signal(ROBOTS_TAG, f"meta of {url}", content), "reserved"))
        elif name in (CONTENT_USAGE, CONTENT_SIGNAL):
            statements.append(Statement(Signal(name, f"meta of {url}", content), _training(content)))
        elif name in ("tdm-reservation", "tdm-policy"):
            verdict = _reservation(content) if name == "tdm-reservation" else None
            statements.append(Statement(Signal(TDMREP, f"meta of {url}", f"{name}: {content}"), verdict))
    return statements


def restated(name: str, place: str, value: str) -> Statement:
    """The statement of a signal that `in_headers` or `in_metas` gave."""
    verdict: Verdict | None = None
    if name in (CONTENT_USAGE, CONTENT_SIGNAL):
        verdict = _training(value)
    elif name == TDMREP:
        field, _, said = value.partition(":")
        verdict = _reservation(said) if field == "tdm-reservation" else None
    elif name == ROBOTS_TAG:
        verdict = "reserved"
    return Statement(Signal(name, place, value), verdict)


def _no_ai(directives: str, agent: str) -> bool:
    """Whether directives like ``noindex, noai`` forbid; what is said to another agent (``other: noai``) does not."""
    addressed = True
    for each in directives.lower().split(","):
        named = _ROBOTS_AGENT.match(each)
        if named and named[1] not in _VALUED_DIRECTIVES:
            addressed, each = named[1] in ("*", "robots", agent.lower()), named[2]
        if addressed and _NO_AI & frozenset(each.split()):
            return True
    return False


def _reservation(value: str) -> Verdict | None:
    value = value.strip().strip("\"'")
    return {"1": "reserved", "0": "allowed"}.get(value)  # type: ignore[return-value]


def _training(words: str) -> Verdict | None:
    """What ``train-ai=n, search=y`` or ``ai-train=no`` says of training: its narrowest label decides.

    Of a label that occurs twice with different values the stricter counts (vocab-08, 5.1).
    """
    stated: dict[str, set[str]] = {}
    for member in words.lower().split(","):
        label, equals, value = member.partition("=")
        value = value.partition(";")[0].strip().strip("\"'")
        if equals and value in _YES | _NO:
            stated.setdefault(label.strip(), set()).add("y" if value in _YES else "n")
    for label in _TRAINING:
        if label in stated:
            return "reserved" if "n" in stated[label] else "allowed"
    return None


# -- robots.txt, beside who may fetch what


@dataclass(frozen=True)
class RobotsLines:
    """The lines of a robots.txt that a crawler has to do with, (name in small letters, value), in their order."""

    group: tuple[tuple[str, str], ...] = ()
    outside: tuple[tuple[str, str], ...] = ()
    """Before all groups, and of fields that belong to none: ``Sitemap``, ``License``."""


def robots_lines(text: str, agent: str) -> RobotsLines:
    """Choose the groups of a robots.txt for a product token, as RFC 9309, 2.2.1 has it.

    All groups that name the token, in any case and with or without a version, else those of ``*``. Time and space are
    linear in the text, whatever it is.
    """
    agent = agent.lower()
    own: list[tuple[str, str]] = []
    everybody: list[tuple[str, str]] = []
    outside: list[tuple[str, str]] = []
    named = is_own = is_everybody = naming = begun = False
    for line in text.splitlines():
        name, colon, value = line.partition("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not name:
            continue
        if name in ("user-agent", "useragent", "user agent"):
            if not naming:
                is_own = is_everybody = False
            token = value.partition("/")[0].strip().lower()
            is_own, is_everybody = is_own or token == agent, is_everybody or token == "*"
            named, begun, naming = named or is_own, True, True
        elif name in ("sitemap", "license"):
            outside.append((name, value))
        else:
            naming = False
            if is_own:
                own.append((name, value))
            if is_everybody:
                everybody.append((name, value))
            if not begun:
                outside.append((name, value))
    return RobotsLines(tuple(own if named else everybody), tuple(outside))


@dataclass(frozen=True)
class RobotsPreferences:
    """What a robots.txt says of use, not of fetching."""

    rules: tuple[Rule, ...] = ()
    licenses: tuple[str, ...] = ()
    """URLs of RSL documents, as they stand there."""

    def at(self, path: str) -> list[Statement]:
        """What holds for a path with its query: of ``Content-Usage`` the longest match, of the others every one."""
        matching = [rule for rule in self.rules if matches(rule.pattern, path)]
        usage = [rule for rule in matching if rule.statement.signal.name == CONTENT_USAGE]
        longest = max((_length(rule.pattern) for rule in usage), default=0)
        return [
            rule.statement
            for rule in matching
            if rule.statement.signal.name != CONTENT_USAGE or _length(rule.pattern) == longest
        ]


def robots_preferences(lines: RobotsLines, url: str) -> RobotsPreferences:
    """Read ``Content-Usage``, ``Content-Signal`` and ``License`` of a robots.txt. At most `MOST_RULES` of them count.

    ``Content-Usage: [path] preferences`` belongs to its group; the longest path wins, and of equal ones the stricter
    (draft-ietf-aipref-attach-05, 3). ``Content-Signal`` is read in the group and, as Cloudflare's managed files had it
    at first, before all groups. ``License: URL`` is for everybody, wherever it stands (RSL 1.0).
    """
    rules = [_robots_rule(name, value, url) for name, value in lines.outside if name == CONTENT_SIGNAL]
    rules += [_robots_rule(*line, url) for line in lines.group if line[0] in (CONTENT_USAGE, CONTENT_SIGNAL)]
    licenses = [value for name, value in lines.outside if name == "license" and value]
    return RobotsPreferences(tuple(dict.fromkeys(rules))[:MOST_RULES], tuple(dict.fromkeys(licenses))[:MOST_LICENSES])


def _robots_rule(name: str, value: str, url: str) -> Rule:
    pattern, words = "", value
    if value.startswith("/"):
        pattern, *rest = value.split(None, 1)
        words = rest[0] if rest else ""
    return Rule(pattern, Statement(Signal(name, url, value), _training(words)))


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern of robots.txt (RFC 9309, 2.2.3: ``*``, a final ``$``) matches a path with its query.

    Time is linear in both, whatever the pattern.
    """
    if not pattern:
        return True
    pattern, path = _canonical(pattern), _canonical(path)
    whole = pattern.endswith("$")
    first, *parts = pattern[: -1 if whole else None].split("*")
    if not path.startswith(first):
        return False
    if not parts:
        return not whole or path == first
    at = len(first)
    for part in parts[:-1]:
        at = path.find(part, at)
        if at < 0:
            return False
        at += len(part)
    if whole:
        return path.endswith(parts[-1]) and len(path) - len(parts[-1]) >= at
    return path.find(parts[-1], at) >= 0


def _canonical(path: str) -> str:
    """Percent-encoding as RFC 9309, 2.2.2 compares it: what is unreserved plain, the rest encoded in capitals."""
    if "%" not in path and path.isascii():
        return path
    parts = re.split("(%[0-9A-Fa-f]{2})", path)
    shown = []
    for part in parts:
        if len(part) == 3 and part[0] == "%":
            character = unquote_to_bytes(part).decode("latin-1")
            shown.append(character if character in _UNRESERVED else part.upper())
        else:
            shown.append(quote(part, safe="!#$&'()*+,/:;=?@[]~%"))
    return "".join(shown)


def _length(pattern: str) -> int:
    return len(_canonical(pattern).encode())


# -- /.well-known/tdmrep.json


def tdmrep_rules(data: bytes, url: str) -> tuple[Rule, ...]:
    """The rules of a ``/.well-known/tdmrep.json``, in their order; none if it is no such file.

    TDM Reservation Protocol, W3C community group's final report of 2024: an array of {location, tdm-reservation,
    tdm-policy}, location as in robots.txt. A single object is read as an array of one.
    """
    try:
        every = json.loads(data[:MOST_BYTES])
    except (ValueError, RecursionError):
        return ()
    rules = []
    for each in every if isinstance(every, list) else [every]:
        if not isinstance(each, dict) or "tdm-reservation" not in each:
            continue
        location = each.get("location", "/")
        words = json.dumps(each, ensure_ascii=False, sort_keys=True)
        verdict = _reservation(str(each["tdm-reservation"]))
        rules.append(
            Rule(location if isinstance(location, str) else "/", Statement(Signal(TDMREP, url, words), verdict))
        )
    return tuple(rules)


def tdmrep_at(rules: Sequence[Rule], path: str) -> list[Statement]:
    """What holds for a path. The report takes the first rule that matches for the most specific one; writers expect the
    longest, as in robots.txt. Where they differ both are given, so that the stricter decides."""
    matching = [rule for rule in rules if matches(rule.pattern, path)]
    if not matching:
        return []
    longest = max(matching, key=lambda rule: _length(rule.pattern))
    return list(dict.fromkeys((matching[0].statement, longest.statement)))


# -- RSL


def rsl_terms(data: bytes, url: str) -> tuple[Rule, ...] | None:
    """The rules of an RSL document (RSL 1.0, rslstandard.org/rsl), on paths or URLs; None if it is none.

    Of a ``<content>``'s licences, which are alternatives, one is enough that lets everybody train for nothing: it
    permits the usage (``all``, ``ai-all``, ``ai-train``; no ``<permits type="usage">`` restricts nothing), does not
    prohibit it, and asks for no payment but attribution. A ``server`` means that a licence has to be obtained first.
    A content without ``<license>`` says nothing.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        root = etree.fromstring(data[:MOST_BYTES], parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if _local(root) != "rsl":
        return None
    rules = []
    for content in root.iter("{*}content"):
        licenses = [child for child in content if _local(child) == "license"]
        verdict: Verdict | None = None
        if licenses:
            free = content.get("server") is None and any(_lets_train(each) for each in licenses)
            verdict = "allowed" if free else "reserved"
        words = etree.tostring(content, encoding="unicode", with_tail=False)
        rules.append(Rule(content.get("url") or "/", Statement(Signal(RSL, url, " ".join(words.split())), verdict)))
    return tuple(rules)


def rsl_at(terms: Sequence[Rule], url: str) -> list[Statement]:
    """What holds for a URL: the longest pattern that matches. Paths are of the server that names the document."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    matching = []
    for rule in terms:
        subject = path if rule.pattern.startswith(("/", "*")) else url
        if matches(rule.pattern, subject):
            matching.append(rule)
    longest = max((_length(rule.pattern) for rule in matching), default=0)
    return [rule.statement for rule in matching if _length(rule.pattern) == longest]


def unread_license(document: str, place: str, why: str) -> Statement:
    """Of an RSL document that could not be read: its terms are unknown, which is no permission."""
    return Statement(Signal(RSL, place, f"License: {document} ({why})"), "reserved")


def rsl_links(headers: Iterable[tuple[str, str]]) -> list[str]:
    """URLs of RSL documents that ``Link`` fields name, as they stand there."""
    found = []
    for name, value in headers:
        if name.lower() == "link":
            for target, parameters in re.findall(r"<([^<>]*)>([^<]*)", value):
                words = parameters.lower()
                if "application/rsl+xml" in words and re.search(r"""rel\s*=\s*["']?[^;"']*\blicense\b""", words):
                    found.append(target)
    return found


def _lets_train(license_: etree._Element) -> bool:
    permits, prohibits, payment = None, frozenset[str](), ""
    for child in license_:
        name, kind = _local(child), (child.get("type") or "").lower()
        usages = frozenset(re.split(r"[\s,]+", (child.text or "").strip().lower()))
        if name == "permits" and kind == "usage":
            permits = usages | (permits or frozenset())
        elif name == "prohibits" and kind == "usage":
            prohibits |= usages
        elif name == "payment":
            payment = kind
    permitted = permits is None or bool(permits & _USAGES)
    return permitted and not prohibits & _USAGES and payment in _FREE


def _local(element: etree._Element) -> str:
    tag = element.tag
    return etree.QName(tag).localname.lower() if isinstance(tag, str) else ""
