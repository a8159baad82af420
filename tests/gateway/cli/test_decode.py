"""`remithub decode` and `remithub generate`: output, exit codes, and no traceback for any bytes."""

import io
import os
import random
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from gateway.cli.decode import decode
from gateway.cli.generate import generate
from gateway.errors import UsageFault


@pytest.fixture
def make(tmp_path):
    def _make(name: str = "good.835", **options) -> Path:
        path = tmp_path / name
        assert generate("835", out=path, **{"payments": 3, "seed": 5, **options}) == 0
        return path

    return _make


def lines(capfdbinary):
    return [msgspec.json.decode(line) for line in capfdbinary.readouterr().out.splitlines()]


def test_a_clean_file_gives_one_line_per_transaction_set(make, capfdbinary):
    path = make()
    assert decode([path]) == 0
    found = lines(capfdbinary)
    assert len(found) == 3
    for line in found:
        assert list(line) == ["file", "interchange", "transaction_set", "message", "findings"]
        assert line["file"] == str(path)
        assert line["message"]["balance"]["balanced"] is True
        assert line["findings"] == []
    assert found[0]["interchange"]["control"] == "000000005"
    assert found[2]["transaction_set"]["control"] == "0003"


def test_a_suspect_finding_ends_with_three(make, capfdbinary):
    assert decode([make(), make("bad.835", fault="out_of_balance")]) == 3
    found = lines(capfdbinary)
    assert [one["code"] for one in found[3]["findings"]] == ["payment_out_of_balance"]
    assert found[3]["findings"][0]["severity"] == "suspect"


def test_something_unreadable_ends_with_one_and_an_error_object(make, tmp_path, capfdbinary):
    junk = tmp_path / "junk.835"
    junk.write_bytes(b"not X12 at all")
    assert decode([make(fault="truncated"), junk]) == 1
    last = lines(capfdbinary)[-1]
    assert last["error"]["code"] == "no_interchange"
    assert "message" not in last


def test_another_kind_of_set_is_unreadable_alone_and_harmless_beside_835s(
    make, tmp_path, capfdbinary
):
    data = make(payments=1).read_bytes()
    other = b"ST*999*0002~AK1*HP*1~SE*3*0002~"
    mixed, alone = tmp_path / "mixed.x12", tmp_path / "alone.x12"
    mixed.write_bytes(data.replace(b"GE*1*", other + b"GE*2*"))
    alone.write_bytes(data[: data.index(b"ST*")] + other + data[data.index(b"GE*1*") :])
    assert decode([mixed]) == 0
    assert lines(capfdbinary)[1]["error"]["code"] == "transaction_set_not_supported"
    assert decode([alone]) == 1


def test_a_file_that_is_not_there_ends_with_four(make, tmp_path, capfd):
    assert decode([tmp_path / "absent.835", make()]) == 4
    captured = capfd.readouterr()
    assert "No such file" in captured.err
    assert len(captured.out.splitlines()) == 3


def test_a_folder_is_named_and_not_a_traceback(tmp_path, capfd):
    assert decode([tmp_path]) == 4
    assert "directory" in capfd.readouterr().err


@pytest.mark.parametrize("summary", [False, True])
def test_the_name_of_a_file_steers_no_terminal(make, tmp_path, capfd, summary):
    """F-LOG: a partner chose it."""
    odd = "\x1b]0;owned\x07\x9b2J\u202e\nclean.835"
    there = make().rename(tmp_path / odd)
    assert decode([there, tmp_path / f"{odd}.gone"], summary=summary) == 4
    captured = capfd.readouterr()
    for text in (captured.out, captured.err.replace(f"{tmp_path}", "")):
        assert "owned" in text
        assert all(char.isprintable() or char == "\n" for char in text)
    assert not any(line.startswith("clean.835") for line in captured.out.splitlines())


def test_standard_input_is_read(make, capfdbinary, monkeypatch):
    data = make().read_bytes()

    class Input:
        buffer = io.BytesIO(data)

    monkeypatch.setattr(sys, "stdin", Input())
    assert decode([Path("-")]) == 0
    assert [line["file"] for line in lines(capfdbinary)] == ["-"] * 3


def test_test_data_is_suspect_only_in_production(make, capfdbinary):
    path = make()
    path.write_bytes(path.read_bytes().replace(b"*0*P*:", b"*0*T*:"))
    assert decode([path]) == 0
    assert decode([path], production=True) == 3
    assert lines(capfdbinary)[-1]["findings"][0]["code"] == "test_interchange"


def test_the_summary_is_a_table_with_totals(make, capfd):
    path = make(fault="out_of_balance")
    assert decode([path], summary=True) == 3
    out = capfd.readouterr().out
    assert "payment_out_of_balance" in out
    assert "3 in all" in out
    assert "1 suspect" in out
    assert "2 clean" in out


def test_the_summary_of_very_many_sets_lists_some_and_counts_all(make, capfd):
    assert decode([make(payments=1_003, claims_per_payment=1)], summary=True) == 0
    out = capfd.readouterr().out
    assert "and 3 more" in out
    assert "1,003 in all" in out


def test_a_pipe_with_a_name_is_read(make, tmp_path, capfdbinary):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = make().read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    assert decode([pipe]) == 0
    writer.join()
    assert len(lines(capfdbinary)) == 3


def test_a_file_name_that_is_no_text_is_shown_all_the_same(make, tmp_path, capfdbinary):
    path = tmp_path / os.fsdecode(b"odd-\xff.835")
    make().rename(path)
    assert decode([path]) == 0
    assert lines(capfdbinary)[0]["file"].endswith("odd-\ufffd.835")


def test_no_bytes_give_a_traceback(tmp_path, capfdbinary):
    draw = random.Random(1)
    path = tmp_path / "any.835"
    for size in (0, 1, 3, 4, 105, 106, 5000):
        for start in (b"", b"ISA*", b"ST*835*", b"GS*HP*"):
            path.write_bytes(start + draw.randbytes(size))
            assert decode([path]) in (0, 1, 3)
            assert decode([path], summary=True) in (0, 1, 3)
    capfdbinary.readouterr()


def test_generate_writes_to_standard_output_too(capfdbinary):
    assert generate("835", payments=1, seed=3) == 0
    assert capfdbinary.readouterr().out.startswith(b"ISA*00*")


def test_generate_refuses_what_makes_no_sense():
    with pytest.raises(UsageFault):
        generate("835", payments=-1)
    with pytest.raises(UsageFault) as caught:
        generate("835", fault="gremlins")
    assert "out_of_balance" in caught.value.next_step
