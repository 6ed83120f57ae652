"""How figures are printed: a row each, beside the aim or what they are compared with."""

from benchmarks.load import percentile


def row(what: str, figure: str, compared: str = "") -> None:
    print(f"{what:<44}{figure:<64}{compared}".rstrip(), flush=True)


def spread(times: list[float]) -> str:
    """Of milliseconds."""
    return f"p50 {percentile(times, 0.5):.2f} ms, p95 {percentile(times, 0.95):.2f} ms, max {max(times):.2f} ms"
