"""A credential is named in settings, never written there: the settings are kept and shown."""

import msgspec
import pytest

from connectors.http_api.settings import ApiKeyAuth, BasicAuth, BearerAuth, OAuth2Auth
from connectors.secret_text import secret_names, with_secrets
from connectors.sftp.settings import Settings as SftpSettings

SFTP = {"host": "h", "user": "u", "path": "/", "host_keys": ["ssh-ed25519 AAAA"]}

LITERALS = (
    "Quillmark",
    "${env:REMITHUB_X}",
    "${secret:}",
    "$secret",
    "Quillmark${secret:a}",
    "${secret:a}Quillmark",
    "Quillmark-7 ${secret:a}",
    "${secret:Quillmark",
    "${secret:a}\n",
    "Quillmark\n${secret:a}",
    "${secret:7a}",
    "${secret:a b}",
)


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
    msgspec.convert(others | {field: "Token ${secret:partner-token}"}, kind)
    for literal in LITERALS:
        with pytest.raises(msgspec.ValidationError) as caught:
            msgspec.convert(others | {field: literal}, kind)
        assert field in str(caught.value)
        assert "Quillmark" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "${secret:Quillmark",
        "Key ${secret:a} ${secret:Quillmark",
        "${secret:}",
        "${secret:7a}",
        "${secret:a b}",
        "${ secret:a}",
        "${Secret:a}",
        "${secret:a|upper}",
        "${secret:a${secret:b}",
    ],
)
def test_what_is_meant_as_a_secret_and_is_none_is_not_sent_as_it_is(text):
    with pytest.raises(ValueError, match="is written") as caught:
        with_secrets(text, lambda _name: "s3cret")
    assert "Quillmark" not in str(caught.value)


def test_names_are_found_wherever_they_stand():
    assert secret_names("Key ${secret:a.b-1}:${secret:_c} ${in.secret} ${secret}") == [
        "a.b-1",
        "_c",
    ]
    assert with_secrets(
        "Key ${secret:a}:${secret:b}", {"a": "${secret:", "b": "x"}.__getitem__
    ) == ("Key ${secret::x")
