"""The stable codes of the connectors of files: the hub and its operators go by them."""

import msgspec
import pytest

import connectors
from connectors.base import Call, Document, Failed, Failure, SourceFault, Undecidable

DOCUMENT = Document(contract="c", raw=b"ISA*00*", name="a.835")


@pytest.fixture(params=["folder", "sftp"])
def opened(request, tmp_path, make_context):
    """`opened(kind) -> part`, with the folder it works on as `opened.folder`."""
    settings = {"path": str(tmp_path)}
    context = make_context()
    if request.param == "sftp":
        sshd = request.getfixturevalue("sshd")
        settings = sshd.settings(tmp_path)
        context = make_context(KEY=sshd.user_key.private)
    spec = connectors.find(request.param)

    def open_part(kind):
        more = {"settle_seconds": 0} if kind == "source" else {}
        return getattr(spec, kind)(msgspec.convert({**settings, **more}, spec.settings), context)

    open_part.folder = tmp_path
    open_part.call = lambda seconds=10.0: Call(
        key="k", attempt=1, deadline=context.clock.monotonic() + seconds
    )
    return open_part


@pytest.mark.parametrize("code", ["changed", "gone"])
async def test_a_file_that_is_not_what_was_offered(opened, code):
    path = opened.folder / "a.835"
    path.write_bytes(b"ISA")
    source = opened("source")
    [offer] = [offer async for offer in source.discover()]
    if code == "gone":
        path.unlink()
    else:
        path.write_bytes(b"longer than before")
    with pytest.raises(SourceFault) as caught:
        async for _ in source.fetch(offer):
            pass
    assert (caught.value.failure, caught.value.code) == (Failure.DESTINATION, code)
    await source.close()


async def test_a_name_that_is_taken_or_unusable_and_a_deadline(opened):
    (opened.folder / "a.835").write_bytes(b"another")
    sink = opened("sink")
    taken = await sink.deliver(opened.call(), DOCUMENT)
    assert taken == Failed(failure=Failure.MESSAGE, code="name_taken")
    assert await sink.lookup(opened.call(), DOCUMENT) == Undecidable(code="name_taken")
    unusable = msgspec.structs.replace(DOCUMENT, name="../a.835")
    refused = await sink.deliver(opened.call(), unusable)
    assert refused == Failed(failure=Failure.MESSAGE, code="name_unusable")
    late = await sink.deliver(opened.call(seconds=-1), DOCUMENT)
    assert late == Failed(failure=Failure.DESTINATION, code="deadline")
    await sink.close()
