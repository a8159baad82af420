"""The simulated billing system: books a posting-request once per key, answers a confirmation."""

import zlib
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from gateway.model.money import cents_of, decimal_text
from gateway.ports import Clock, SystemClock
from gateway.simulators.http_partner import Answer, Effects, Order

__all__ = ["BillingDesk"]


class _Transaction(msgspec.Struct):
    type: str
    amount: str
    group_code: str = ""
    reason_code: str = ""
    line: int = 0


class _Claim(msgspec.Struct):
    claim_payment_id: str
    account_ref: str
    status_code: str
    charge: str
    paid: str
    reversal: bool
    transactions: list[_Transaction]
    patient_responsibility: str = ""


class _Adjustment(msgspec.Struct, omit_defaults=True):
    reason_code: str
    amount: str
    reference_id: str = ""
    provider_id: str = ""


class _Payment(msgspec.Struct, omit_defaults=True):
    amount: str
    trace_number: str
    method: str = ""


class _Totals(msgspec.Struct):
    claims_paid: str
    provider_adjustments: str
    payment: str


class _PostingRequest(msgspec.Struct):
    """What the books need of contract posting-request 0.1.0; the rest is not read."""

    request_id: str
    remittance_id: str
    payment_key: str
    tenant_id: str
    currency: str
    payment: _Payment
    claims: list[_Claim]
    provider_adjustments: list[_Adjustment]
    totals: _Totals
    post_date: str = ""


class _Booked(msgspec.Struct, frozen=True):
    digest: bytes
    answer: bytes


_SUMS = ("requested", "posted", "rejected", "provider_adjustments", "payment")
_REQUEST = msgspec.json.Decoder(_PostingRequest)
_ENCODER = msgspec.json.Encoder()


