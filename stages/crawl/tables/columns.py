"""Which column of a table is what: those that a table has, by the names that the settings give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from stages.crawl.container import NoColumn, TableError
from stages.crawl.listing import display
from stages.crawl.settings import CaptionColumn, Columns, TableColumns
from stages.crawl.tables.presets import PRESETS, USUAL

NOT_IN_COLUMNS = " not in columns"
"""Behind the name of a column that says nothing because the config does not name it."""

LONGEST_SHOWN = 60
"""Characters of a column's name that messages and counts show."""

Form = Literal["text", "texts", "scalar", "any", ""]
"""What a column holds: a text or bytes, a list of them, a number, date or truth value, only nulls so far, or what
nothing is made of."""


@dataclass(frozen=True)
class Column:
    """A column as its table has it; ``path`` has a point for each level of what is nested."""

    path: str
    form: Form
    top: str
    """The table's column that it is, or is in."""
    type: str
    """That column's, for messages."""
    number: int = 0
    """Tells columns of one name apart."""
    loose: bool = False
    """Each row may hold something else, so that one without a text says nothing of the others."""


@dataclass(frozen=True)
class Layout:
    """By which names columns are what; as `TableColumns` says, but with nothing left open."""

    svg: str | None
    path: tuple[str, ...]
    id: tuple[str, ...]
    captions: tuple[CaptionColumn, ...]
    hints: tuple[str, ...]
    url: tuple[str, ...]
    license: tuple[str, ...]
    author: tuple[str, ...]
    facts: tuple[str, ...]
    required: tuple[str, ...] = ()
    """Of the names those that a table must have."""
    one_of: tuple[tuple[str, ...], ...] = ()
    """Names of which a table must have one."""
    setting: str = "the source's setting column"
    """What names the drawing, for messages."""


def layout_of(columns: Columns, svg: str | None) -> Layout:
    """The layout of tables that lie among drawings."""
    names = {name: getattr(columns, name) for name in ("path", "hints", "url", "license", "author", "facts")}
    return Layout(svg=svg, id=(), captions=_captions(columns.captions), **names)


def table_layout(columns: TableColumns, preset: str | None = None) -> Layout:
    """The layout of tables that are a source. What ``columns`` names a table must have; ``preset``: see `PRESETS`."""
    own = columns.model_dump(exclude_none=True)
    usual = USUAL.model_dump(exclude_none=True)
    given = PRESETS[preset].model_dump(exclude_none=True) if preset is not None else {}
    values = TableColumns.model_validate(usual | given | own)
    single = [own[name] for name in ("path", "id", "url", "license", "author") if own.get(name)]
    captions = _captions(columns.captions or ())
    every = [name for names in (columns.hints, columns.facts) for name in names or ()]
    required = [*(caption.column for caption in captions), *every]
    assert values.path is not None and values.id is not None and values.captions is not None
    assert values.hints is not None and values.url is not None and values.license is not None
    assert values.author is not None and values.facts is not None
    return Layout(
        values.svg,
        values.path,
        values.id,
        _captions(values.captions),
        values.hints,
        values.url,
        values.license,
        values.author,
        (*values.id, *values.facts),
        tuple(required),
        tuple(single),
        "the source's setting columns.svg",
    )


def _captions(columns: Iterable[str | CaptionColumn]) -> tuple[CaptionColumn, ...]:
    return tuple(CaptionColumn(column=each) if isinstance(each, str) else each for each in columns)


@dataclass(frozen=True)
class CaptionRole:
    """Captions come from ``column``, and in rows where it has none from ``otherwise``."""

    column: Column
    otherwise: Column | None
    setting: CaptionColumn


@dataclass(frozen=True)
class Roles:
    """What the columns of one table are."""

    drawing: Column
    path: Column | None
    id: Column | None
    captions: tuple[CaptionRole, ...]
    hints: tuple[Column, ...]
    url: Column | None
    license: Column | None
    author: Column | None
    facts: tuple[Column, ...]

    @property
    def taken(self) -> tuple[Column, ...]:
        """All of them but the drawing, each once."""
        single = (self.path, self.id, self.url, self.license, self.author)
        captions = (column for role in self.captions for column in (role.column, role.otherwise))
        every = [column for column in (*single, *captions, *self.hints, *self.facts) if column is not None]
        return tuple(column for column in dict.fromkeys(every) if column != self.drawing)


