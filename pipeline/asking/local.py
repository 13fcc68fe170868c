"""A model that the worker runs itself, by transformers: a captioner like any endpoint. Needs svgmill[caption-local]."""

from __future__ import annotations

import asyncio
import io
from typing import Any

from pipeline.asking.endpoint import Completion, read
from pipeline.asking.request import Request, Usage
from pipeline.asking.settings import AskSettings
from pipeline.errors import ConfigError


class Local:
    """Looks at up to ``local.batch`` pictures together: those that wait when the ones before are done.

    A model samples at a temperature over 0, else it takes the likeliest. Answers of a batch can differ in a token from
    those of each picture alone, since sums are rounded otherwise; the cache keeps what was answered first. Raises
    ConfigError if the model cannot be loaded.
    """

    def __init__(self, settings: AskSettings) -> None:
        assert settings.local is not None
        self._settings, self._local = settings, settings.local
        try:
            import torch
            import transformers
            from PIL import Image
        except ImportError as error:
            raise ConfigError(
                f"ask.local needs {error.name}, of svgmill[caption-local]: pip install 'svgmill[caption-local]'"
            ) from None
        self._torch, self._image = torch, Image
        if self._local.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("ask.local.device is cuda, and PyTorch finds no GPU here; set it to cpu, or add a node")
        path = self._local.path
        try:
            processors: Any = transformers.AutoProcessor
            self._processor: Any = processors.from_pretrained(path, padding_side="left")
            model: Any = transformers.AutoModelForImageTextToText.from_pretrained(path, dtype="auto")
        except (OSError, ValueError, KeyError) as error:
            told = " ".join(str(error).split())[:200]
            raise ConfigError(f"ask.local.path: {path} holds no model that takes pictures and text: {told}") from None
        self._model = model.to(self._local.device).eval()
        self._waiting: list[tuple[Request, asyncio.Future[Completion]]] = []
        self._running: asyncio.Task[None] | None = None

    async def answer(self, request: Request) -> Completion:
        """As `Captioner.answer`."""
        future: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def alive(self) -> bool:
        """It is."""
        return True

    async def close(self) -> None:
        """Let go of the model."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        del self._model

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)
            batch, self._waiting = self._waiting[: self._local.batch], self._waiting[self._local.batch :]
            try:
                answers = await asyncio.to_thread(self._generate, [request for request, _ in batch])
            except Exception as error:  # whoever waits for an answer has to learn of it
                for _, future in batch:
                    future.set_exception(error)
                return
            for (_, future), (text, finish, usage) in zip(batch, answers, strict=True):
                try:
                    future.set_result(read(text, finish, "", usage, False))
                except Exception as error:  # an answer without a caption
                    future.set_exception(error)

    def _generate(self, requests: list[Request]) -> list[tuple[str, str, Usage]]:
        """Text, why it ended, and usage for each."""
        settings, torch = self._settings, self._torch
        chats = [self._chat(request) for request in requests]
        inputs = self._processor.apply_chat_template(
            chats,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        ).to(self._model.device, dtype=self._model.dtype)
        sampling: dict[str, Any] = {"do_sample": settings.temperature > 0}
        if settings.temperature > 0:
            sampling["temperature"] = settings.temperature
            torch.manual_seed(settings.seed or 0)
        with torch.inference_mode():
            ids = self._model.generate(**inputs, max_new_tokens=settings.max_tokens, **sampling)
        begin = inputs["input_ids"].shape[1]
        given = inputs["attention_mask"].sum(dim=1).tolist()
        texts = self._processor.batch_decode(ids[:, begin:], skip_special_tokens=True)
        ends = self._ends()
        answers = []
        for text, count, row in zip(texts, given, ids[:, begin:].tolist(), strict=True):
            length = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
            whole = length < len(row) or (bool(row) and row[-1] in ends)
            finish = "stop" if whole or len(row) < settings.max_tokens else "length"
            answers.append((text, finish, Usage(1, int(count), length)))
        return answers

    def _chat(self, request: Request) -> list[dict[str, Any]]:
        picture = self._image.open(io.BytesIO(request.picture)).convert("RGB")
        content = [{"type": "image", "image": picture}, {"type": "text", "text": request.prompt}]
        return [{"role": "user", "content": content}]

    def _ends(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        return set(ends if isinstance(ends, list) else [ends])
