"""A collector of logs, a system of its own, takes the audit record over the API."""

from pathlib import Path

import httpx

from tests.gateway.live import live_hub, make_root, write

COLLECTOR = """\
client: siem
roles: [auditor]
scopes: [audit.read]
products: [everything]
"""


def test_a_collector_takes_the_record_and_nothing_else(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    write(root, "clients/siem.yaml", COLLECTOR)
    with live_hub(root) as live:
        key = live.post("/v1/clients/siem/keys").json()["key"]
        for name in ("pause", "resume"):
            live.post(f"/v1/interfaces/drop/{name}", {"reason": "trial"}, If_Match="*")
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=live.url, headers=headers, trust_env=False) as collector:
            known: dict[tuple[str, int], str] = {}
            before = ""
            while True:
                page = collector.get("/v1/audit", params={"before": before, "limit": 2})
                assert page.status_code == 200, page.text
                for one in page.json()["entries"]:
                    known[one["writer"], one["seq"]] = one["hash"]
                before = page.json()["next"]
                if not before:
                    break
            kept = live.run(live.hub.store.fetch("audit_tail", limit=1000))
            hashes = {(row["writer"], row["seq"]): row["hash"] for row in kept}
            assert known.items() <= hashes.items()
            assert len(known) >= 3
            assert collector.get("/v1/messages").status_code == 403
            assert collector.get("/v1/keys").status_code == 403
