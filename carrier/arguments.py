"""What is wrong with the arguments of a call, by the JSON Schema of its parameters."""

from collections.abc import Mapping


def wrong_arguments(schema: Mapping[str, object], arguments: Mapping[str, object]) -> str:
    """What is wrong with arguments, in words for the model; empty if nothing is."""
    # Imported with the first call, in its thread: a host listens the sooner for it.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    # An empty registry: a schema that comes from elsewhere may not have anything fetched.
    validator = Draft202012Validator(dict(schema), registry=Registry())
    try:
        error = best_match(validator.iter_errors(dict(arguments)))
    except Unresolvable as unresolvable:
        return f"its parameters cannot be checked: {unresolvable}"
    if error is None:
        return ""
    where = ".".join(str(part) for part in error.absolute_path)
    return f"wrong arguments: {where + ': ' if where else ''}{error.message}"
