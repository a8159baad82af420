"""The conformance kit: what every connector must pass, here and outside this repository.

Say what is tested and how to reach its partner, and run pytest (the kit itself does not need it):

    from contextlib import asynccontextmanager
    import pytest
    from connectors.conformance import SinkConformance, SinkPartner
    from my_connector import CONNECTOR

    class Partner(SinkPartner):
        ...                                   # settings, secrets, document, effects, and more

    class TestMySink(SinkConformance):
        connector = CONNECTOR

        @pytest.fixture
        def partner(self):
            @asynccontextmanager
            async def open_partner():
                yield Partner()               # a server started here ends after the yield
            return open_partner

Each row is a test of its own. It passes, fails with the row's number and what is wrong, or is
skipped with the reason why it does not apply: the connector's or the partner's abilities, or a
`waivers` entry. What a partner does not override counts as not possible, so look at the skips.
`SinkConformance.findings(partner)` runs the rows without pytest.

Rows 1 to 35 are numbered as in the design guide; F1 and on are for connectors of files
(`FileSourceConformance`, `FileSinkConformance`). `NOT_ROWS` says which rows no connector can be asked, and why.
"""

from connectors.conformance.partners import (
    Fault,
    Opener,
    Proxy,
    SinkPartner,
    SourcePartner,
    Wrong,
)
from connectors.conformance.rows import Finding, NotApplicable, Row, Verdict, Violation
from connectors.conformance.suite import (
    NOT_ROWS,
    FileSinkConformance,
    FileSourceConformance,
    SinkConformance,
    SourceConformance,
)

__all__ = [
    "NOT_ROWS",
    "Fault",
    "FileSinkConformance",
    "FileSourceConformance",
    "Finding",
    "NotApplicable",
    "Opener",
    "Proxy",
    "Row",
    "SinkConformance",
    "SinkPartner",
    "SourceConformance",
    "SourcePartner",
    "Verdict",
    "Violation",
    "Wrong",
]
