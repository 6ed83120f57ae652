"""Chooses the model that `auto` stands for: a key that is set, a model server on this machine, or the script."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from carrier.types.models import Choice, ModelProfile


class Vendor(NamedTuple):
    key: str
    large: str
    small: str


VENDORS = (
    Vendor("ANTHROPIC_API_KEY", "anthropic/claude-sonnet-5", "anthropic/claude-haiku-4-5"),
    Vendor("OPENAI_API_KEY", "openai/gpt-5.4", "openai/gpt-5.4-mini"),
    Vendor("GEMINI_API_KEY", "gemini/gemini-pro-latest", "gemini/gemini-flash-latest"),
    Vendor("MISTRAL_API_KEY", "mistral/mistral-large-latest", "mistral/mistral-small-latest"),
    Vendor("GROQ_API_KEY", "groq/openai/gpt-oss-120b", "groq/openai/gpt-oss-20b"),
    Vendor("OPENROUTER_API_KEY", "openrouter/anthropic/claude-sonnet-4.6", "openrouter/anthropic/claude-haiku-4.5"),
    Vendor("XAI_API_KEY", "xai/grok-4-latest", "xai/grok-4-1-fast-non-reasoning-latest"),
    Vendor("DEEPSEEK_API_KEY", "deepseek/deepseek-chat", "deepseek/deepseek-chat"),
)


class Server(NamedTuple):
    """A model server that may run on this machine."""

    title: str
    address: str


OPENAI_LIKE = (
    Server("llama.cpp", "127.0.0.1:8080"),
    Server("LM Studio", "127.0.0.1:1234"),
    Server("vLLM", "127.0.0.1:8000"),
)


async def choose(
    profile: ModelProfile,
    agent: str,
    environment: Mapping[str, str],
    own_port: int,
    servers: Sequence[Server] = OPENAI_LIKE,
) -> Choice:
    """What a profile comes down to for an agent; only `auto` is looked into. Takes at most 0.6 s."""
    if profile.use != "auto":
        return Choice(profile.use, "the configuration names it", profile.base_url)
    return by_key(profile, environment) or await by_server(environment, own_port, servers) or by_script(profile, agent)


def by_key(profile: ModelProfile, environment: Mapping[str, str]) -> Choice | None:
    if not network_allowed(environment):
        return None
    for vendor in VENDORS:
        if environment.get(vendor.key):
            use = vendor.small if profile.name == "small" else vendor.large
            return Choice(use, f"{vendor.key} is set", profile.base_url)
    return None


def network_allowed(environment: Mapping[str, str]) -> bool:
    """Whether models outside this machine may be asked; CARRIER_NETWORK_MODELS=0 says no."""
    return environment.get("CARRIER_NETWORK_MODELS", "1") != "0"


async def by_server(environment: Mapping[str, str], own_port: int, servers: Sequence[Server]) -> Choice | None:
    """The first server that answers and has a model; all are asked at once."""
    ollama = environment.get("OLLAMA_HOST") or "127.0.0.1:11434"
    found = await asyncio.gather(
        _ask_ollama(ollama, own_port), *(_ask_openai_like(server, own_port) for server in servers)
    )
    return next(filter(None, found), None)


def by_script(profile: ModelProfile, agent: str) -> Choice:
    script = agent if agent in profile.scripts else "default"
    why = "no key is set and no model server answers on this machine"
    return Choice(f"scripted/{script}", f"{why}; answers come from the script {script}")


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


async def _ask_ollama(address: str, own_port: int) -> Choice | None:
    host, port = _host_and_port(address, 11434)
    if not is_loopback(host) or port == own_port:
        return None
    names = _names(await _ask(host, port, "/api/tags"), "models", "name")
    about = await asyncio.gather(*(_ask(host, port, "/api/show", {"model": name}) for name in names[:8]))
    able = [name for name, told in zip(names, about, strict=False) if "tools" in told.get("capabilities", ())]
    why = f"no key is set, but Ollama answers on port {port}"
    return next((Choice(f"ollama/{name}", why, f"http://{host}:{port}") for name in [*able, *names]), None)


async def _ask_openai_like(server: Server, own_port: int) -> Choice | None:
    host, port = _host_and_port(server.address, 80)
    if port == own_port:
        return None
    names = _names(await _ask(host, port, "/v1/models"), "data", "id")
    why = f"no key is set, but {server.title} answers on port {port}"
    return next((Choice(f"openai/{name}", why, f"http://{host}:{port}/v1") for name in names), None)


def _names(told: Mapping[str, Any], under: str, key: str) -> list[str]:
    """The models a server lists, without those that only embed."""
    listed = told.get(under) or ()
    names = [str(model.get(key, "")) for model in listed if isinstance(model, dict)]
    return [name for name in names if name and "embed" not in name]


async def _ask(host: str, port: int, path: str, question: object = None) -> dict[str, Any]:
    """The JSON object a server answers with; empty when nothing, or nothing of the kind, answers within 0.3 s."""
    try:
        async with asyncio.timeout(0.3):
            head, _, body = (await _exchange(host, port, path, question)).partition(b"\r\n\r\n")
        answer = json.loads(body) if b" 200 " in head.partition(b"\r\n")[0] + b" " else {}
    except (OSError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


async def _exchange(host: str, port: int, path: str, question: object) -> bytes:
    """One question and its answer; HTTP/1.0, so that it comes in one piece and ends with the connection."""
    body = b"" if question is None else json.dumps(question).encode()
    method = "POST" if body else "GET"
    head = f"{method} {path} HTTP/1.0\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(head.encode() + body)
        return await reader.read(-1)
    finally:
        writer.close()


def _host_and_port(address: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(address if "//" in address else f"//{address}")
    host = parts.hostname or "127.0.0.1"
    return ("127.0.0.1" if host == "0.0.0.0" else host), parts.port or default_port
