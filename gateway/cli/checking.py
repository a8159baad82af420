"""What `remithub check` looks at: every wrong file of a root folder, each with file and line."""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from gateway.access import access_faults
from gateway.app import registry_of
from gateway.app.contract_folder import contract_folder
from gateway.cli.contract_checking import contract_faults
from gateway.cli.mapping_folder import MappingFolder
from gateway.cli.product_checking import product_faults
from gateway.cli.secret_checking import literal_secrets, secret_references
from gateway.cli.sprawling import doubled_interfaces, doubled_mappings
from gateway.errors import ConfigError, HubError
from gateway.governance import LintFinding, Profile, compile_validator
from gateway.governance.lint import lint_schema
from gateway.governance.lock import LOCK_FILE, unreleased, verify_lock
from gateway.pipeline import Bundle, compile_bundle
from gateway.ports import SystemClock
from gateway.registry import ContractVersion, MappingSource, Registry
from gateway.registry.sources import Version
from gateway.settings import Config, RoutesFile, Secrets, load, read_config
from gateway.translation import Limits

__all__ = ["Trouble", "Weight", "troubles"]


class Weight(StrEnum):
    """Whether a trouble fails the check."""

    FAILURE = "failure"
    WARNING = "warning"


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `line` counts from 1, 0 where a file as a whole is meant."""

    file: str
    reason: str
    line: int = 0
    weight: Weight = Weight.FAILURE

    @property
    def place(self) -> str:
        """Return "file:line", as editors read it."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def document(self) -> dict[str, Any]:
        """Return it for a program."""
        return {"file": self.file, "line": self.line, "reason": self.reason}


def troubles(root: Path, environment: Mapping[str, str]) -> Iterator[Trouble]:
    """Yield everything that is wrong below a root folder, over what came with the program."""
    try:
        registry = registry_of(root)
        yield from _contracts(registry)
        yield from _life(root, environment)
        yield from _mappings(registry)
        for sprawl in doubled_mappings(registry):
            file = f"mappings/{sprawl.second}/mapping.yaml"
            yield Trouble(file=file, reason=sprawl.words, weight=Weight.WARNING)
    except ConfigError as error:
        yield _trouble(error)
        return
    if (root / "config").is_dir():
        yield from _config(root, registry, environment)
    else:
        yield Trouble(file="config", reason="there is no such folder here")


def _trouble(error: HubError, prefix: str = "") -> Trouble:
    if isinstance(error, ConfigError) and error.file:
        return Trouble(file=prefix + error.file, line=error.line, reason=error.reason)
    return Trouble(file=prefix or "config", reason=error.message)


# -- contracts ---------------------------------------------------------------------------------


def _contracts(registry: Registry) -> Iterator[Trouble]:
    for base in dict.fromkeys(root.resolve() for root in registry.roots):
        folder = base / "contracts"
        if folder.is_dir():
            yield from _schemas(folder)
            lock = folder / LOCK_FILE
            text = lock.read_text(encoding="utf-8") if lock.is_file() else ""
            drafts = unreleased(registry.contracts())
            for finding in verify_lock(text, registry.files(base), drafts):
                yield Trouble(file=f"contracts/{finding.file}", reason=finding.text)
    for contract in registry.contracts():
        yield from _examples(contract, registry)


def _life(root: Path, environment: Mapping[str, str]) -> Iterator[Trouble]:
    """Steps of versions, quality rules, migrations, consumers."""
    unread: list[HubError] = []
    folder = contract_folder(root, environment, unread=unread.append)
    for fault in contract_faults(folder, SystemClock().now()):
        yield Trouble(file=fault.file, line=fault.line, reason=fault.reason)
    for error in unread:
        reason = f"subscriptions are not looked at: {error.message}"
        yield Trouble(file="config/hub.yaml", reason=reason, weight=Weight.WARNING)


def _schemas(folder: Path) -> Iterator[Trouble]:
    for file in sorted(folder.glob("*/*/*.json")):
        name = file.relative_to(folder)
        if Version.parse(name.parts[1]) is None:
            continue
        text = file.read_text(encoding="utf-8")
        try:
            schema = json.loads(text)
        except ValueError as error:
            line = getattr(error, "lineno", 1)
            yield Trouble(file=f"contracts/{name}", line=line, reason="not JSON")
            continue
        shared = name.parts[0] == "common"
        for finding in lint_schema(schema, file=name.as_posix(), root=not shared):
            yield Trouble(
                file=f"contracts/{name}",
                line=_line(finding, schema, text),
                reason=f"{finding.pointer or '/'}: {finding.text} ({finding.rule})",
            )


