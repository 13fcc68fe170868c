"""Captions by a model that this machine runs itself: as many a second as it gives, and what it says.

``python benchmarks/local_captions.py MODEL_DIR [--device cuda] [--pictures 64] [--batch 16]``

The drawings are those of tests/helpers.py, or SVG files of ``--svgs FOLDER``. MODEL_DIR may be ``tiny``: a model of a
few layers with random weights is made then, whose words mean nothing, so that all but the words is tried where no model
is at hand.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from pipeline.asking import prompts
from pipeline.asking.endpoint import Answered
from pipeline.asking.local import Local
from pipeline.asking.request import Request
from pipeline.asking.settings import AskSettings
from stages.render.looks import DrawnLook, LookSettings, looks
from stages.render.settings import RendererSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--max-tokens", type=int, default=100)
    parser.add_argument("--size", type=int, default=448)
    parser.add_argument("--svgs", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = make_tiny(Path(folder)) if arguments.model == "tiny" else arguments.model
        local = {"path": str(path), "device": arguments.device, "batch": arguments.batch}
        settings = AskSettings.model_validate(
            {"model": arguments.model, "local": local, "max_tokens": arguments.max_tokens, "styles": ("short",)},
            strict=False,
        )
        asyncio.run(measure(settings, requests_of(arguments, settings)))


def requests_of(arguments: argparse.Namespace, settings: AskSettings) -> list[Request]:
    """Drawings as they are shown, with the prompt of the short style."""
    if arguments.svgs:
        svgs = [path.read_text(encoding="utf-8") for path in sorted(arguments.svgs.rglob("*.svg"))]
    else:
        from tests.helpers import drawing

        svgs = [drawing(number) for number in range(arguments.pictures)]
    svgs = svgs[: arguments.pictures]
    table = pa.table({"sample_id": [str(number) for number in range(len(svgs))], "svg": svgs})
    look = DrawnLook(picture=LookSettings(size=arguments.size), renderer=RendererSettings())
    (prompt,) = prompts.load(settings, Path())
    drawn = looks(table, look.model_dump_json())[0].to_pylist()
    return [Request(row["digest"], row["sample_id"], "short", prompt.filled({}), row["picture"]) for row in drawn]


async def measure(settings: AskSettings, requests: list[Request]) -> None:
    began = time.perf_counter()
    model = Local(settings)
    print(f"loaded in {time.perf_counter() - began:.1f} s", flush=True)
    began, tokens = time.perf_counter(), [0, 0]

    async def ask(request: Request) -> str:
        try:
            done = await model.answer(request)
        except Answered as answered:
            tokens[0] += answered.usage.input_tokens
            tokens[1] += answered.usage.output_tokens
            return f"[{answered.why.reason}: {answered.why.detail}]"
        tokens[0] += done.usage.input_tokens
        tokens[1] += done.usage.output_tokens
        return done.text

    texts = await asyncio.gather(*map(ask, requests))
    seconds = time.perf_counter() - began
    for text in texts[:10]:
        print("  ", text[:150])
    reasons = sum(text.startswith("[") for text in texts)
    print(f"{len(texts)} pictures in {seconds:.1f} s, {len(texts) / seconds:.2f}/s, {reasons} without a caption")
    print(f"{tokens[0]} tokens in, {tokens[1]} out, {tokens[1] / seconds:.0f} out a second")
    await model.close()


def make_tiny(folder: Path) -> Path:
    """A LLaVA of two small layers a part, with random weights and a vocabulary of bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<s>", "</s>", "<pad>", "<image>"]
    words = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate([*special, *alphabet])}, merges=[]))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14,
        projection_dim=32,
    )  # fmt: skip
    text = LlamaConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        vocab_size=len(special) + len(alphabet), bos_token_id=0, eos_token_id=1, pad_token_id=2,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=3))
    model.generation_config.eos_token_id = 1
    model.generation_config.pad_token_id = 2
    template = (
        "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>{% else %}"
        "{{ c['text'] }}{% endif %}{% endfor %}{% endfor %}"
    )
    size = {"height": 56, "width": 56}
    processor = LlavaProcessor(
        CLIPImageProcessor(size=size, crop_size=size), tokenizer, patch_size=14, image_token="<image>",
        vision_feature_select_strategy="default", num_additional_image_tokens=1, chat_template=template,
    )  # fmt: skip
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