class BillingDesk:
    """`POST /v1/postings` with an `Idempotency-Key`, `GET /v1/postings/{key}`.

    Same key, same request: the first answer again, no second effect; same key, other request: 422.
    A request under a new key is booked, even where its request id was booked before: a sender that
    loses its keys posts twice, visibly. `unknown_one_in` N has about one account in N unknown, the
    same ones every time (`knows`); 0 knows all. A claim on an unknown account is refused with code
    `account_unknown` and its money stays unposted: the request is `partial`, even where no claim
    of it was known, for its payment is booked. Totals that do not add up refuse the whole
    request with code `totals_do_not_tie`. The totals in `effects` are sums over booked requests:
    requested = posted + rejected, payment = requested - provider_adjustments.
    """

    write_path = "/v1/postings"

    def __init__(
        self, *, name: str = "billing", unknown_one_in: int = 25, clock: Clock | None = None
    ) -> None:
        self.name = name
        self.effects = Effects(totals=dict.fromkeys(_SUMS, 0))
        self._unknown_one_in = unknown_one_in
        self._clock = clock or SystemClock()
        self._booked: dict[str, _Booked] = {}
        self._batches = 0

    def knows(self, account_ref: str) -> bool:
        """Whether there is such an account here: a rule on the text, no table."""
        every = self._unknown_one_in
        return not every or zlib.crc32(account_ref.encode()) % every != 0

    def restore(self, record: dict[str, Any]) -> None:
        """Take back one record of the journal, at start."""
        answer = _ENCODER.encode(record["answer"])
        self._keep(record, _Booked(bytes.fromhex(record["digest"]), answer))

    def write(self, order: Order) -> Answer:
        """Book a posting-request. 400: no key or unreadable; 422: the key had another request."""
        if not order.key:
            return _problem(400, "idempotency_key_missing")
        try:
            request = _REQUEST.decode(order.body)
            digest = sha256(_ENCODER.encode(request)).digest()
            known = self._booked.get(order.key)
            if known is not None:
                return self._again(known, digest)
            document, record = self._decide(request, refuse=order.refuse)
        except (msgspec.DecodeError, ValueError):
            return _problem(400, "request_invalid")
        record |= {"key": order.key, "digest": digest.hex(), "answer": document}
        booked = _Booked(digest, _ENCODER.encode(document))
        self._keep(record, booked)
        return Answer(body=booked.answer, record=record)

    def lookup(self, tail: str, query: Mapping[str, str]) -> Answer:
        """Answer with the confirmation of the key `tail`, or 404."""
        del query
        booked = self._booked.get(tail)
        return _problem(404, "posting_absent") if booked is None else Answer(body=booked.answer)

    def _again(self, known: _Booked, digest: bytes) -> Answer:
        if known.digest != digest:
            return _problem(422, "idempotency_key_reused")
        self.effects.duplicates += 1
        return Answer(body=known.answer)

    def _keep(self, record: dict[str, Any], booked: _Booked) -> None:
        self._booked[record["key"]] = booked
        self._batches += 1
        if record["effects"]:
            self.effects.effects[record["key"]] = 1
        else:
            self.effects.refusals += 1
        for name, value in record["cents"].items():
            self.effects.totals[name] += value

    def _decide(
        self, request: _PostingRequest, *, refuse: bool
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        code = "posting_closed" if refuse else "" if _ties(request) else "totals_do_not_tie"
        batch = f"B{self._batches + 1:08d}"
        rows = [self._claim(claim, code, f"{batch}-{n}") for n, claim in enumerate(request.claims)]
        took = [cents_of(row["amount"]) for row in rows if row["result"] == "posted"]
        result = "rejected" if code else "posted" if len(took) == len(rows) else "partial"
        now = self._clock.now()
        sums = _sums(request, sum(took))
        document = {
            "confirmation_id": f"cnf_{batch}",
            "request_id": request.request_id,
            "remittance_id": request.remittance_id,
            "payment_key": request.payment_key,
            "tenant_id": request.tenant_id,
            "system": self.name,
            "currency": request.currency,
            "result": result,
            "posted_date": request.post_date or now.date().isoformat(),
            "posted_at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "batch": {
                "id": batch,
                "count": len(took),
                "control_total": decimal_text(sums["posted"]),
            },
            "payment": msgspec.to_builtins(request.payment),
            "claims": rows,
            "provider_adjustments": [_adjust(row, code) for row in request.provider_adjustments],
            "totals": {name: decimal_text(value) for name, value in sums.items()},
        }
        counted = dict.fromkeys(sums, 0) if code else sums
        return document, {"effects": 0 if code else 1, "cents": counted}

    def _claim(self, claim: _Claim, code: str, transaction_id: str) -> dict[str, Any]:
        if not code and not self.knows(claim.account_ref):
            code = "account_unknown"
        row = {
            "claim_payment_id": claim.claim_payment_id,
            "account_ref": claim.account_ref,
            "result": "rejected" if code else "posted",
            "amount": decimal_text(cents_of(claim.paid)),
        }
        return row | ({"code": code} if code else {"external_transaction_id": transaction_id})


def _sums(request: _PostingRequest, posted: int) -> dict[str, int]:
    requested = sum(cents_of(claim.paid) for claim in request.claims)
    return {
        "requested": requested,
        "posted": posted,
        "rejected": requested - posted,
        "provider_adjustments": cents_of(request.totals.provider_adjustments),
        "payment": cents_of(request.payment.amount),
    }


def _adjust(row: _Adjustment, code: str) -> dict[str, Any]:
    outcome = {"result": "rejected", "code": code} if code else {"result": "posted"}
    return {**msgspec.to_builtins(row), **outcome}


def _ties(request: _PostingRequest) -> bool:
    claims = sum(cents_of(claim.paid) for claim in request.claims)
    adjustments = sum(cents_of(row.amount) for row in request.provider_adjustments)
    said = request.totals
    return (claims, adjustments, claims - adjustments, cents_of(request.payment.amount)) == (
        cents_of(said.claims_paid),
        cents_of(said.provider_adjustments),
        cents_of(said.payment),
        cents_of(said.payment),
    )


def _problem(code_number: int, code: str) -> Answer:
    return Answer(status=code_number, body=_ENCODER.encode({"status": code_number, "code": code}))
