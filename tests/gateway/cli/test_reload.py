"""`remithub reload`."""

from gateway.cli.exits import Exit
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import Live, write

FEED = """\
interface: late-feed
direction: in
format: json
contract: acknowledgement@^1.0
"""


def test_a_new_file_is_followed_and_a_broken_one_refused(live: Live, typed: Typed) -> None:
    assert typed("reload").startswith("Nothing has changed.")
    write(live.root, "interfaces/late-feed.yaml", FEED)
    assert typed("reload", "--dry-run").startswith("Would follow bundle ")
    assert "late-feed" not in {one["name"] for one in live.get("/v1/interfaces")}
    assert "late-feed" in typed("reload")
    write(live.root, "interfaces/late-feed.yaml", FEED.replace("json", "jason"))
    typed("reload", code=Exit.FAILED)
    assert "interfaces/late-feed.yaml:3: there is no format 'jason'" in typed.err
    assert "late-feed" in {one["name"] for one in live.get("/v1/interfaces")}
    (live.root / "config/interfaces/late-feed.yaml").unlink()
    assert "late-feed" not in typed.json("reload")["interfaces"]
