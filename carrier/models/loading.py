"""Imports litellm when it is first needed: it takes 2 s and 160 MB, and has to be told to keep quiet."""

import asyncio
import gc
import logging
import os
import threading
import warnings
from functools import cache
from typing import Any

_loading = threading.Lock()


async def loaded_litellm() -> Any:
    """The module; it is imported in a thread when it is first needed."""
    if _load.cache_info().currsize:
        return _load()
    return await asyncio.to_thread(load_litellm)


def load_litellm() -> Any:
    """The module, imported without any request of its own; call it in a thread."""
    with _loading:
        return _load()


@cache
def _load() -> Any:
    # Without these the import fetches a price list, and reads ./.env into the process.
    os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_MODE="PRODUCTION")
    # Its own deprecated ways are nothing an operator could mend.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm

        litellm.suppress_debug_info = True
        litellm.disable_hf_tokenizer_download = True
        litellm.drop_params = True
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        _warm_up(litellm)
    # It is there to stay, and so large that to look through it for garbage would hold up everything for 100 ms.
    gc.freeze()
    return litellm


def _warm_up(litellm: Any) -> None:
    """Half a second of further imports and set-up, which the first call would else make on the event loop."""
    import openai

    _ = openai.AsyncOpenAI(api_key="none").chat.completions
    asked = {"model": "openai/warm-up", "messages": [{"role": "user", "content": "-"}], "mock_response": "-"}
    litellm.completion(**asked)
    litellm.stream_chunk_builder(list(litellm.completion(**asked, stream=True)), messages=asked["messages"])


async def close_connections() -> None:
    """Close what litellm keeps open; nothing to do while it was never imported."""
    if _load.cache_info().currsize:
        await _load().close_litellm_async_clients()
