"""No word that may tell of a person leaves its place: every road, every output, every byte at rest."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.simulators.access import SftpAccess
from gateway.simulators.partners import ClearinghouseConfig, PartnersConfig, run_partners
from tests.walks.canary import Canaries, marked_835, told
from tests.walks.canary_scene import (
    ENVIRONMENT,
    SECRET_MARK,
    Scene,
    configure,
    partner_server,
    talkative_hub,
)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    access = SftpAccess(password=ENVIRONMENT["REMITHUB_SECRET_CLEARINGHOUSE_PASSWORD"])
    house = ClearinghouseConfig(root=str(tmp_path / "house"), access=access)
    async with run_partners(PartnersConfig(clearinghouse=house)) as partners:
        sinks = ["takes", "refuses", "loses", "breaks", "garbles", "locks", "fails"]
        root = tmp_path / "root"
        root.mkdir()
        made = Scene(root, Canaries(), partners.clearinghouse, sinks)
        async with partner_server(made):
            configure(made)
            yield made


async def settled(scene: Scene, codes: set[str]) -> None:
    """Wait until something was set aside for each of these reasons."""
    found: set[str] = set()
    for _ in range(150):
        aside = (await scene.client.get("/v1/set-aside?limit=1000")).json()["set_aside"]
        found = {one["code"] for one in aside}
        if codes <= found:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"missing {codes - found}, there are {found}")


async def walk_every_road(scene: Scene) -> None:
    """Hand over marked files by every way in, and wait until each has come to its end."""
    canaries = scene.canaries
    name = canaries.word("a partner's file name")
    scene.house.put(f"{name}.835", marked_835(canaries, "accepted"))
    kind = {"Content-Type": f"application/edi-x12; name={canaries.word('a sender file name')}"}
    roads = {
        "upload": [
            marked_835(canaries, "held as a test", usage="T"),
            marked_835(canaries, "held out of balance", paid="81"),
            marked_835(canaries, "dead by contract", method=canaries.word("payment method") * 2),
            marked_835(canaries, "cut short")[:1100],
            canaries.word("no X12 at all").encode() * 40,
        ],
        "strict": [marked_835(canaries, "dead by mapping")],
        "ready-made": [json.dumps({"payment": canaries.word("a document of no shape")}).encode()],
    }
    for interface, files in roads.items():
        for raw in files:
            await scene.ask("POST", f"/v1/interfaces/{interface}/files", content=raw, headers=kind)
    await settled(scene, {
        "test_interchange", "payment_out_of_balance", "iea_missing", "no_interchange", "http_422",
        "disconnected", "contract_invalid", "http_500", "LOOKUP_MISS", "http_401", "reply_unreadable",
    })  # fmt: skip


async def malformed_requests(scene: Scene) -> None:
    """Send what no hub can take, marked in every place a sender may write to."""
    word = scene.canaries.word
    target = "/v1/messages/remittance-advice"
    broken = {"payment": {"trace_number": word("trace")}, word("a key"): word("a value")}
    marked = {"Idempotency-Key": word("a key of a sender"), "User-Agent": word("agent")}
    await scene.ask("POST", target, json=broken, headers=marked)
    for raw in (f'{{"a": "{word("bare")}"', f'"{word("text")}"', "[" * 5000, f"{word('x')}\xff"):
        await scene.ask("POST", target, content=raw.encode("latin-1"))
    await scene.ask("POST", f"/v1/interfaces/{word('interface')}/files", content=b"x")
    await scene.ask("POST", f"/v1/messages/{word('contract')}", content=b"{}")
    await scene.ask("POST", f"{target}?interface={word('query')}", content=b"{}")
    for place in ("messages", "artifacts", "deliveries", "set-aside", "interfaces"):
        await scene.ask("GET", f"/v1/{place}/{word('path of ' + place)}")
    for query in ("correlation", "artifact", "contract", "before", "limit"):
        await scene.ask("GET", f"/v1/messages?{query}={word('query ' + query)}")
    for query in ("state", "interface", "group", "after"):
        await scene.ask("GET", f"/v1/set-aside?{query}={word('query ' + query)}")
    await scene.ask("GET", f"/{word('no route')}")
    await scene.ask("GET", f"/problems/{word('problem')}")
    order = {"ids": [word("an id")], word("field"): 1}
    await scene.ask("POST", "/v1/set-aside/replay", json=order)
    await scene.ask("POST", "/v1/set-aside/replay", json={"ids": [word("an id")]})
    await scene.ask("POST", "/v1/set-aside/replay", json={"state": word("a state")})
    headers = {"Authorization": f"Bearer {word('a wrong token')}"}
    await scene.ask("GET", "/v1/messages", headers=headers)


async def look_everywhere(scene: Scene) -> None:
    """Ask for everything that may be shown without PHI, and act with a person's own words."""
    word = scene.canaries.word
    for target in ("/metrics", "/schema/openapi.json", "/healthz", "/readyz", "/v1/interfaces"):
        await scene.ask("GET", target)
    await scene.ask("GET", "/v1/set-aside/groups")
    messages = (await scene.ask("GET", "/v1/messages?limit=1000")).json()["messages"]
    for message in messages:
        shown = (await scene.ask("GET", f"/v1/messages/{message['message_id']}")).json()
        assert shown["masked"]
        for delivery in shown["deliveries"]:
            await scene.ask("GET", f"/v1/deliveries/{delivery['delivery_id']}")
    aside = (await scene.ask("GET", "/v1/set-aside?limit=1000")).json()["set_aside"]
    for one in aside:
        await scene.ask("GET", f"/v1/set-aside/{one['id']}")
        if one["item_id"].startswith("art_"):
            await scene.ask("GET", f"/v1/artifacts/{one['item_id']}")
    dead = [one["id"] for one in aside if one["state"] == "dead"]
    order = {"ids": dead[:1], "reason": word("why it was discarded")}
    assert (await scene.ask("POST", "/v1/set-aside/discard", json=order)).status_code == 200
    order = {"ids": dead[1:2], "reason": word("why it was parked")}
    assert (await scene.ask("POST", "/v1/set-aside/park", json=order)).status_code == 200
    pause = {"reason": word("why it was paused")}
    assert (await scene.ask("POST", "/v1/interfaces/takes/pause", json=pause)).status_code == 200
    for target in ("/v1/interfaces", "/metrics"):
        await scene.ask("GET", target)


