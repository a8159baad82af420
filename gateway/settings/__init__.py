"""Typed structs for the config files; an unknown key is a start-up error naming file, line and key."""

from gateway.settings.load import Config, ConfigFile, read_config
from gateway.settings.secrets import Secrets
from gateway.settings.structs import (
    DEFAULT_SCHEDULE_SECONDS,
    ApiSettings,
    ConfirmSettings,
    HubSettings,
    InterfaceSettings,
    OnDead,
    Priority,
    RateSettings,
    ReplySettings,
    RetrySettings,
    Route,
    RoutesFile,
    SinkSettings,
    SourceSettings,
    StoreSettings,
)
from gateway.settings.yaml_text import Tree, decode, load

__all__ = [
    "DEFAULT_SCHEDULE_SECONDS",
    "ApiSettings",
    "Config",
    "ConfigFile",
    "ConfirmSettings",
    "HubSettings",
    "InterfaceSettings",
    "OnDead",
    "Priority",
    "RateSettings",
    "ReplySettings",
    "RetrySettings",
    "Route",
    "RoutesFile",
    "Secrets",
    "SinkSettings",
    "SourceSettings",
    "StoreSettings",
    "Tree",
    "decode",
    "load",
    "read_config",
]
