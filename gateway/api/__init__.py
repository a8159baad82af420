"""The HTTP API: one module per resource, over services that `gateway.app` hands in."""

from gateway.api.application import application
from gateway.api.catalogue import Catalogue
from gateway.api.services import ContractView, Polled, ReloadReport, Services
from gateway.api.token import open_token, read_token

__all__ = [
    "Catalogue",
    "ContractView",
    "Polled",
    "ReloadReport",
    "Services",
    "application",
    "open_token",
    "read_token",
]
