"""What a curriculum is, as data: stages, tasks, and how often which samples come.

HiVG (supplement, training) trains in three stages, of which each keeps the tiers of those before it; the first has
atomic tokens, the others segment tokens. The defaults are HiVG's, and ``configs/curricula/hivg.yaml`` writes them out.
"""

from __future__ import annotations

import re
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from stages.base import Settings
from stages.crawl.items import CaptionStyle

TaskName = Literal["text_to_svg", "image_to_svg", "image_to_caption"]

TEXT_TO_SVG: Final = "text_to_svg"
IMAGE_TO_SVG: Final = "image_to_svg"
IMAGE_TO_CAPTION: Final = "image_to_caption"

CAPTION, PICTURE = "{caption}", "<image>"
"""What stands in a prompt for the caption, and for the picture: trainers know the latter by this name."""

_TIERS = ("L1", "L2", "L3")


class Frame(Settings):
    """The strings around a prompt and its answer, as a model is trained on them."""

    before: str = Field(description="before the prompt")
    between: str = Field(description="between prompt and answer")
    after: str = Field(description="after the answer; the loss counts it with the answer")


CHAT_BEGIN = "<|im_start|>"

CHAT_ML = Frame(
    before=f"{CHAT_BEGIN}system\nYou are a helpful assistant.<|im_end|>\n{CHAT_BEGIN}user\n",
    between=f"<|im_end|>\n{CHAT_BEGIN}assistant\n",
    after="<|im_end|>\n",
)
"""Of a tokenizer that has `CHAT_BEGIN`, as Qwen's."""


class TaskSettings(Settings):
    """One of the tasks that a model is trained in."""

    prompt: str = Field(
        description="what a model is told; {caption} stands for a caption, <image> for the picture", min_length=1
    )
    share: float = Field(
        1.0, ge=0, le=1, description="of the chosen samples, how many have a record of this task; 1: each of them"
    )
    styles: tuple[CaptionStyle, ...] = Field(
        (), description="captions of these styles only (tag, short, detailed); none given: of all"
    )
    captions: Literal["first", "any", "all"] = Field(
        "first",
        description="of a sample's captions in these styles: first: the best one; any: one of them, another one in each"
        " stage and copy; all: a record for each",
    )


class Stage(Settings):
    """One stage of the curriculum."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", description="goes into paths and datasets' names")
    tiers: tuple[str, ...] = Field(min_length=1, description="tiers that the stage trains on, those before it included")
    tokens: Literal["atomic", "segments"] = Field(description="what drawings are written in")
    context: int = Field(ge=16, description="tokens that the model sees at once: of prompt, picture and answer")
    epochs: float = Field(2.0, gt=0, description="how often a trainer goes over the stage; for the trainers' configs")


class Caps(Settings):
    """How many samples of a kind there may be in a stage."""

    source: int | None = Field(None, ge=1, description="samples of one source at most, chosen by hash; null: all")
    cluster: int | None = Field(
        None, ge=1, description="samples of one cluster of near-duplicates at most, chosen by hash; null: all"
    )


class Oversample(Settings):
    """A feature of drawings, and how often those that have it come."""

    feature: str = Field(
        min_length=1, description="a token such as <linearGradient> or <cmd_a>, or a flag of the index such as tiny_ink"
    )
    times: float = Field(gt=0, le=100, description="a factor: 2.5 gives each two copies, and every second a third")


def _hivg_stages() -> tuple[Stage, ...]:
    contexts = (1792, 2176, 2432)
    return tuple(
        Stage(
            name=f"stage{number}",
            tiers=_TIERS[:number],
            tokens="atomic" if number == 1 else "segments",
            context=context,
        )
        for number, context in enumerate(contexts, 1)
    )


def _hivg_tasks() -> dict[TaskName, TaskSettings]:
    return {
        TEXT_TO_SVG: TaskSettings(prompt=f"[T2ST] Generate SVG tokens from text. {CAPTION}"),
        IMAGE_TO_SVG: TaskSettings(prompt=f"[I2ST] {PICTURE}. Generate SVG tokens from image."),
        IMAGE_TO_CAPTION: TaskSettings(prompt=f"{PICTURE} Describe the image in one or two sentences."),
    }


class Curriculum(Settings):
    """Which records a model is trained on, in which order of stages. Of equal samples it is the same everywhere."""

    name: str = Field("hivg", pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", description="goes into datasets' names")
    seed: int = Field(0, ge=0, lt=2**63, description="another seed gives another order and other choices by hash")
    stages: tuple[Stage, ...] = Field(default_factory=_hivg_stages, min_length=1, description="in their order")
    tasks: dict[TaskName, TaskSettings] = Field(
        default_factory=_hivg_tasks,
        min_length=1,
        description="name (text_to_svg, image_to_svg, image_to_caption): task",
    )
    split: str = Field("train", description="the split that is trained on")
    evaluate: tuple[str, ...] = Field(
        ("validation",), description="splits that come beside it, each sample once: no caps, weights, oversampling"
    )
    caps: Caps = Field(default_factory=Caps, description="at most so many samples")
    weights: dict[str, float] = Field(
        default_factory=dict,
        description="source: how often its samples come; 0.5: half of them, 2: each twice; not named: 1",
    )
    oversample: tuple[Oversample, ...] = Field((), description="rare features; the factors of several are multiplied")
    too_long: Literal["leave_out", "keep"] = Field(
        "leave_out",
        description="what becomes of records that are longer than the context: keep: a trainer will cut them",
    )
    picture_tokens: int = Field(
        326, ge=0, description="tokens that a picture takes in the context; of 512 px in Qwen2.5-VL: 18 x 18, and two"
    )
    frame: Frame | None = Field(
        None,
        description="what stands around prompt and answer; null: ChatML if the version's tokenizer has its tokens, else"
        " the tokenizer's own bos and eos tokens, and a line end between",
    )

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages have the same name")
        if self.split in self.evaluate or len(set(self.evaluate)) < len(self.evaluate):
            raise ValueError("a split is named twice in split and evaluate")
        for name, task in self.tasks.items():
            shown = name != TEXT_TO_SVG
            if task.prompt.count(PICTURE) != shown:
                raise ValueError(f"the prompt of {name} must have {PICTURE} {'once' if shown else 'nowhere'}")
            if task.prompt.count(CAPTION) != (not shown):
                raise ValueError(f"the prompt of {name} must have {CAPTION} {'nowhere' if shown else 'once'}")
            if foreign := re.search(r"<(?!image>)[^<>\s]*>", task.prompt):
                raise ValueError(f"the prompt of {name} has {foreign[0]}, which a tokenizer takes for a token")
        for source, weight in self.weights.items():
            if not 0 <= weight <= 100:
                raise ValueError(f"the weight of {source} must be 0 to 100, not {weight:g}")
        return self
