"""Webhooks are signed as others verify them, and verified as others sign them."""

import base64
import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.webhook import KeyFault, Unverified, secret_text, verify
from connectors.webhook.keys import signing_keys, verifying_keys
from connectors.webhook.signature import Verifier, signed

NOW = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)
SENT = int(NOW.timestamp())
OLD = secret_text(b"o" * 32)
NEW = secret_text(b"n" * 24)
BODY = b'{"type":"a.b","data":{"n":"Pe\xc3\xb1a"}}'


def refusal(headers, body=BODY, secrets=(OLD,), now=NOW):
    with pytest.raises(Unverified) as caught:
        verify(headers, body, secrets, now)
    return caught.value.code


def headers_of(*secrets, webhook_id="dlv_1-0", sent_at=SENT, body=BODY):
    return signed(signing_keys(secrets), webhook_id, sent_at, body)


def test_every_vector_ends_as_expected(samples):
    file = samples / "conformance/webhooks/standard-webhooks.json"
    cases = json.loads(file.read_text("utf-8"))["cases"]
    judged = {}
    for case in cases:
        now = datetime.fromtimestamp(case["now"], UTC)
        keys = verifying_keys(case["secrets"])
        verifier = Verifier(keys, tolerance_seconds=case["tolerance_s"])
        try:
            verifier.verify(case["headers"], case["body"].encode(), now)
        except Unverified:
            judged[case["id"]] = False
        else:
            judged[case["id"]] = True
    assert judged == {case["id"]: case["valid"] for case in cases}
    assert len(judged) >= 17


def test_a_package_of_others_verifies_what_we_sign():
    now = int(datetime.now(UTC).timestamp())
    headers = headers_of(OLD, sent_at=now)
    assert Webhook(OLD).verify(BODY, headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY + b" ", headers)


def test_we_verify_what_a_package_of_others_signs():
    signature = Webhook(OLD).sign("msg_1", NOW, BODY.decode())
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(SENT),
        "Webhook-Signature": signature,
    }
    assert verify(headers, BODY, [OLD], NOW).id == "msg_1"


def test_while_a_key_is_changed_either_key_verifies():
    now = int(datetime.now(UTC).timestamp())
    headers = headers_of(NEW, OLD, sent_at=now)
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (NEW, OLD):
        assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_text(b"x" * 32)).verify(BODY, headers)


def test_the_receiver_is_told_which_key_it_was():
    headers = headers_of(OLD)
    assert verify(headers, BODY, [NEW, OLD], NOW).key_index == 1
    assert verify(headers, BODY, [OLD, NEW], NOW).key_index == 0


def ed25519():
    key = Ed25519PrivateKey.generate()
    private, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    return key, *(base64.b64encode(raw).decode() for raw in (private, private + public, public))


