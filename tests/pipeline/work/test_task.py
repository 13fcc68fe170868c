from dataclasses import dataclass

from pipeline.work.task import Step, Task, Work, planned
from stages.base import Settings


class Size(Settings):
    size: int


@dataclass(frozen=True)
class Payload:
    settings: Size


def nothing(work: Work[Payload]) -> None:
    raise AssertionError("no task is run here")


STEP = Step("nothing", nothing, "does nothing")  # type: ignore[arg-type]


def task(settings: Size) -> Task[Payload]:
    return planned(STEP, "source", "key", Payload(settings), {}, [])


def test_tasks_of_the_same_settings_share_them() -> None:
    """Settings are held once for all tasks that are made with them, and tasks of others have their own."""
    small, large = Size(size=1), Size(size=2)
    one, two, three, four = task(small), task(small), task(large), task(small)
    assert one.basis.settings is two.basis.settings
    assert three.basis.settings == {"size": 2} and four.basis.settings == {"size": 1}
    assert one.basis.fingerprint == four.basis.fingerprint != three.basis.fingerprint