def _line(finding: LintFinding, schema: Any, text: str) -> int:
    """Find the line of a JSON pointer: JSON is YAML, and our YAML reader knows its lines."""
    path, value = "$", schema
    for step in finding.pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            path, value = f"{path}[{name}]", value[int(name)]
        else:
            path, value = f"{path}.{name}", value.get(name) if isinstance(value, dict) else None
    return load(text, file=finding.file).line_of(path)


def _examples(contract: ContractVersion, registry: Registry) -> Iterator[Trouble]:
    base = f"contracts/{contract.identity}/examples"
    validator = compile_validator(
        registry.bundled_schema(contract.name, contract.version), Profile.WRITER
    )
    folder = contract.folder / "examples"
    for file in sorted((folder / "valid").glob("*.json")):
        found = validator.errors(json.loads(file.read_text(encoding="utf-8")), 1)
        if found:
            reason = f"breaks its contract at {found[0].pointer or '/'}: {found[0].keyword}"
            yield Trouble(file=f"{base}/valid/{file.name}", reason=reason)
    for file in sorted((folder / "invalid").glob("*.json")):
        example = json.loads(file.read_text(encoding="utf-8"))
        wanted = (example["expect"]["pointer"], example["expect"]["keyword"])
        places = {(one.pointer, one.keyword) for one in validator.errors(example["document"])}
        if places != {wanted}:
            reason = f"should break at {wanted[0] or '/'} ({wanted[1]}) and there only"
            yield Trouble(file=f"{base}/invalid/{file.name}", reason=reason)


# -- mappings ----------------------------------------------------------------------------------


def _mappings(registry: Registry) -> Iterator[Trouble]:
    limits = Limits(monotonic=SystemClock().monotonic)
    for source in registry.mappings():
        file = f"mappings/{source.name}/mapping.yaml"
        try:
            yield from _cases(source, MappingFolder(source, registry, limits))
        except ConfigError as error:
            yield Trouble(file=file, line=error.line, reason=error.reason)
        except HubError as error:
            yield Trouble(file=file, reason=error.message)


def _cases(source: MappingSource, opened: MappingFolder) -> Iterator[Trouble]:
    validator = opened.validator()
    for case in opened.cases():
        verdict = opened.judge(case, validator)
        if verdict.passed:
            continue
        first = verdict.differences[0].pointer if verdict.differences else ""
        reason = verdict.error or (
            f"differs first at {first or '/'}" if verdict.differences else ""
        )
        file = f"mappings/{source.name}/cases/{case.name}/out.json"
        yield Trouble(file=file, reason=reason or f"breaks its contract: {verdict.violations[0]}")


# -- configuration -----------------------------------------------------------------------------


def _config(root: Path, registry: Registry, environment: Mapping[str, str]) -> Iterator[Trouble]:
    try:
        config = read_config(root / "config", environment)
    except ConfigError as error:
        yield _trouble(error, "config/")
        return
    secrets = Secrets(root / config.hub.secrets_folder, environment)
    yield from (_trouble(fault, "config/") for fault in access_faults(config))
    for fault in (
        *secret_references(config, secrets),
        *product_faults(config, registry),
        *literal_secrets(config),
    ):
        weight = Weight.FAILURE if fault.grave else Weight.WARNING
        yield msgspec.structs.replace(_trouble(fault.error, "config/"), weight=weight)
    while True:
        try:
            bundle = compile_bundle(config, registry)
        except HubError as error:
            yield _trouble(error, "config/")
            smaller = _without(config, error)
            if smaller is None:
                return
            config = smaller
        else:
            yield from _unrouted(bundle)
            for sprawl in doubled_interfaces(bundle):
                file = f"config/interfaces/{sprawl.second}.yaml"
                yield Trouble(file=file, reason=sprawl.words, weight=Weight.WARNING)
            return


def _without(config: Config, error: HubError) -> Config | None:
    """Return the configuration without the file at fault and what refers to it, to look on."""
    file = error.file if isinstance(error, ConfigError) else ""
    name = Path(file).stem
    if not file.startswith("interfaces/") or name not in config.interfaces:
        return None
    rest = {key: one for key, one in config.interfaces.items() if key != name}
    routes = tuple(route for route in config.routes.routes if route.to != name)
    return msgspec.structs.replace(config, interfaces=rest, routes=RoutesFile(routes=routes))


def _unrouted(bundle: Bundle) -> Iterator[Trouble]:
    """A feed whose messages no route wants is allowed, and worth a word."""
    for name, source in bundle.sources.items():
        if source.contract.name not in bundle.routes:
            yield Trouble(
                file=f"config/interfaces/{name}.yaml",
                reason=f"no route wants {source.contract.name}: its messages will be unrouted",
                weight=Weight.WARNING,
            )
