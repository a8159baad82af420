"""A configuration is compiled whole or refused with file, line and reason."""

import shutil
from pathlib import Path

import pytest

from gateway.app import read_bundle
from gateway.errors import ConfigError
from gateway.registry import starter_root

FEED = """\
interface: feed
direction: in
format: json
contract: remittance-advice@^1.0
"""
DROP = """\
interface: drop
direction: out
connector: folder
accepts: remittance-advice@^1.0
settings:
  path: out
"""
ROUTES = """\
routes:
  - name: keep
    contract: remittance-advice
    to: drop
"""


@pytest.fixture
def root(tmp_path: Path):
    """Writes a root folder: the files given, over a configuration that is right."""

    def write(**changed: str | None) -> Path:
        files = {"interfaces/feed.yaml": FEED, "interfaces/drop.yaml": DROP, "routes.yaml": ROUTES}
        for name, text in changed.items():
            files[name.replace("__", "/") + ".yaml"] = text
        for name, text in files.items():
            path = tmp_path / "config" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is not None:
                path.write_text(text)
        return tmp_path

    return write


def refused(root: Path) -> tuple[str, int, str]:
    with pytest.raises(ConfigError) as caught:
        read_bundle(root, {})
    return caught.value.file, caught.value.line, caught.value.reason


def test_a_right_configuration_compiles(root):
    bundle = read_bundle(root(), {})
    assert set(bundle.sources) == {"feed"}
    assert set(bundle.sinks) == {"drop"}
    assert [name for name, *_ in bundle.lanes()] == [
        "process:feed", "process:drop", "deliver:keep:drop",
    ]  # fmt: skip


def test_the_same_files_make_the_same_bundle_and_a_change_another(root):
    first = read_bundle(root(), {})
    assert read_bundle(root(), {}).hash == first.hash
    changed = root(interfaces__feed=FEED + "title: Another\n")
    assert read_bundle(changed, {}).hash != first.hash


@pytest.mark.parametrize(
    ("file", "text", "line", "reason"),
    [
        ("interfaces__feed", FEED + "poll_secnds: 5\n", 5, "poll_secnds"),
        ("interfaces__drop", DROP + "order_by: payment.amont\n", 7, "payment.amont"),
        ("interfaces__feed", FEED + "poll_seconds: -5\n", 5, ">= 0"),
        ("interfaces__feed", FEED.replace("json", "csv"), 3, "no format 'csv'"),
        ("interfaces__feed", FEED.replace("advice@^1.0", "advise"), 4, "remittance-advise"),
        ("interfaces__feed", FEED.replace("direction: in", "direction: inn"), 2, "`in` or `out`"),
        ("interfaces__feed", FEED.replace("interface: feed", "interface: food"), 1, "own name"),
        ("interfaces__feed", FEED + "mapping: nowhere\n", 5, "no mapping 'nowhere'"),
        ("interfaces__drop", DROP.replace("folder", "foldre"), 3, "no connector 'foldre'"),
        ("interfaces__drop", DROP.replace("path:", "paht:"), 6, "paht"),
        ("interfaces__drop", DROP.replace("@^1.0", "@^7.0"), 4, "^7.0"),
        ("interfaces__drop", DROP + "reply: {contract: posting-confirmation@^0.1}\n", 7, "draft"),
        ("routes", ROUTES.replace("to: drop", "to: dorp"), 4, "dorp"),
        ("routes", ROUTES.replace("- name: keep", "- name: keep\n    when: payment.amont > 1.00"),
         3, "payment.amont"),
        ("routes", ROUTES + ROUTES.split("\n", 1)[1], 5, "twice"),
        ("routes", ROUTES.replace("contract: remittance-advice", "contract: acknowledgement"),
         4, "accepts remittance-advice"),
        ("routes", "routes: [\n", 2, "not YAML"),
        ("interfaces__feed", FEED + "title: a\ntitle: b\n", 6, "twice"),
        ("interfaces__feed", FEED + "title: ${env:REMITHUB_NOT_THERE}\n", 5, "REMITHUB_NOT_THERE"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_line_and_reason(root, file, text, line, reason):
    found_file, found_line, found_reason = refused(root(**{file: text}))
    assert found_file == file.replace("__", "/") + ".yaml"
    assert reason in found_reason
    assert found_line == line


def test_a_draft_must_be_allowed_on_purpose(root):
    sink = DROP.replace("remittance-advice@^1.0", "posting-request@^0.1")
    *_, reason = refused(root(interfaces__drop=sink, routes="routes: []\n"))
    assert "allow_draft" in reason
    allowed = root(interfaces__drop=sink + "allow_draft: true\n", routes="routes: []\n")
    assert read_bundle(allowed, {}).sinks["drop"].accepts.draft


@pytest.mark.parametrize("status", ["retired", "withdrawn"])
def test_nothing_uses_a_contract_that_is_gone(root, status):
    folder = root(
        interfaces__feed=FEED.replace("remittance-advice@^1.0", "parcel"),
        interfaces__drop=None,
        routes="routes: []\n",
    )
    parcel = folder / "contracts/parcel"
    shutil.copytree(starter_root() / "contracts/remittance-advice", parcel)
    shutil.copytree(starter_root() / "contracts/common", folder / "contracts/common")
    header = parcel / "contract.yaml"
    text = header.read_text().replace("name: remittance-advice", "name: parcel")
    header.write_text(text)
    assert read_bundle(folder, {}).sources["feed"].contract.name == "parcel"
    header.write_text(text.replace("status: active", f"status: {status}"))
    file, _, reason = refused(folder)
    assert file == "contracts/parcel/contract.yaml"
    assert reason.endswith(f"parcel 1.0.0 is {status}: nothing uses it any more")


def test_only_variables_of_the_hub_may_be_read(root):
    *_, reason = refused(root(interfaces__feed=FEED + "title: ${env:HOME}\n"))
    assert "HOME" in reason


def test_yaml_traps_stay_text(root):
    bundle = read_bundle(root(interfaces__feed=FEED + "title: NO\n"), {})
    assert bundle.sources["feed"].settings.title == "NO"


def test_a_folder_without_configuration_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="--root"):
        read_bundle(tmp_path, {})


@pytest.mark.parametrize("key", ["correlation", "identity"])
def test_nothing_that_is_phi_is_found_by_a_column_in_clear(root, key):
    place = root()
    theirs = starter_root() / "contracts"
    shutil.copytree(theirs / "acknowledgement", place / "contracts/note")
    shutil.copytree(theirs / "common", place / "contracts/common")
    header = place / "contracts/note/contract.yaml"
    text = header.read_text().replace("name: acknowledgement", "name: note")
    header.write_text(text.partition("index:")[0] + f"index: {{{key}: errors.0.detail}}\n")
    root(interfaces__feed=FEED.replace("remittance-advice", "note"))
    file, _, reason = refused(place)
    assert (file, "PHI" in reason) == ("contracts/note/contract.yaml", True)
