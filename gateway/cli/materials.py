"""The bill of materials: every package that the hub runs with (CycloneDX 1.6)."""

import re
from collections.abc import Iterator
from importlib import metadata
from typing import Any

__all__ = ["bill_of_materials", "packages"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SEPARATORS = re.compile(r"[-_.]+")
_LICENSE = "License :: "
_WORDS = 60
"""Longer licences are texts, which do not name one."""


def packages(name: str = "remithub") -> dict[str, metadata.Distribution]:
    """Return what is installed of a package and of all it needs, by name; extras left out."""
    found: dict[str, metadata.Distribution] = {}
    left = [name]
    while left:
        wanted = _SEPARATORS.sub("-", left.pop()).lower()
        if wanted in found:
            continue
        try:
            found[wanted] = metadata.distribution(wanted)
        except metadata.PackageNotFoundError:
            continue  # for another system or another Python
        left += _needed(found[wanted])
    return dict(sorted(found.items()))


def _needed(package: metadata.Distribution) -> Iterator[str]:
    for line in package.requires or ():
        requirement, _, marker = line.partition(";")
        name = _NAME.match(requirement)
        if name and "extra ==" not in marker:
            yield name[0]


def bill_of_materials() -> dict[str, Any]:
    """Return the bill as a CycloneDX document; the same packages give the same document."""
    found = packages()
    own = found.pop("remithub")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application"} | _component("remithub", own)},
        "components": [{"type": "library"} | _component(*one) for one in found.items()],
    }


def _component(name: str, package: metadata.Distribution) -> dict[str, Any]:
    address = f"pkg:pypi/{name}@{package.version}"
    shown = {"bom-ref": address, "name": name, "version": package.version, "purl": address}
    licence = _licence(package)
    return shown | ({"licenses": [licence]} if licence else {})


def _licence(package: metadata.Distribution) -> dict[str, Any]:
    """Return the licence: an SPDX expression where the package has one, else its name."""
    expression = _said(package, "License-Expression")
    if expression:
        return {"expression": expression[0]}
    kinds = [kind for kind in _said(package, "Classifier") if kind.startswith(_LICENSE)]
    name = (kinds or _said(package, "License") or [""])[0].rpartition(" :: ")[2].strip()
    return {"license": {"name": name}} if 0 < len(name) <= _WORDS else {}


def _said(package: metadata.Distribution, field: str) -> list[str]:
    return list(package.metadata.get_all(field) or ())
