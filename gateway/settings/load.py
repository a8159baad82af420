"""Reads a config folder whole, or not at all."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.errors import ConfigError
from gateway.settings.access import ClientSettings
from gateway.settings.products import ApprovalKind, ProductSettings, Shown
from gateway.settings.structs import (
    HubSettings,
    InterfaceSettings,
    RoutesFile,
    SinkSettings,
    SourceSettings,
)
from gateway.settings.yaml_text import Tree, decode, load

__all__ = ["SUBSCRIPTIONS", "Config", "ConfigFile", "read_config"]


SUBSCRIPTIONS = "subscriptions"
"""Where a bundle has the interfaces that clients have made at the API. A folder has none there."""


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file as read: its text goes into the bundle, its lines into error messages."""

    name: str
    text: str
    tree: Tree


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A config folder. `files` holds the text of every file by its name below the folder."""

    hub: HubSettings
    interfaces: Mapping[str, InterfaceSettings]
    routes: RoutesFile
    files: Mapping[str, ConfigFile]
    clients: Mapping[str, ClientSettings] = {}
    products: Mapping[str, ProductSettings] = {}

    def sources(self) -> list[SourceSettings]:
        """Return the feeds in, by name."""
        return [i for i in self.interfaces.values() if isinstance(i, SourceSettings)]

    def sinks(self) -> list[SinkSettings]:
        """Return the systems out, by name."""
        return [i for i in self.interfaces.values() if isinstance(i, SinkSettings)]

    def file_of(self, interface: str) -> str:
        """Return the name of the file that an interface stands in."""
        written = f"interfaces/{interface}.yaml"
        return written if written in self.files else f"{SUBSCRIPTIONS}/{interface}.yaml"

    def place(self, file: str, path: str, reason: str) -> ConfigError:
        """Return an error that points at a path inside one of the files."""
        tree = self.files[file].tree if file in self.files else None
        return ConfigError(reason, file=file, line=tree.line_of(path) if tree else 0)


def _read(folder: Path, name: str, environment: Mapping[str, str]) -> ConfigFile:
    try:
        text = (folder / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", file=name, line=1) from None
    return ConfigFile(name=name, text=text, tree=load(text, file=name, environment=environment))


def _may_be_named(variable: str) -> bool:
    return variable.startswith("REMITHUB_") and not variable.startswith("REMITHUB_SECRET_")


def _names(folder: Path) -> list[str]:
    plain = ("hub.yaml", "routes.yaml", "quality.yaml")
    names = [name for name in plain if (folder / name).is_file()]
    for kind in ("interfaces", "clients", "products"):
        names += sorted(f"{kind}/{p.name}" for p in (folder / kind).glob("*.yaml"))
    return names


def read_config(
    folder: Path, environment: Mapping[str, str], subscriptions: Mapping[str, str] = {}
) -> Config:
    """Read `hub.yaml`, `routes.yaml`, `interfaces/*.yaml`, `clients/*.yaml`, `products/*.yaml`, and
    the text of each of the subscriptions, by name. `quality.yaml` is kept as it is, for who knows
    the contracts. Raises ConfigError.

    Only REMITHUB_ variables of the environment may be named by `${env:...}`, and no secret: it
    would stand in settings that are shown.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"there is no config folder at {folder}",
            next_step="name the hub's root folder with --root, or make one with `remithub demo`.",
        )
    allowed = {k: v for k, v in environment.items() if _may_be_named(k)}
    files = {name: _read(folder, name, allowed) for name in _names(folder)}
    for one, text in subscriptions.items():
        name = f"{SUBSCRIPTIONS}/{one}.yaml"
        files[name] = ConfigFile(name=name, text=text, tree=load(text, file=name))
    interfaces: dict[str, InterfaceSettings] = {}
    for name, file in files.items():
        if name.startswith(("interfaces/", f"{SUBSCRIPTIONS}/")):
            interface = _interface(file)
            if interface.interface in interfaces:
                reason = f"a client's subscription is called '{interface.interface}' already"
                raise ConfigError(reason, file=f"interfaces/{interface.interface}.yaml", line=1)
            interfaces[interface.interface] = interface
    hub = decode(files["hub.yaml"].tree, HubSettings) if "hub.yaml" in files else HubSettings()
    routes = (
        decode(files["routes.yaml"].tree, RoutesFile) if "routes.yaml" in files else RoutesFile()
    )
    clients = [_client(file) for name, file in files.items() if name.startswith("clients/")]
    products = [_product(file) for name, file in files.items() if name.startswith("products/")]
    _must_know_products(clients, products, files)
    return Config(
        hub=hub,
        interfaces=interfaces,
        routes=routes,
        files=files,
        clients={client.client: client for client in clients},
        products={product.product: product for product in products},
    )


def _client(file: ConfigFile) -> ClientSettings:
    client: ClientSettings = decode(file.tree, ClientSettings)
    _must_be_named(file, "client", client.client)
    return client


def _product(file: ConfigFile) -> ProductSettings:
    product: ProductSettings = decode(file.tree, ProductSettings)
    _must_be_named(file, "product", product.product)
    if product.show is Shown.FULL and product.approval is not ApprovalKind.MANUAL:
        reason = "what shows PHI in full is approved client by client: `approval: manual`"
        raise ConfigError(reason, file=file.name, line=file.tree.line_of("$.show"))
    return product


def _must_be_named(file: ConfigFile, kind: str, name: str) -> None:
    stem = Path(file.name).stem
    if name != stem:
        reason = f"{kind} '{name}' must be in a file of its own name, not '{stem}'"
        raise ConfigError(reason, file=file.name, line=file.tree.line_of(f"$.{kind}"))


def _must_know_products(
    clients: list[ClientSettings],
    products: list[ProductSettings],
    files: Mapping[str, ConfigFile],
) -> None:
    known = {product.product for product in products}
    for client in clients:
        for position, name in enumerate(client.products):
            if name not in known:
                file = files[f"clients/{client.client}.yaml"]
                there = ", ".join(sorted(known)) or "none"
                line = file.tree.line_of(f"$.products[{position}]")
                reason = f"there is no product '{name}' (there are: {there})"
                raise ConfigError(reason, file=file.name, line=line)


def _interface(file: ConfigFile) -> InterfaceSettings:
    data = file.tree.data
    direction = data.get("direction") if isinstance(data, dict) else None
    if direction not in ("in", "out"):
        line = file.tree.line_of("$.direction")
        raise ConfigError("'direction' must be `in` or `out`", file=file.name, line=line)
    kind: type[SourceSettings] | type[SinkSettings] = (
        SourceSettings if direction == "in" else SinkSettings
    )
    interface: InterfaceSettings = decode(file.tree, kind)
    stem = Path(file.name).stem
    if interface.interface != stem:
        reason = (
            f"interface '{interface.interface}' must be in a file of its own name, not '{stem}'"
        )
        raise ConfigError(reason, file=file.name, line=file.tree.line_of("$.interface"))
    return interface
