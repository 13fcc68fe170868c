"""The error tree: its classes, their exit codes, and which of them a failure is."""

import errno
import importlib
import inspect
import pkgutil
import re

import pytest

import pipeline
from pipeline import errors
from pipeline.cli import app
from pipeline.errors import UserError
from pipeline.run.failures import CLASSES, gave_up
from pipeline.storage.base import read_error, write_error
from pipeline.work.task import Cause, Failed

CODES = {
    "RunAgain": 75,
    "StoreUnavailable": 75,
    "UnknownOutcome": 75,
    "Overtaken": 75,
    "AlreadyExists": 75,
    "LostRace": 75,
    "Busy": 75,
    "EndpointDown": 75,
    "WorkersLost": 75,
    "RayUnavailable": 75,
    "Mend": 2,
    "ConfigError": 2,
    "NoPictures": 2,
    "BudgetSpent": 2,
    "InputError": 2,
    "Rejected": 2,
    "EmbeddingsError": 2,
    "StoreRefused": 2,
    "Unwritable": 2,
    "Damaged": 2,
    "DamagedTable": 2,
    "DamagedFile": 2,
    "NotFound": 2,
    "LostTable": 2,
    "PartitionRefused": 2,
    "Defect": 1,
    "BalanceError": 1,
    "PartitionFailed": 1,
    "OverBudget": 3,
}


def classes() -> dict[str, type[UserError]]:
    """Every error of the package, by name."""
    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    by_name: dict[str, type[UserError]] = {}
    below = [UserError]
    while below:
        for kind in below.pop().__subclasses__():
            if kind.__module__.startswith("pipeline."):
                by_name[kind.__name__] = kind
                below.append(kind)
    return by_name


@pytest.mark.parametrize("name", CODES)
def test_each_error_ends_the_command_with_one_line_and_its_code(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command's outermost handler prints the line, no traceback, and exits as the table says."""
    kind = classes()[name]

    def fail() -> None:
        path = ["a/path"] if "path" in inspect.signature(kind.__init__).parameters else []
        raise kind("what was wrong; what to do", *path)

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == CODES[name]
    assert capsys.readouterr().err == "error: what was wrong; what to do\n"


def test_every_error_has_a_place_in_the_table_and_in_the_tree_that_is_drawn() -> None:
    """No class is left out, and the drawing in the module's docstring is what the classes inherit from."""
    assert set(classes()) == set(CODES)
    drawn: dict[str, str] = {}
    above = {0: "UserError"}
    for line in (errors.__doc__ or "").splitlines():
        if branch := re.match(r"[ │]*[├└]── (\w+)", line):
            above[branch.start(1)] = branch[1]
            drawn[branch[1]] = above[max(column for column in above if column < branch.start(1))]
    assert drawn == {name: kind.__mro__[1].__name__ for name, kind in classes().items()}


def test_an_error_of_the_system_is_classed_by_whether_it_passes() -> None:
    """A server that is away is asked again, and what it was to write may have been written; want of space is told."""
    away, full = OSError(errno.ESTALE, "Stale file handle"), OSError(errno.ENOSPC, "No space left on device")
    kinds = [type(wrap(error, "m")) for wrap in (read_error, write_error) for error in (away, full)]
    assert kinds == [errors.StoreUnavailable, errors.StoreRefused, errors.UnknownOutcome, errors.StoreRefused]


def test_a_partition_ends_the_run_as_its_cause_says() -> None:
    """Every cause has its class; the line names the first partition and counts the others."""
    assert set(CLASSES) == set(Cause)
    failures = [Failed("crawl", "icons", key, "its node was lost", Cause.LOST) for key in ("00002", "00001")]
    error = gave_up("crawl", failures)
    assert isinstance(error, errors.RunAgain)
    assert str(error).startswith("crawl failed on icons/00001: its node was lost (and 1 more partitions); ")
