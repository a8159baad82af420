"""Random small schemas of all keywords, edits of them, and random documents: for the fuzz."""

import random
from typing import Any

PATTERNS = ("^a", "b$", "^[0-9]{1,2}$", "a|b", "^x_", "[a-c]+", "^(ab)*$", "^.{2}$", "", "^[^a]*$")
NAMES = ("a", "b", "c", "x_1", "ab", "")
TYPES = ("string", "number", "integer", "object", "array", "boolean", "null")
TEXTS = ("", "a", "b", "ab", "12", "x_1", "é", "2024-02-29", "abab", "a\n", "1")
NUMBERS = (0, 1, 2, 3, -1, 0.5, 1.0, 10, 6, 1.5, -2.5, 100)
FORMATS = ("date", "date-time", "ipv4", "uuid", "email", "unheard-of")


def document(rng: random.Random, depth: int = 2) -> Any:
    pick = rng.random()
    if depth and pick < 0.35:
        names = rng.sample(NAMES, rng.randint(0, 4))
        return {name: document(rng, depth - 1) for name in names}
    if depth and pick < 0.6:
        return [document(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    return rng.choice((*TEXTS, *NUMBERS, True, False, None))


def schema(rng: random.Random, depth: int = 2, *, refs: bool = False) -> Any:
    if rng.random() < 0.06:
        return rng.random() < 0.6
    made: dict[str, Any] = {}
    if rng.random() < 0.45:
        made["type"] = rng.choice(TYPES) if rng.random() < 0.8 else rng.sample(TYPES, 2)
    groups = [_text, _number, _object, _object, _array, _array, _fixed, _composed]
    for group in rng.sample(groups, rng.choice((1, 1, 1, 2, 2, 3))):
        group(rng, made, depth, refs)
    return made


def _inner(rng: random.Random, depth: int, refs: bool) -> Any:
    if refs and rng.random() < 0.2:
        return {"$ref": rng.choice(("#/$defs/p", "#/$defs/q"))}
    if depth <= 0:
        kind = rng.choice(TYPES)
        return rng.choice(
            (
                {"type": kind},
                {"const": rng.choice(TEXTS)},
                {"minLength": 2},
                True,
                {"enum": rng.sample(TEXTS, 2)},
                {"minimum": 1},
                False,
                {"type": "string", "pattern": rng.choice(PATTERNS)},
            )
        )
    return schema(rng, depth - 1, refs=refs)


def _some(rng: random.Random, made: dict[str, Any], options: dict[str, Any]) -> None:
    for keyword in rng.sample(sorted(options), rng.choice((1, 1, 2, 3))):
        made[keyword] = options[keyword]()


def _text(rng: random.Random, made: dict[str, Any], depth: int, refs: bool) -> None:
    _some(
        rng,
        made,
        {
            "minLength": lambda: rng.randint(0, 3),
            "maxLength": lambda: rng.randint(0, 4),
            "pattern": lambda: rng.choice(PATTERNS),
            "format": lambda: rng.choice(FORMATS),
        },
    )


def _number(rng: random.Random, made: dict[str, Any], depth: int, refs: bool) -> None:
    _some(
        rng,
        made,
        {
            "minimum": lambda: rng.choice(NUMBERS),
            "maximum": lambda: rng.choice(NUMBERS),
            "exclusiveMinimum": lambda: rng.choice(NUMBERS),
            "exclusiveMaximum": lambda: rng.choice(NUMBERS),
            "multipleOf": lambda: rng.choice((1, 2, 3, 0.5, 1.5, 10)),
        },
    )


def _object(rng: random.Random, made: dict[str, Any], depth: int, refs: bool) -> None:
    def inner() -> Any:
        return _inner(rng, depth - 1, refs)

    def some_names() -> list[str]:
        return rng.sample(NAMES, rng.randint(1, 2))

    _some(
        rng,
        made,
        {
            "properties": lambda: {name: inner() for name in some_names()},
            "patternProperties": lambda: {rng.choice(PATTERNS): inner()},
            "additionalProperties": lambda: rng.choice((False, inner())),
            "unevaluatedProperties": lambda: rng.choice((False, inner())),
            "required": some_names,
            "minProperties": lambda: rng.randint(0, 3),
            "maxProperties": lambda: rng.randint(0, 3),
            "propertyNames": lambda: rng.choice((inner(), {"pattern": rng.choice(PATTERNS)})),
            "dependentRequired": lambda: {rng.choice(NAMES): some_names()},
            "dependentSchemas": lambda: {rng.choice(NAMES): inner()},
        },
    )


def _array(rng: random.Random, made: dict[str, Any], depth: int, refs: bool) -> None:
    def inner() -> Any:
        return _inner(rng, depth - 1, refs)

    _some(
        rng,
        made,
        {
            "items": lambda: rng.choice((False, inner())),
            "prefixItems": lambda: [inner() for _ in range(rng.randint(1, 2))],
            "contains": inner,
            "minContains": lambda: rng.randint(0, 2),
            "maxContains": lambda: rng.randint(0, 2),
            "uniqueItems": lambda: rng.random() < 0.8,
            "minItems": lambda: rng.randint(0, 3),
            "maxItems": lambda: rng.randint(0, 3),
            "unevaluatedItems": lambda: rng.choice((False, inner())),
        },
    )
    if ("minContains" in made or "maxContains" in made) and "contains" not in made:
        made["contains"] = inner()


def _fixed(rng: random.Random, made: dict[str, Any], depth: int, refs: bool) -> None:
    if rng.random() < 0.5:
        made["enum"] = [document(rng, 1) for _ in range(rng.randint(1, 3))]
    else:
        made["const"] = document(rng, 1)


def _composed(rng: random.Random, made: dict[str, Any], depth: int, refs: bool) -> None:
    def inner() -> Any:
        return _inner(rng, depth - 1, refs)

    keyword = rng.choice(("allOf", "anyOf", "oneOf", "not", "if", "$ref"))
    if keyword in {"allOf", "anyOf", "oneOf"}:
        made[keyword] = [inner() for _ in range(rng.randint(1, 3))]
    elif keyword == "not":
        made["not"] = inner()
    elif keyword == "if":
        made["if"] = inner()
        for part in ("then", "else"):
            if rng.random() < 0.75:
                made[part] = inner()
    elif refs:
        made["$ref"] = rng.choice(("#/$defs/p", "#/$defs/q"))


def edited(rng: random.Random, old: Any) -> Any:
    """Change, drop or add a keyword somewhere."""
    if not isinstance(old, dict) or rng.random() < 0.15:
        return schema(rng, 1)
    new = dict(old)
    keys = [key for key in new if key != "$defs"]
    pick = rng.random()
    if pick < 0.25 and keys:
        new.pop(rng.choice(keys))
    elif pick < 0.55:
        other = schema(rng, 1)
        if isinstance(other, dict):
            new |= other
    elif keys:
        key = rng.choice(keys)
        new[key] = _edited_value(rng, key, new[key])
    return new


_SCHEMAS = {
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
}


def _edited_value(rng: random.Random, key: str, value: Any) -> Any:
    if key in _SCHEMAS:
        return edited(rng, value)
    if key in {"allOf", "anyOf", "oneOf", "prefixItems"} and value:
        at = rng.randrange(len(value))
        if rng.random() < 0.3:
            return [*value, schema(rng, 1)] if rng.random() < 0.5 or len(value) == 1 else value[1:]
        return [*value[:at], edited(rng, value[at]), *value[at + 1 :]]
    if key in {"properties", "patternProperties", "dependentSchemas"} and value:
        name = rng.choice(sorted(value))
        return {**value, name: edited(rng, value[name])}
    if isinstance(value, int) and not isinstance(value, bool) and key != "multipleOf":
        return max(0, value + rng.choice((-1, 1)))
    if key in {"enum", "required"}:
        return value[1:] or value
    return value


def pair(rng: random.Random) -> tuple[Any, Any]:
    """An old schema and a new one, mostly near each other; some with references."""
    refs = rng.random() < 0.3
    old = schema(rng, 2, refs=refs)
    new = edited(rng, old) if rng.random() < 0.75 else schema(rng, 2, refs=refs)
    if refs:
        rest = {name: schema(rng, 1, refs=True) for name in ("p", "q")}
        other = rest if rng.random() < 0.6 else {**rest, "p": edited(rng, rest["p"])}
        old = {**old, "$defs": rest} if isinstance(old, dict) else old
        new = {**new, "$defs": other} if isinstance(new, dict) else new
    return old, new
