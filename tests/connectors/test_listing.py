"""Names, settling, order and caps, without any file (F-PATH: the names of a partner)."""

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import Call, Document
from connectors.file_document import file_name_of, mark_of
from connectors.listing import Entry, FilePolling, Settling, name_fault, offer_of, ref_of


def settling_by(**rules) -> Settling:
    return Settling(FilePolling(path="p", **rules))


HOSTILE = st.one_of(
    st.text(st.characters(), max_size=300),
    st.text("./\\\0\r\n%~ab", max_size=12),
    st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    st.sampled_from(["..", "/etc/passwd", "..\\x", "a/../b", "C:\\x", "\ud800", "a" * 256]),
)


@settings(deadline=None)
@given(HOSTILE)
def test_a_name_that_is_let_through_is_one_plain_path_segment(name):
    if name_fault(name):
        return
    assert name not in ("", ".", "..")
    assert "/" not in name
    assert "\\" not in name
    assert not any(ord(char) < 32 for char in name)
    assert 0 < len(name.encode()) <= 255


@settings(deadline=None)
@given(st.text(string.ascii_letters + string.digits + "-_ ()äé", min_size=1, max_size=60))
def test_an_ordinary_name_is_let_through(name):
    assert name_fault(name) == ""


@settings(deadline=None, max_examples=1000)
@given(HOSTILE, st.text(max_size=80))
def test_no_document_name_and_no_key_leads_out_of_the_folder(name, key):
    call = Call(key=key, attempt=1, deadline=0)
    chosen = file_name_of(call, Document(contract="c", raw=b"x", name=name))
    if chosen is not None:
        assert name_fault(chosen) == ""
        assert not chosen.startswith(".")
        assert chosen in (name, mark_of(key) + ".bin")


@settings(deadline=None)
@given(st.lists(st.tuples(HOSTILE, st.integers(0, 2**63 - 1), st.integers(0, 2**32)), max_size=20))
def test_no_listing_breaks_a_poll_and_every_offer_finds_its_file_again(listing):
    entries = [Entry(*facts) for facts in listing]
    settling = settling_by(settle_seconds=0)
    for entry in settling.ready(entries, 0.0):
        offer = offer_of(entry, "e")
        assert ref_of(offer) == entry
        assert not entry.name or entry.name not in offer.fingerprint or len(entry.name) < 4


def test_a_file_settles_between_two_listings_and_starts_again_when_it_changes():
    settling = settling_by()
    first, grown = Entry("a", 1, 1), Entry("a", 2, 1)
    assert settling.ready([first], 0) == []
    assert settling.ready([first], 9.9) == []
    assert settling.ready([first], 10) == [first]
    assert settling.ready([grown], 20) == []
    assert settling.ready([grown], 30) == [grown]


def test_a_file_that_was_away_settles_anew():
    settling = settling_by()
    entry = Entry("a", 1, 1)
    settling.ready([entry], 0)
    settling.ready([], 5)
    assert settling.ready([entry], 10) == []


def test_what_is_settled_and_stays_does_not_use_up_the_cap():
    settling = settling_by(settle_seconds=0, max_files_per_poll=1)
    old, new = Entry("old", 1, 1), Entry("new", 1, 2)
    assert settling.ready([old, new], 0) == [old]
    settling.settled(old)
    assert settling.ready([old, new], 1) == [new]
    assert settling.ready([new], 2) == [new]
    assert settling.ready([old, new], 3) == [old]


def test_one_file_larger_than_the_cap_is_still_taken_alone():
    settling = settling_by(settle_seconds=0, max_bytes_per_poll=10)
    big, small = Entry("big", 99, 1), Entry("small", 1, 2)
    assert settling.ready([small, big], 0) == [big]


def test_the_fingerprint_tells_size_time_name_and_place_apart():
    variants = [
        offer_of(Entry("a", 1, 1), "e"),
        offer_of(Entry("b", 1, 1), "e"),
        offer_of(Entry("a", 2, 1), "e"),
        offer_of(Entry("a", 1, 2), "e"),
        offer_of(Entry("a", 1, 1), "f"),
    ]
    assert len({offer.fingerprint for offer in variants}) == 5