async def say_it_on_the_command_line(scene: Scene) -> None:
    root = ["--root", str(scene.root)]
    aside = (await scene.client.get("/v1/set-aside?limit=1000")).json()["set_aside"]
    (message, *_) = (await scene.client.get("/v1/messages")).json()["messages"]
    """Call every verb that shows something, in this process: it only asks the one that listens."""
    verbs = [
        ["status"], ["status", "--json"], ["dlq", "list"], ["dlq", "list", "--json"],
        ["dlq", "show", aside[0]["id"]], ["message", "list"],
        ["message", "show", message["message_id"]], ["message", "trace", message["message_id"]],
        ["doctor"], ["check"], ["reload"],
        ["message", "show", scene.canaries.word("an id of the command line")],
    ]  # fmt: skip
    for verb in verbs:
        said = await asyncio.to_thread(_typed, [*verb, *root])
        assert said
        scene.outputs[f"remithub {' '.join(verb[:2])}"] = said


def _typed(words: list[str]) -> str:
    """Type a command; return all it writes."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        main(words)
    assert "Traceback" not in out.getvalue()
    return out.getvalue()


async def decode_and_map(scene: Scene) -> None:
    """A damaged file: what is told beside the document; a mapping that fails on every document."""
    raw = marked_835(scene.canaries, "decoded")
    for damaged in (raw.replace(b"*100*80*5", b"*1x0*8-0*5"), raw[:900], raw.replace(b"~", b"!")):
        _, out, err = await scene.command("decode", "-", data=damaged)
        scene.outputs["decode: stderr"] = err
        for number, line in enumerate(out.splitlines()):
            told_beside = {k: v for k, v in json.loads(line).items() if k != "message"}
            scene.outputs[f"decode: line {number}"] = json.dumps(told_beside)
    file = scene.root / "claims.835"
    file.write_bytes(raw)
    strict = str(scene.root / "mappings/strict")
    code, out, err = await scene.command("mapping", "run", strict, str(file))
    assert (code, out) == (1, b"")
    scene.outputs["mapping run: stderr"] = err
    words = ["mapping", "explain", "x12-835-to-remittance-advice", "/", str(file)]
    _, out, err = await scene.command(*words)
    scene.outputs["mapping explain"] = out + err


ALLOWED = {
    "GET /v1/messages/msg_": {
        "trace": "class none in the contract: it names a payment of many claims, no person",
        "trace reference": "the payer's own id (TRN04), class none",
        "payer reference": "the payer's own id, class none",
        "contact name": "who answers the phone at the payer, class none",
        "contact phone": "the payer's, class none",
        "contact mail": "the payer's, class none",
        "claim contact": "who answers for claims at the payer, class none",
        "claim phone": "the payer's, class none",
        "provider last": "a clinician's name is in the public NPI register, class none",
        "provider first": "as above",
    },
}
"""What a masked document shows, by the annotations of remittance-advice 1.0.0, and why (guides:
contracts, section 4). The figures, codes and hashes of guide A13 carry no marked word at all.

