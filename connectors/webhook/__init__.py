"""Webhooks, out and in: CloudEvents signed after Standard Webhooks."""

from importlib import resources

from connectors.base import ConnectorSpec
from connectors.webhook.answers import GONE
from connectors.webhook.keys import KeyFault, secret_text
from connectors.webhook.receiver import Receiver, nobody, receiver_of
from connectors.webhook.settings import SCHEDULE_SECONDS, ReceiverSettings, Settings
from connectors.webhook.signature import Unverified, VerifiedWebhook, Verifier, verify
from connectors.webhook.sink import WebhookSink

__all__ = [
    "CONNECTOR",
    "GONE",
    "SCHEDULE_SECONDS",
    "KeyFault",
    "Receiver",
    "ReceiverSettings",
    "Settings",
    "Unverified",
    "VerifiedWebhook",
    "Verifier",
    "WebhookSink",
    "nobody",
    "receiver_of",
    "secret_text",
    "verify",
]

CONNECTOR = ConnectorSpec(
    name="webhook",
    settings=Settings,
    sink=WebhookSink,
    receiver=receiver_of,
    receives=ReceiverSettings,
    samples={
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(
            resources.files(__name__).joinpath("samples").iterdir(), key=lambda p: p.name
        )
        if path.name.endswith(".yaml")
    },
)
