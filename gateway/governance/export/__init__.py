"""Writes contracts for others to read: OpenAPI, AsyncAPI, ODCS, a catalogue of pages. Pure."""

from gateway.governance.export.asyncapi import asyncapi_document
from gateway.governance.export.catalogue import catalogue
from gateway.governance.export.odcs import odcs_document
from gateway.governance.export.published import Published, publish
from gateway.governance.export.schemas import component_name, newest, types_of

__all__ = [
    "Published",
    "asyncapi_document",
    "catalogue",
    "component_name",
    "newest",
    "odcs_document",
    "publish",
    "types_of",
]
