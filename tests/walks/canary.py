"""Marked words: an 835 whose every element that may tell of a person is one, and who finds them again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MARK = "ZQPHI"
"""Every marked word begins so; nothing else anywhere does."""


@dataclass
class Canaries:
    """Gives out marked words, each once, and remembers what each stands for."""

    words: dict[str, str] = field(default_factory=dict)
    """The word, and what it stands for: what a failing test may print."""

    def word(self, what: str) -> str:
        """Return a fresh word of 10 letters and figures."""
        made = f"{MARK}{len(self.words):05d}"
        self.words[made] = what
        return made

    def day(self, what: str) -> str:
        """Return a fresh day of the seventies, as X12 writes it: no other date here is so old."""
        number = len(self.words)
        made = f"19{71 + number // 336:02d}{1 + number // 28 % 12:02d}{1 + number % 28:02d}"
        self.words[made] = what
        return made

    def found_in(self, data: bytes | str) -> set[str]:
        """Return what is told by the words that stand in `data`, in any letter case."""
        raw = data.encode() if isinstance(data, str) else data
        low = raw.lower()
        return {
            what
            for word, what in self.words.items()
            if any(form.encode().lower() in low for form in _forms(word))
        }


def _forms(word: str) -> Iterable[str]:
    if word.startswith(MARK):
        return (word, word.encode().hex())
    return (word, f"{word[:4]}-{word[4:6]}-{word[6:]}")


def marked_835(
    canaries: Canaries,
    road: str,
    *,
    usage: str = "P",
    method: str = "ACH",
    paid: str = "80",
) -> bytes:
    """Return one payment of $80 with one claim; `paid` other than 80 breaks the balance.

    What may tell of a person (45 CFR 164.514(b)(2)) and what the hub treats alike: names, ids,
    account, claim and trace numbers, references, contacts, dates of service.
    """

    def w(what: str) -> str:
        return canaries.word(f"{road}: {what}")

    def d(what: str) -> str:
        return canaries.day(f"{road}: {what}")

    payer, payee = w("payer account"), w("payee account")
    number = f"{len(canaries.words):09d}"
    segments = [
        f"GS*HP*SENDERX*RECEIVERX*20260401*1200*{int(number)}*X*005010X221A1",
        "ST*835*0001",
        f"BPR*I*80*C*{method}*CCP*01*000000013*DA*{payer}*1900000022**01*000000026*DA*{payee}*20260402",
        f"TRN*1*{w('trace')}*1900000022*{w('trace reference')}",
        f"REF*EV*{w('receiver reference')}",
        "DTM*405*20260401",
        "N1*PR*COPPER BASIN MUTUAL*XV*CB002",
        "N3*1 EXAMPLE PLAZA",
        "N4*ELKO*NV*89999",
        f"REF*2U*{w('payer reference')}",
        f"PER*BL*{w('contact name')}*TE*{w('contact phone')}*EM*{w('contact mail')}",
        "N1*PE*LAKEVIEW IMAGING PARTNERS*XX*1990000033",
        f"REF*TJ*{w('payee tax id')}",
        "LX*1",
        f"CLP*{w('account number')}*1*100*{paid}*5*CI*{w('claim number')}*11*1",
        f"NM1*QC*1*{w('last name')}*{w('first name')}*{w('middle name')}***MI*{w('patient id')}",
        f"NM1*IL*1*{w('insured last')}*{w('insured first')}****MI*{w('member id')}",
        f"NM1*74*1*{w('corrected last')}*{w('corrected first')}****C*{w('corrected id')}",
        f"NM1*82*1*{w('provider last')}*{w('provider first')}****XX*{w('provider id')}",
        f"NM1*GB*1*{w('other last')}*{w('other first')}****MI*{w('other id')}",
        f"REF*1L*{w('group number')}",
        f"REF*EA*{w('medical record')}",
        f"REF*SY*{w('social security')}",
        f"DTM*232*{d('service from')}",
        f"DTM*233*{d('service to')}",
        f"DTM*050*{d('received')}",
        f"DTM*036*{d('coverage end')}",
        f"PER*CX*{w('claim contact')}*TE*{w('claim phone')}",
        "SVC*HC:80053*100*80**1",
        f"DTM*472*{d('line service')}",
        "CAS*CO*45*15",
        "CAS*PR*1*5",
        f"REF*6R*{w('line control')}",
        f"REF*HPI*{w('line provider')}",
        f"PLB*1990000033*20261231*WO:{w('adjustment reference')}*1*WO:{w('second reference')}*-1",
    ]
    count = len(segments)
    segments += [f"SE*{count}*0001", f"GE*1*{int(number)}", f"IEA*1*{number}"]
    isa = (
        f"ISA*00*          *00*          *ZZ*SENDERX        *ZZ*RECEIVERX      "
        f"*260401*1200*^*00501*{number}*0*{usage}*:"
    )
    return "".join(f"{segment}~\n" for segment in [isa, *segments]).encode()


def told(canaries: Canaries, outputs: Mapping[str, bytes | str]) -> dict[str, list[str]]:
    """Return, of every output with a marked word in it, what its words stand for."""
    found = {name: sorted(canaries.found_in(data)) for name, data in outputs.items()}
    return {name: whats for name, whats in found.items() if whats}
