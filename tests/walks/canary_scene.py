"""A hub whose every logger speaks and partners that repeat what they are told, all kept to be searched."""

import asyncio
import contextlib
import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

from tests.walks.canary import Canaries

DEMO = Path(__file__).resolve().parents[2] / "config/demo"
ENVIRONMENT = {
    "REMITHUB_SECRET_CLEARINGHOUSE_PASSWORD": "ZQSECRETSFTP",
    "REMITHUB_SECRET_PARTNER_TOKEN": "ZQSECRETHTTP",
}
SECRET_MARK = "zqsecret"

TALKATIVE_HUB = """\
import asyncio, logging, sys
from pathlib import Path
from gateway.app.logs import set_up_logging
from gateway.app.server import serve
set_up_logging("DEBUG")
for name in ["", *logging.root.manager.loggerDict]:
    if not name.startswith("remithub.sftp.wire"):
        logging.getLogger(name).setLevel(logging.DEBUG)
for name in ("httpx", "httpcore", "aiohttp", "paramiko", "asyncio", "apscheduler", "alembic",
             "granian", "_granian", "litestar", "sqlalchemy", "tenacity", "jsonschema"):
    logging.getLogger(name).setLevel(logging.DEBUG)
asyncio.run(serve(Path(sys.argv[1]), lambda listening: print("listening", flush=True)))
"""
"""A hub whose every logger speaks at DEBUG. `remithub.sftp.wire` is ours and shut by its module:
no configuration opens it, so paramiko has no other way to speak."""

SINK = """\
interface: {name}
direction: out
connector: http_api
accepts: remittance-advice@^1.0
settings:
  base_url: {url}/{name}
  auth: {{type: bearer, token: "${{secret:partner-token}}"}}
  idempotency: {{mode: {mode}}}
  deliver:
    steps: [{{id: send, request: {{path: /deliver}}}}]
    result: {{external_id: "${{steps.send.body.id|optional}}"}}
deadline_seconds: 2
retry: {{schedule_seconds: [0], breaker_failures: 100, jitter: 0}}
{more}
"""
REPLY = "reply: {contract: acknowledgement@^1.0}"
FEED = """\
interface: {name}
direction: in
format: {format}
{what}
"""
STRICT = """\
mapping: strict
version: 1.0.0
source: {format: x12-835}
target: {contract: remittance-advice, version: "^1.0"}
base: input
lookups:
  known: {SOMEBODY: "1"}
fields:
  payment:
    trace_number: lookup(known, payment.trace_number)
"""


