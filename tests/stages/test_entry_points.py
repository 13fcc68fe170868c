"""What other packages bring is loaded with the package's version, or refused with its name."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.entry_points import Loaded, PackageUnusable, load

GROUP = "svgmill.test"

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a package of one module: its name, its version, its code, its entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name: str, version: str, code: str, points: str) -> None:
        (tmp_path / f"{name}.py").write_text(code)
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{points}\n")
        monkeypatch.delitem(sys.modules, name, raising=False)

    return add


def test_objects_come_with_the_version_of_their_package(install: Install) -> None:
    """Sorted by name, whichever package brings them; a group that nobody knows has none."""
    install("toybox", "1.2", "CAR = 4\nBIKE = 2", "car = toybox:CAR\nbike = toybox:BIKE")
    install("anvil", "0.1.dev3", "CART = 2", "cart = anvil:CART")
    assert load(GROUP, int) == (
        Loaded("bike", 2, "toybox 1.2"),
        Loaded("car", 4, "toybox 1.2"),
        Loaded("cart", 2, "anvil 0.1.dev3"),
    )
    assert load("svgmill.nothing", int) == ()


@pytest.mark.parametrize(
    ("code", "point", "fault"),
    [
        ("CAR = 1/0", "car = broken:CAR", "of broken 3 does not load: ZeroDivisionError"),
        ("BIKE = 2", "car = broken:CAR", "of broken 3 does not load: AttributeError"),
        ("CAR = 'x'", "car = broken:CAR", "of broken 3 is of type str, not builtins.int or builtins.float"),
    ],
)
def test_a_broken_package_is_named(install: Install, code: str, point: str, fault: str) -> None:
    """What does not load, or is something else, says which package is to be mended."""
    install("broken", "3", code, point)
    with pytest.raises(PackageUnusable, match=fault):
        load(GROUP, (int, float))


def test_two_packages_cannot_bring_one_name(install: Install) -> None:
    """Which one is meant would depend on the order in which they are found."""
    install("one", "1", "CAR = 1", "car = one:CAR")
    install("two", "2", "CAR = 2", "car = two:CAR")
    with pytest.raises(PackageUnusable, match="one 1 and two 2 both bring car"):
        load(GROUP, int)