Resolve = Callable[[Sequence[Column]], Roles]
"""What the columns are that a table is known to have. Raises NoColumn, TableError."""


class Resolver:
    """Finds out what the columns of a table are, and remembers which are nothing."""

    def __init__(self, path: str, layout: Layout) -> None:
        self._path, self._layout = path, layout
        self._known: tuple[Column, ...] = ()
        self._taken: set[str] = set()

    def __call__(self, columns: Sequence[Column]) -> Roles:
        """As `Resolve`; again whenever more columns are known."""
        layout = self._layout
        drawing = _drawing(columns, self._path, layout)
        fit = [column for column in columns if column != drawing]

        def every(names: Sequence[str], *forms: Form) -> tuple[Column, ...]:
            able = [column for column in fit if column.form in ("any", *forms)]
            return tuple(dict.fromkeys(column for name in names for column in able if _is_called(column, name)))

        def first(names: Sequence[str], *forms: Form) -> Column | None:
            return next(iter(every(names, *forms)), None)

        captions: dict[Column, CaptionRole] = {}
        for setting in layout.captions:
            otherwise = every((setting.otherwise,), "text", "texts") if setting.otherwise else ()
            for column in every((setting.column,), "text", "texts") or otherwise:
                captions.setdefault(column, CaptionRole(column, next(iter(otherwise), None), setting))
        roles = Roles(
            drawing,
            first(layout.path, "text", "scalar"),
            first(layout.id, "text", "scalar"),
            tuple(captions.values()),
            every(layout.hints, "text", "texts"),
            first(layout.url, "text"),
            first(layout.license, "text"),
            first(layout.author, "text", "texts"),
            every(layout.facts, "text", "texts", "scalar"),
        )
        self._known = tuple(columns)
        self._taken |= {column.path for column in (drawing, *roles.taken)}
        return roles

    def complete(self) -> None:
        """Once all columns are known: raise NoColumn if one is missing that the settings name."""
        groups = [(name,) for name in self._layout.required] + list(self._layout.one_of)
        for names in groups:
            if not any(_is_called(column, name) for name in names for column in self._known):
                what = f"no column {' or '.join(names)}{_those(self._known)}"
                raise NoColumn(self._path, what, "the source's setting columns")

    def ignored(self) -> list[str]:
        """What to count: the columns that were nothing, in the table's order."""
        left = [column for column in self._known if column.path not in self._taken]
        return [f"column {shown(column)}{NOT_IN_COLUMNS}" for column in left]


def _is_called(column: Column, name: str) -> bool:
    return fnmatchcase(column.path.lower(), name.lower())


def _those(columns: Sequence[Column], most: int = 20) -> str:
    names = [shown(column) for column in columns]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"; its columns are {', '.join(names[:most])}{more}" if names else "; it has no columns"


def _drawing(columns: Sequence[Column], path: str, layout: Layout) -> Column:
    name = layout.svg
    texts = [
        column
        for column in columns
        if column.form in ("text", "any") or (column.loose and column.path.lower() == (name or "svg").lower())
    ]
    if name is None:
        usual = [column.path for column in texts if column.path == column.top and "svg" in column.path.lower()]
        chosen = min(usual, key=lambda text: (text.lower() != "svg", text), default=None)
        named = [column for column in columns if "svg" in column.top.lower()]
    else:
        chosen = name
        named = [column for column in columns if name == column.top or name.startswith(f"{column.top}.")]
    same = [column for column in texts if column.path == chosen]
    if len(same) == 1:
        return same[0]
    if same:
        raise TableError(path, f"{len(same)} columns of texts are called {chosen}; rename all but one")
    others = f"; columns of texts are {', '.join(shown(column) for column in texts[:20])}" if texts else ""
    if not named:
        wanted = "no column that has svg in its name" if name is None else f"no column {name}"
        raise NoColumn(path, wanted + (others or _those(columns)), layout.setting)
    top, kind = named[0].top, named[0].type
    inside = next((column.path for column in texts if column.top == top and column.path != top), None)
    remedy = f"name what is in it with {layout.setting}, such as {inside}" if inside else f"not text{others}"
    raise TableError(path, f"its column {top} is {kind if len(kind) <= 80 else f'{kind[:77]}...'}, {remedy}")


def shown(column: Column) -> str:
    """Its name, for messages and counts."""
    return display(column.path)[:LONGEST_SHOWN]
