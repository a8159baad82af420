"""A credential is named in settings, never written there: the settings are kept and shown."""

import msgspec
import pytest

from connectors.http_api.settings import ApiKeyAuth, BasicAuth, BearerAuth, OAuth2Auth
from connectors.sftp.settings import Settings as SftpSettings

SFTP = {"host": "h", "user": "u", "path": "/", "host_keys": ["ssh-ed25519 AAAA"]}


@pytest.mark.parametrize(
    ("kind", "field", "others"),
    [
        (BasicAuth, "password", {"type": "basic", "username": "u"}),
        (BearerAuth, "token", {"type": "bearer"}),
        (ApiKeyAuth, "value", {"type": "api_key"}),
        (
            OAuth2Auth,
            "client_secret",
            {"type": "oauth2_client_credentials", "token_url": "u", "client_id": "c"},
        ),
        (SftpSettings, "password", SFTP),
        (SftpSettings, "private_key", SFTP),
        (SftpSettings, "passphrase", SFTP),
    ],
)
def test_a_literal_credential_is_refused_and_not_shown(kind, field, others):
    msgspec.convert(others | {field: "${secret:partner-token}"}, kind)
    for literal in ("Quillmark", "${env:REMITHUB_X}", "${secret:}", "$secret"):
        with pytest.raises(msgspec.ValidationError) as caught:
            msgspec.convert(others | {field: literal}, kind)
        assert field in str(caught.value)
        assert "Quillmark" not in str(caught.value)
