"""What a run does for captions: what duplicates, a model and people say is brought to each drawing, and chosen from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pipeline.asking import prompts
from pipeline.config import Config
from pipeline.run.asking import Asking
from pipeline.run.stage import Run, StageRunner
from pipeline.steps.caption import CAPTION_STEP, caption_tasks
from pipeline.steps.edited import EDITED_STEP, edited_tasks
from pipeline.steps.lend import BORROW, LEND, borrow_tasks, lend_tasks, lends, parts_of
from pipeline.steps.look import LOOK, look_tasks
from pipeline.steps.repeats import HEAR, REPEATS, Heard, hear_tasks, repeats_tasks
from pipeline.versions import edits
from pipeline.work.ledger import Record
from pipeline.work.records import Records


@dataclass(frozen=True)
class Captioned:
    """A record of captions for each samples partition, and of a model's answers where one is configured."""

    captions: Records
    answers: Records


def offer_captions(
    config: Config, runner: StageRunner, passed: Sequence[Record], samples: Sequence[Record], decided: Record
) -> None:
    """Offer what `captioned` needs nothing for but what was decided."""
    if _looked_at(config):
        runner.offer(LOOK, partial(look_tasks, config, samples, decided))
    if lends(config, decided):
        runner.offer(LEND, partial(lend_tasks, config, passed, decided))


def _looked_at(config: Config) -> bool:
    """Whether pictures are drawn for a model or a scorer."""
    return bool(config.ask or config.caption.scorer)


def captioned(
    asking: Asking,
    run: Run,
    runner: StageRunner,
    passed: Sequence[Record],
    samples: Sequence[Record],
    decided: Record,
    described: Sequence[Record],
) -> Captioned:
    """Run, or plan, what captions take. ``passed``: samples partitions, with those of copies; ``samples``: those that
    have survivors' drawings; ``described``: of these what is known without a model.

    A model is told what is known of the drawing's own record, and nothing of its duplicates: another duplicate changes
    no prompt, so that nothing is paid for twice. Raises as `Asking.answers`.
    """
    config = asking.config
    looks = run(LOOK, look_tasks(config, samples, decided)) if _looked_at(config) else Records()
    answers = asking.answers(run, runner, looks, described)
    lent = run(LEND, lend_tasks(config, passed, decided)) if lends(config, decided) else Records()
    borrowing = borrow_tasks(config, lent)
    del lent  # as many as partitions
    borrowed = parts_of(run(BORROW, borrowing)) if borrowing else {}
    editing = edited_tasks(edits.imports(asking.storage), passed, decided)
    edited = parts_of(run(EDITED_STEP, editing)) if editing else {}

    def heard() -> Iterator[Heard]:
        for place, record in enumerate(described):
            name = f"{record.source}/{record.key}"
            answer = answers[place].outputs["kept"] if answers else None
            look = looks[place].outputs["kept"] if config.caption.scorer else None
            yield Heard(name, record, answer, borrowed.get(name, ()), edited.get(name, ()), look)

    hearing = next(hear_tasks(config, heard()), None)
    repeating = repeats_tasks(config, run(HEAR, hear_tasks(config, heard()))) if hearing else []
    common = parts_of(run(REPEATS, repeating)) if repeating else {}
    told = [prompt.template for prompt in prompts.load(config.ask, asking.base)] if config.ask else []
    return Captioned(run(CAPTION_STEP, caption_tasks(config, heard(), common, told)), answers)