Not among the outputs, for they are asked for in full and audited: `message show --full`,
`?data=full`, `/content`, the `message` of `decode`, what `mapping run` prints, and what partners
are sent. An external id and an error code are a partner's own number and word by the interface's
`external_id` and `code_path`; whoever writes those paths answers for what they lead to."""


def not_allowed(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Leave out what `ALLOWED` gives a reason for."""
    rest = {}
    for output, whats in found.items():
        reasons = next((r for part, r in ALLOWED.items() if part in output), {})
        if left := [what for what in whats if what.partition(": ")[2] not in reasons]:
            rest[output] = left
    return rest


async def test_no_marked_word_leaves_its_place_on_any_road(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**ENVIRONMENT, **scene.partner_environment}.items():
        monkeypatch.setenv(name, value)
    async with talkative_hub(scene):
        await walk_every_road(scene)
        await look_everywhere(scene)
        await malformed_requests(scene)
        await say_it_on_the_command_line(scene)
        await decode_and_map(scene)
        content = await the_marked_words_are_there_for_who_asks(scene)
    scene.outputs["addresses asked at partners"] = "\n".join(scene.urls_seen)
    assert not_allowed(told(scene.canaries, scene.outputs)) == {}
    token = (scene.root / "var/api.token").read_bytes().strip()
    for name, output in scene.outputs.items():
        raw = output.encode() if isinstance(output, str) else output
        assert SECRET_MARK.encode() not in raw.lower(), name
        assert token not in raw or name.endswith("var/api.token"), name
    assert content


async def the_marked_words_are_there_for_who_asks(scene: Scene) -> bool:
    """What is asked for in full has them: the words went the whole way, and the search finds them."""
    (message, *_) = (await scene.client.get("/v1/messages")).json()["messages"]
    full = await scene.client.get(f"/v1/messages/{message['message_id']}?data=full")
    raw = await scene.client.get(f"/v1/artifacts/{message['artifact_id']}/content")
    planted = {what for what in scene.canaries.words.values() if what.startswith("accepted: ")}
    assert scene.canaries.found_in(raw.content) == planted
    return len(scene.canaries.found_in(full.content)) > 30
