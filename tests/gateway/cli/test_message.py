"""`remithub message list|show|trace`."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from gateway.cli.exits import Exit
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import SECRET_NAMES, Live, acknowledgement, advice, until, write


def message(live: Live, number: int) -> str:
    document = advice(number)
    document["claims"][0]["patient"]["last_name"] = SECRET_NAMES[0]
    name: str = live.settled(live.hand_over(document))["parts"][0]["message_id"]
    until(lambda: live.get(f"/v1/messages/{name}")["deliveries"][0]["state"] == "done")
    return name


def test_messages_are_listed_newest_first_with_money(live: Live, typed: Typed) -> None:
    names = [message(live, number) for number in (1, 2)]
    lines = typed("message", "list", "--limit", "2").splitlines()
    assert [line.split()[0] for line in lines[1:]] == names[::-1]
    assert "$6,490.00" in lines[1]
    page = typed.json("message", "list", "--limit", "1")
    older = typed.json("message", "list", "--limit", "1", "--before", page["next"])
    assert older["messages"][0]["message_id"] == names[0]


def test_an_empty_list_says_what_to_do(typed: Typed) -> None:
    assert typed("message", "list", "--contract", "journal-entry") == ""
    assert "hand over a file" in typed.err


def test_a_message_is_shown_masked_with_its_attempts(live: Live, typed: Typed) -> None:
    name = message(live, 3)
    text = typed("message", "show", name)
    assert "To drop: done" in text
    assert "amount       $6,490.00" in text
    assert SECRET_NAMES[0] not in text
    assert SECRET_NAMES[0] in typed("message", "show", name, "--full")


def test_a_trace_leads_from_the_file_to_the_last_delivery(live: Live, typed: Typed) -> None:
    name = message(live, 4)
    text = typed("message", "trace", name)
    artifact = live.get(f"/v1/messages/{name}")["message"]["artifact_id"]
    assert f"artifact {artifact} from intake" in text
    assert f"*  remittance-advice {name}" in text
    assert "to drop: done after 1 try" in text
    steps = typed.json("message", "trace", name)["steps"]
    assert [step["depth"] for step in steps] == [0]


def test_a_message_that_is_not_there_is_not_found(typed: Typed) -> None:
    typed("message", "show", "msg_none", code=Exit.NOT_FOUND)
    assert typed.out == ""


def test_a_trace_begun_at_an_answer_leads_back_to_the_file(live: Live, typed: Typed) -> None:
    with answering(acknowledgement()) as url:
        write(live.root, "interfaces/partner.yaml", PARTNER % url)
        routes = "routes: [{name: out, contract: remittance-advice, to: partner}]\n"
        write(live.root, "routes.yaml", routes)
        typed("reload")
        advice_id = live.settled(live.hand_over(advice(5)))["parts"][0]["message_id"]
        delivery = until(
            lambda: [
                one
                for one in live.get(f"/v1/messages/{advice_id}")["deliveries"]
                if one["state"] == "done"
            ]
        )[0]
    answer = delivery["attempts"][0]["reply_id"]
    lines = typed("message", "trace", answer).splitlines()
    words = [line.split() for line in lines]
    assert words[0][:1] == ["artifact"]
    assert words[1][:2] == ["remittance-advice", advice_id]
    assert words[2] == ["to", "partner:", "done", "after", "1", "try"]
    assert words[3][:3] == ["*", "acknowledgement", answer]


PARTNER = """\
interface: partner
direction: out
connector: http_api
accepts: remittance-advice@^1.0
reply: {contract: acknowledgement@^1.0}
settings:
  base_url: %s
  idempotency: {mode: key}
  deliver:
    steps: [{id: send, request: {path: /deliver}}]
    result: {reply: "${steps.send.body}"}
"""


@contextmanager
def answering(document: dict[str, Any]) -> Iterator[str]:
    """A partner that answers every document with that one."""
    body = json.dumps(document).encode()

    class Partner(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Partner) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