def test_openssl_verifies_our_asymmetric_signature(tmp_path):
    key, private, _, _ = ed25519()
    headers = headers_of(f"whsk_{private}")
    scheme, _, signature = headers["webhook-signature"].partition(",")
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "public.pem").write_bytes(pem)
    (tmp_path / "signature").write_bytes(base64.b64decode(signature))
    (tmp_path / "content").write_bytes(f"dlv_1-0.{SENT}.".encode() + BODY)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "public.pem"]
    command += ["-rawin", "-in", tmp_path / "content", "-sigfile", tmp_path / "signature"]
    try:
        ended = subprocess.run(command, check=False, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("openssl is not here")
    assert scheme == "v1a"
    assert ended.returncode == 0


@pytest.mark.parametrize("form", [1, 2], ids=["seed", "seed_and_public_half"])
def test_an_asymmetric_webhook_is_verified_with_the_public_half(form):
    parts = ed25519()
    headers = headers_of(f"whsk_{parts[form]}", OLD)
    webhook = verify(headers, BODY, [NEW, f"whpk_{parts[3]}"], NOW)
    assert (webhook.scheme, webhook.key_index) == ("v1a", 1)
    assert refusal(headers, secrets=[f"whpk_{ed25519()[3]}"]) == "webhook_signature_wrong"


def test_a_signature_of_one_scheme_is_no_signature_of_the_other():
    headers = headers_of(OLD)
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v1a,")
    assert refusal(headers) == "webhook_signature_wrong"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(-301, "webhook_timestamp_too_old"), (301, "webhook_timestamp_too_new")],
)
def test_a_time_out_of_tolerance_is_refused_either_way(seconds, code):
    headers = headers_of(OLD, sent_at=SENT + seconds)
    assert refusal(headers) == code
    step = timedelta(seconds=1 if seconds > 0 else -1)
    assert verify(headers, BODY, [OLD], NOW + step).sent_at == SENT + seconds


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("webhook-id", "", "webhook_header_missing"),
        ("webhook-timestamp", "", "webhook_header_missing"),
        ("webhook-signature", "", "webhook_header_missing"),
        ("webhook-id", "a b", "webhook_id_invalid"),
        ("webhook-id", "a" * 256, "webhook_id_invalid"),
        ("webhook-id", "\u00e9", "webhook_id_invalid"),
        ("webhook-id", "dlv_1-1", "webhook_signature_wrong"),
        ("webhook-timestamp", f"+{SENT}", "webhook_timestamp_invalid"),
        ("webhook-timestamp", f"{SENT}.0", "webhook_timestamp_invalid"),
        ("webhook-timestamp", "1e9", "webhook_timestamp_invalid"),
        ("webhook-timestamp", "\u0661\u0662\u0663", "webhook_timestamp_invalid"),
        ("webhook-timestamp", "9" * 400, "webhook_timestamp_invalid"),
        ("webhook-timestamp", str(SENT + 1), "webhook_signature_wrong"),
        ("webhook-signature", "v1", "webhook_signature_wrong"),
        ("webhook-signature", "v1,%%%", "webhook_signature_wrong"),
        ("webhook-signature", "v1,", "webhook_signature_wrong"),
        ("webhook-signature", " ".join(["v1,AAAA"] * 17), "webhook_signatures_too_many"),
        ("WEBHOOK-ID", "dlv_1-0", "webhook_header_repeated"),
    ],
)
def test_a_header_that_is_not_as_it_was_sent_is_refused(name, value, code):
    headers = headers_of(OLD)
    headers[name] = value
    assert refusal(headers) == code


def test_an_id_with_a_full_stop_is_never_signed():
    """Else `a.1` at time 2 would be signed like `a` at time 1 with a longer body."""
    with pytest.raises(ValueError, match="full stop"):
        headers_of(OLD, webhook_id="a.1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain-words-without-a-prefix-at-all",
        "whsec_" + base64.b64encode(b"k" * 23).decode(),
        "whsec_" + base64.b64encode(b"k" * 65).decode(),
        "whsec_%%%%",
        "whsk_" + base64.b64encode(b"k" * 31).decode(),
        "whsk_" + base64.b64encode(b"k" * 64).decode(),
        "whpk_" + base64.b64encode(b"k" * 31).decode(),
        "whsk_\u00e9",
    ],
)
def test_a_key_that_cannot_be_used_is_named_by_its_place_and_not_shown(text):
    for read in (signing_keys, verifying_keys):
        with pytest.raises(KeyFault) as caught:
            read([OLD, text])
        assert "secrets[1]" in str(caught.value)
        assert not text[6:] or text[6:] not in str(caught.value)


def test_no_key_is_no_key():
    for read in (signing_keys, verifying_keys):
        with pytest.raises(KeyFault):
            read([])


@given(raw=st.binary(min_size=24, max_size=64), body=st.binary(max_size=200))
def test_what_is_signed_is_verified_and_nothing_else(raw, body):
    secret = secret_text(raw)
    headers = headers_of(secret, body=body)
    assert verify(headers, body, [secret], NOW).id == "dlv_1-0"
    assert refusal(headers, body + b"x", [secret]) == "webhook_signature_wrong"


@given(
    headers=st.dictionaries(
        st.sampled_from(["webhook-id", "Webhook-Timestamp", "webhook-signature"]),
        st.text(max_size=60),
    )
)
def test_no_headers_break_the_verifier(headers):
    assert refusal(headers).startswith("webhook_")
