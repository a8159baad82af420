"""The one list of verbs: name, where the function is, one line of help, examples.

Nothing is imported for the list, so `remithub --help` stays quick: a verb's module is loaded when
the verb is called. The README's table of verbs is generated from here.
"""

from gateway.cli.verb import Group, Verb, verb

__all__ = ["NOUNS", "VERBS"]

NOUNS = {
    "audit": "The record of who did what: read it, verify it.",
    "client": "Who may call the API: connected systems, and the account for emergencies.",
    "connector": "How other systems are reached: begin a connector.",
    "contract": "What may travel: the contracts, their fields and their life.",
    "dlq": "Dead letters, held parts and parked deliveries: look, repair, replay.",
    "key": "Their API keys: make, list, rotate, revoke.",
    "mapping": "Test, run and explain a mapping.",
    "message": "Messages with their deliveries and attempts.",
    "store": "The database itself: move it to another engine.",
    "subscription": "What clients have sent to URLs of their own: look, stop, end.",
}
"""What each noun is about."""

VERBS = (
    verb(
        Group.TRY,
        "demo",
        "Run the whole job once on your screen, with partners that fail.",
        "demo",
        "demo --once",
    ),
    verb(
        Group.TRY,
        "generate",
        "Write invented remittance files from a seed.",
        "generate 835 --payments 100 --seed 7 --out sample.835",
    ),
    verb(
        Group.TRY,
        "decode",
        "Read remittance files (X12 835) and say what is wrong with them.",
        "decode sample.835 --summary",
        "decode inbox/*.835 > documents.jsonl",
    ),
    verb(
        Group.RUN,
        "run",
        "Run the hub on a folder of configuration.",
        "run --root .",
        "run --role worker --port 0",
    ),
    verb(
        Group.RUN,
        "status",
        "Show every interface: state, counts, backlog, money that waits.",
        "status",
        "status --json",
    ),
    verb(
        Group.RUN,
        "message list",
        "List messages, newest first.",
        "message list --contract remittance-advice",
    ),
    verb(
        Group.RUN,
        "message show",
        "Show one message with its deliveries and attempts.",
        "message show msg_0f3a",
    ),
    verb(
        Group.RUN,
        "message trace",
        "Follow one message from the file it came from to the last reply.",
        "message trace msg_0f3a",
    ),
    verb(
        Group.RUN, "dlq list", "List what waits for a person.", "dlq list --interface oakfield-erp"
    ),
    verb(
        Group.RUN,
        "dlq groups",
        "List it by interface and error, with its money.",
        "dlq groups",
        "dlq groups --state dead --json",
    ),
    verb(Group.RUN, "dlq show", "Show one with its attempts.", "dlq show dlv_0f3a"),
    verb(
        Group.RUN,
        "dlq replay",
        "Send it through again, from where it failed.",
        "dlq replay dlv_0f3a",
        "dlq replay --group 5d41 --dry-run",
    ),
    verb(Group.RUN, "dlq release", "Let a held part go on.", "dlq release prc_0f3a@1024"),
    verb(Group.RUN, "dlq park", "Set it aside for later.", "dlq park dlv_0f3a"),
    verb(
        Group.RUN,
        "dlq confirm",
        "Settle one whose effect you have seen at the destination.",
        'dlq confirm dlv_0f3a --reason "document 4711 is in the ledger"',
    ),
    verb(
        Group.RUN,
        "dlq discard",
        "Close it without effect, with a reason.",
        'dlq discard dlv_0f3a --reason "sent by paper"',
    ),
    verb(
        Group.RUN,
        "client list",
        "List the systems that may call, with what they are granted.",
        "client list",
        function="show",
    ),
    verb(
        Group.RUN,
        "client password",
        "Make the password and the codes of the account for emergencies.",
        "client password",
    ),
    verb(
        Group.RUN,
        "client break-glass",
        "Let the account for emergencies in: the identity provider is away.",
        'client break-glass --reason "the provider does not answer since 9:40"',
        function="break_glass",
    ),
    verb(
        Group.RUN,
        "audit list",
        "List who did what, the newest first.",
        "audit list",
        function="show",
    ),
    verb(Group.RUN, "audit verify", "Verify the record of who did what.", "audit verify"),
    verb(
        Group.RUN,
        "key create",
        "Make an API key of a client; its secret is shown this once.",
        "key create oakfield-billing",
        "key create oakfield-billing --scope message.submit --days 30",
    ),
    verb(Group.RUN, "key list", "List the keys, without secrets.", "key list", function="show"),
    verb(
        Group.RUN,
        "key rotate",
        "Make the next key of a client; the old one is good for a day more.",
        "key rotate oakfield-billing --overlap-hours 48",
    ),
    verb(
        Group.RUN,
        "key revoke",
        "End a key at once.",
        'key revoke rhk_0f3a --reason "the laptop was stolen"',
    ),
    *(
        verb(Group.RUN, f"subscription {said}", summary, f"subscription {said}{more}")
        for said, summary, more in (
            ("list", "List what clients have sent to URLs of their own.", ""),
            ("show", "Show one with what becomes of the next message.", " sub-0f3a"),
            ("disable", "Send nothing there for now; it waits.", " sub-0f3a"),
            ("enable", "Send there again.", " sub-0f3a"),
            ("end", "End it, with what it is still owed.", " sub-0f3a"),
        )
    ),
    verb(
        Group.RUN,
        "reload",
        "Make the running hub read its configuration again.",
        "reload",
        "reload --dry-run",
    ),
    verb(
        Group.RUN,
        "doctor",
        "Look for what will hurt: keys, clock, disk, permissions, partners.",
        "doctor --prod",
    ),
    verb(
        Group.RUN,
        "inventory",
        "List who talks to whom at this site, and what the hub is made of.",
        "inventory --diagram",
    ),
    verb(
        Group.RUN,
        "store copy",
        "Copy a stopped hub's database to PostgreSQL, or back, and verify the copy.",
        "store copy --to postgresql://remithub@db.example/remithub --password-secret store-password",
        "store copy --to var/back.db",
    ),
    verb(
        Group.WRITE,
        "check",
        "Check configuration, contracts, mappings and how they refer to each other.",
        "check",
        "check --root /srv/remithub",
    ),
    verb(
        Group.WRITE,
        "contract list",
        "List the contracts with version and state.",
        "contract list",
    ),
    verb(
        Group.WRITE,
        "contract show",
        "Show the fields of one contract.",
        "contract show remittance-advice",
    ),
    verb(
        Group.WRITE,
        "contract lock",
        "Record the files of newly released versions, which then never change.",
        "contract lock",
    ),
    *(
        Verb(
            name=f"contract {said}",
            target=f"gateway.cli.{module}:{said}",
            summary=summary,
            group=Group.WRITE,
            examples=tuple(f"remithub contract {example}" for example in examples),
        )
        for module, said, summary, *examples in (
            (
                "contract_check",
                "check",
                "Check contracts: schemas, examples, quality rules, migrations, who reads them.",
                "check",
                "check remittance-advice",
            ),
            (
                "contract_uses",
                "uses",
                "Show who names a contract, what of it they read, and who called it last.",
                "uses remittance-advice/1.0.0",
            ),
            (
                "contract_steps",
                "propose",
                "Propose that a draft becomes active.",
                "propose work-item 1.0.0 --by anna",
            ),
            (
                "contract_steps",
                "approve",
                "Approve what another person has proposed, and carry it out.",
                "approve work-item 1.0.0 --by ben",
            ),
            (
                "contract_steps",
                "deprecate",
                "Propose that a version is deprecated, with a successor and a day of sunset.",
                "deprecate work-item 1.0.0 --successor 1.1.0 --sunset-at 2027-12-31",
            ),
            (
                "contract_steps",
                "sunset",
                "Propose that no new client gets a deprecated version.",
                "sunset work-item 1.0.0",
            ),
            (
                "contract_steps",
                "retire",
                "Propose that a version is served to nobody any more.",
                "retire work-item 1.0.0",
            ),
            (
                "contract_steps",
                "withdraw",
                "Propose that a draft is given up.",
                "withdraw work-item 2.0.0",
            ),
            (
                "contract_compat",
                "compat",
                "Prove that a new version of a contract breaks nobody, or show who it breaks.",
                "compat remittance-advice/1.0.0 changed.json",
            ),
            (
                "contract_export",
                "export",
                "Write the contracts as OpenAPI, AsyncAPI or ODCS.",
                "export --format openapi --out var/exports",
                "export remittance-advice --format odcs",
            ),
            (
                "contract_export",
                "catalogue",
                "Write the contracts as static pages that a partner can be sent.",
                "catalogue --out var/catalogue",
                "catalogue --out var/catalogue --own --root .",
            ),
        )
    ),
    verb(
        Group.WRITE,
        "mapping test",
        "Run the cases of one mapping, or of all.",
        "mapping test",
        "mapping test journal-entry-to-erp-journal",
    ),
    verb(
        Group.WRITE,
        "mapping run",
        "Run a mapping over a file of documents.",
        "mapping run remittance-advice-to-posting-request advice.json",
    ),
    verb(
        Group.WRITE,
        "mapping explain",
        "Say where one target field comes from.",
        "mapping explain remittance-advice-to-posting-request /payment/amount advice.json",
    ),
    verb(
        Group.BUILD,
        "connector new",
        "Write the skeleton of a connector, and the conformance case it must pass.",
        "connector new mailbox --kind source",
    ),
    verb(
        Group.BUILD,
        "bench",
        "Measure a part of the hub, beside something comparable.",
        "bench",
        "bench codec --json",
        function="app",
    ),
    verb(
        Group.BUILD,
        "sim",
        "Run the hub in seeded worlds of faults, on virtual time, and check its promises.",
        "sim --seeds 300",
        "sim --seeds 1 --from 4711 --trace",
    ),
    verb(
        Group.BUILD,
        "docs",
        "Write the generated tables of the README files, or check them.",
        "docs",
        "docs --check",
    ),
    verb(Group.BUILD, "version", "Print the versions that a bug report needs.", "version"),
)
"""Every verb, in the order of `--help`."""