@dataclass
class Scene:
    """A root folder, its hub in a process of its own, and all that was seen of it."""

    root: Path
    canaries: Canaries
    house: Any
    sinks: list[str]
    url: str = ""
    outputs: dict[str, bytes] = field(default_factory=dict)
    urls_seen: list[str] = field(default_factory=list)
    client: httpx.AsyncClient | None = None

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    async def ask(self, method: str, target: str, **more: Any) -> Any:
        """Send one request and keep everything of its answer."""
        answer = await self.client.request(method, target, **more)
        shown = str(answer.headers.raw).encode() + answer.content
        self.outputs[f"{len(self.outputs)} {method} {target.partition('?')[0]}"] = shown
        return answer

    async def command(self, *words: str, data: bytes = b"") -> tuple[int, bytes, bytes]:
        """Run the command line in a process of its own."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import sys; from gateway.cli import main; sys.exit(main())",
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await child.communicate(data)
        assert b"Traceback" not in err
        return child.returncode, out, err

    @property
    def partner_environment(self) -> dict[str, str]:
        return {
            "REMITHUB_DEMO_SFTP_PORT": str(self.house.port),
            "REMITHUB_DEMO_SFTP_HOST_KEY": self.house.host_key_line,
            "REMITHUB_DEMO_BILLING_URL": self.url,
            "REMITHUB_DEMO_ERP_URL": self.url,
        }


def answers(scene: Scene) -> Callable[[web.Request], Any]:
    """Return partners that put what they were told, and words of their own, into every answer."""
    word = scene.canaries.word

    async def act(request: web.Request) -> web.StreamResponse:
        body = await request.text()
        scene.urls_seen.append(str(request.rel_url))
        headers = {"X-Told": word("a partner's header")}
        match request.match_info["sink"]:
            case "refuses":
                error = {
                    "message": f"no {word('refusal')}",
                    "code": f"{word('code')} text",
                    "echo": body,
                }
                return web.json_response({"error": error}, status=422, headers=headers)
            case "loses":
                request.transport.abort()
                return web.Response()
            case "breaks":
                return web.json_response({"result": word("reply"), "echo": body}, headers=headers)
            case "garbles":
                text = f"<p>{word('garbled reply')}{body}"
                return web.Response(text=text, content_type="application/json")
            case "locks":
                told_ = {"WWW-Authenticate": f"Bearer error={word('challenge')}", **headers}
                return web.Response(text=body, status=401, reason=word("phrase"), headers=told_)
            case "fails":
                return web.Response(text=word("page") + body, status=500, reason=word("reason"))
            case _:
                return web.json_response({"id": "doc-1", "echo": body}, headers=headers)

    return act


@contextlib.asynccontextmanager
async def partner_server(scene: Scene) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_route("*", "/{sink}/deliver", answers(scene))
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    scene.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield
    finally:
        await runner.cleanup()


def configure(scene: Scene) -> None:
    scene.write("config/hub.yaml", "tenant: hilltop\napi: {port: 0}\n")
    (scene.root / "config/interfaces").mkdir()
    shutil.copy(DEMO / "interfaces/clearinghouse-remits.yaml", scene.root / "config/interfaces")
    feeds = {
        "upload": ("x12-835", "mapping: x12-835-to-remittance-advice"),
        "strict": ("x12-835", "mapping: strict"),
        "ready-made": ("json", "contract: remittance-advice@^1.0"),
    }
    for name, (form, what) in feeds.items():
        text = FEED.format(name=name, format=form, what=what)
        scene.write(f"config/interfaces/{name}.yaml", text)
    for name in scene.sinks:
        mode = "none" if name == "loses" else "key"
        more = REPLY if name in ("breaks", "garbles") else ""
        text = SINK.format(name=name, url=scene.url, mode=mode, more=more)
        scene.write(f"config/interfaces/{name}.yaml", text)
    routes = [f"  - {{name: to-{n}, contract: remittance-advice, to: {n}}}" for n in scene.sinks]
    scene.write("config/routes.yaml", "\n".join(["routes:", *routes]) + "\n")
    scene.write("mappings/strict/mapping.yaml", STRICT)


@contextlib.asynccontextmanager
async def talkative_hub(scene: Scene) -> AsyncIterator[None]:
    """Run the hub; what it writes to its outputs ends in `scene.outputs`."""
    log = scene.root / "stderr.log"
    said = log.open("wb")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        TALKATIVE_HUB,
        str(scene.root),
        stdout=asyncio.subprocess.PIPE,
        stderr=said,
    )
    said.close()
    try:
        async with asyncio.timeout(20):
            line = await child.stdout.readline()
        assert line == b"listening\n", log.read_text()[-2000:]
        address = json.loads((scene.root / "var/hub.address").read_bytes())
        token = (scene.root / "var/api.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=address["url"], headers=headers) as scene.client:
            yield
        for file in (scene.root / "var").rglob("*"):
            if file.is_file():
                scene.outputs[f"at rest, running: var/{file.name}"] = file.read_bytes()
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        rest, _ = await child.communicate()
        scene.outputs["hub's stdout"] = line + rest
        scene.outputs["hub's log"] = log.read_bytes()
    for file in (scene.root / "var").rglob("*"):
        if file.is_file():
            scene.outputs[f"at rest: var/{file.name}"] = file.read_bytes()
