"""What a reader can hold in the head: no module and no class is longer."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULE, CLASS = 500, 250
"""Lines at most; of a class in the packages, from its name to its end."""


def modules(*folders: str) -> list[Path]:
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    assert paths
    return paths


def test_no_module_is_too_long() -> None:
    """In the packages, the tests, the benchmarks, the examples and the tools."""
    lines = {
        path: path.read_text(encoding="utf-8").count("\n")
        for path in modules("pipeline", "stages", "tests", "benchmarks", "examples", "tools")
    }
    assert not {str(path.relative_to(ROOT)): n for path, n in lines.items() if n > MODULE}


def test_no_class_is_too_long() -> None:
    """In the packages."""
    classes = {
        f"{path.relative_to(ROOT)} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in modules("pipeline", "stages")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    assert not {name: n for name, n in classes.items() if n > CLASS}
