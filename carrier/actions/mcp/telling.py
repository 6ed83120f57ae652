"""What a tool answers, in words for the model."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.types import CallToolResult

MOST_CHARS = 20_000


def told(result: "CallToolResult") -> str:
    """Its texts; what is no text is named; structured content, unless one of the texts says the same."""
    parts = [_block(block) for block in result.content]
    content = result.structured_content
    if content is not None and not any(len(part) > MOST_CHARS or _says(part, content) for part in parts):
        parts.append(json.dumps(content, ensure_ascii=False))
    return "\n".join(part for part in parts if part)


def shortened(text: str, most: int = MOST_CHARS) -> str:
    return text if len(text) <= most else f"{text[:most]} … (cut off: {len(text):,} characters)"


def _block(block: Any) -> str:
    match block.type:
        case "text":
            return str(block.text)
        case "image" | "audio":
            return f"[{block.type}, {block.mime_type}, {_size(block.data)}: not shown]"
        case "resource_link":
            return f"[resource {block.name}: {block.uri}]"
        case _:
            return _resource(block.resource)


def _resource(resource: Any) -> str:
    if hasattr(resource, "text"):
        return f"[resource {resource.uri}]\n{resource.text}"
    return f"[resource {resource.uri}, {resource.mime_type or 'a file'}, {_size(resource.blob)}: not shown]"


def _size(encoded: str) -> str:
    count = len(encoded) * 3 // 4
    return f"{count} bytes" if count < 10_000 else f"{count // 1000} KB"


def _says(text: str, content: object) -> bool:
    """Whether a text is the content, or the one value that a library has wrapped up as the content."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    return content in (value, {"result": value}, {"result": text})
