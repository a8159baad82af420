"""Two partners in one process for the pipeline benchmark: as little CPU as an honest answer takes.

`python -m gateway.bench._sinks` prints one JSON line with its address and runs until it is ended.
Each posting and each journal is an effect of its key; `GET /effects` counts them.
"""

import asyncio
import json
from typing import Any

import msgspec
from aiohttp import web

__all__ = ["main"]


class _Sinks:
    def __init__(self) -> None:
        self.postings: dict[str, int] = {}
        self.journals: dict[str, int] = {}
        self.requests = 0

    async def posting(self, request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read())
        key = request.headers["Idempotency-Key"]
        self.requests += 1
        self.postings[key] = self.postings.get(key, 0) + 1
        return web.Response(
            body=msgspec.json.encode(_confirmation(asked, key)), content_type="application/json"
        )

    async def journal(self, request: web.Request) -> web.Response:
        await request.read()
        key = request.headers["Idempotency-Key"]
        self.requests += 1
        self.journals[key] = self.journals.get(key, 0) + 1
        return web.json_response({"status": "S", "documentNumber": key[-12:]})

    async def effects(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "postings": len(self.postings),
                "journals": len(self.journals),
                "requests": self.requests,
            }
        )


def _confirmation(asked: dict[str, Any], key: str) -> dict[str, Any]:
    """Confirm everything, in the shape of the posting-confirmation contract."""
    claims = [
        {
            "claim_payment_id": claim["claim_payment_id"],
            "account_ref": claim["account_ref"],
            "result": "posted",
            "amount": claim["paid"],
        }
        for claim in asked["claims"]
    ]
    totals = asked["totals"]
    return {
        "confirmation_id": f"cnf-{key[4:36]}",
        **{k: asked[k] for k in ("request_id", "remittance_id", "payment_key", "tenant_id")},
        "system": "bench-billing",
        "currency": asked["currency"],
        "result": "posted",
        "posted_date": "2026-06-01",
        "posted_at": "2026-06-01T12:00:00.000Z",
        "batch": {
            "id": key[4:16], "count": len(claims), "control_total": totals["claims_paid"]
        },
        "payment": {k: asked["payment"][k] for k in ("amount", "trace_number")},
        "claims": claims,
        "provider_adjustments": asked["provider_adjustments"],
        "totals": {
            "requested": totals["claims_paid"],
            "posted": totals["claims_paid"],
            "rejected": "0.00",
            "provider_adjustments": totals["provider_adjustments"],
            "payment": totals["payment"],
        },
    }  # fmt: skip


async def _serve() -> None:
    sinks = _Sinks()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/postings", sinks.posting)
    app.router.add_post("/journals", sinks.journal)
    app.router.add_get("/effects", sinks.effects)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve until ended."""
    try:
        import uvloop

        uvloop.run(_serve())
    except ImportError:
        asyncio.run(_serve())


if __name__ == "__main__":
    main()
