"""Writes the catalogue: a folder of static pages that a partner can be sent. Same input, same bytes."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gateway.governance.export.odcs import odcs_document
from gateway.governance.export.page import STEPS, Page, json_text, make_page, written_day
from gateway.governance.export.published import Published

__all__ = ["catalogue"]

_BREAK_AFTER = re.compile(r"(\[\]|[._/]|[0-9a-f]{16}(?=[0-9a-f]))")


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """The figures above the list; `sunset` is the next one announced, empty where there is none."""

    contracts: int
    states: list[tuple[str, int]]
    sunset: str


def catalogue(
    contracts: Iterable[Published],
    *,
    documents: Mapping[str, tuple[str, Any]] | None = None,
    duplicates: Sequence[str] | None = None,
) -> dict[str, bytes]:
    """Return the files of the site by their path below its folder, `index.html` among them.

    `documents` are further JSON files by path: the words of the link to it, and the document.
    `duplicates` are lines for the owner's own copy about what is built twice; None leaves the
    section out. Every page stands alone: style and script are in it, allowed by their hash only,
    and nothing is fetched, so it works from a disk, in a mail and behind any wall.
    """
    lines: dict[str, list[Published]] = {}
    for one in sorted(contracts, key=lambda one: (one.name, one.number)):
        lines.setdefault(one.name, []).append(one)
    pages = [make_page(one, line) for line in lines.values() for one in reversed(line)]
    more = dict(documents or {})
    render = _Renderer()
    files = {
        "index.html": render(
            "overview.html",
            pages=pages,
            sums=_sums(lines),
            index=_index(pages),
            duplicates=duplicates,
            documents=[(path, words) for path, (words, _) in more.items()],
        )
    }
    for page in pages:
        name = page.contract.name
        files[page.href] = render("contract.html", page=page, up="../")
        files[f"{name}/{page.schema_file}"] = json_text(page.contract.schema)
        files[f"{name}/{page.odcs_file}"] = json_text(odcs_document(page.contract))
    files |= {path: json_text(document) for path, (_, document) in more.items()}
    return {path: text.encode() for path, text in sorted(files.items())}


class _Renderer:
    """Fills templates in; knows the style and the script that every page carries."""

    def __init__(self) -> None:
        loader = PackageLoader("gateway.governance.export")
        self._pages = Environment(
            loader=loader,
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters |= {"day": written_day, "breakable": _breakable}
        style, script = (
            loader.get_source(self._pages, name)[0] for name in ("catalogue.css", "catalogue.js")
        )
        self._pages.globals |= {
            "style": Markup(style),  # noqa: S704 - files of this package
            "script": Markup(script),  # noqa: S704 - files of this package
            "policy": _policy(style, script),
        }

    def __call__(self, template: str, **values: Any) -> str:
        return self._pages.get_template(template).render(values) + "\n"


def _policy(style: str, script: str) -> str:
    """Return the content security policy: our own style and script, nothing else from anywhere."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _breakable(text: str) -> Markup:
    """Let a long name break where a person would break it."""
    return Markup(_BREAK_AFTER.sub(r"\1<wbr>", str(escape(text))))  # noqa: S704 - escaped before


def _sums(lines: Mapping[str, list[Published]]) -> Sums:
    all_of = [one for line in lines.values() for one in line]
    counts = [(state, sum(one.status == state for one in all_of)) for state in STEPS]
    announced = [
        one.moments.sunset_at
        for one in all_of
        if one.status in ("active", "deprecated") and one.moments.sunset_at
    ]
    return Sums(
        contracts=len(lines),
        states=[(state, count) for state, count in counts if count],
        sunset=min(announced, default=""),
    )


def _index(pages: Iterable[Page]) -> Markup:
    """Return every field of every version for the search: link, title, path, words."""
    rows = [
        (
            f"{page.href}#{row.anchor}",
            f"{page.contract.title} {page.contract.version}",
            row.path,
            row.words,
        )
        for page in pages
        for row in page.fields
    ]
    text = json.dumps(rows, ensure_ascii=True, separators=(",", ":"))
    # Inside a script element only "<" could end it; ">" and "&" are escaped for strict readers.
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(safe)  # noqa: S704 - JSON in which nothing is markup
