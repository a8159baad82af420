"""The command line: `remithub VERB`, one module per noun, each loaded when it is called."""

import difflib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.exits import Exit, exit_code
from gateway.cli.verb import Group, prologue
from gateway.cli.verbs import NOUNS, VERBS
from gateway.errors import HubError

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError
    from cyclopts import Group as Heading

__all__ = ["build", "main"]


def _version() -> str:
    from gateway.cli.version import installed

    return installed()


def build(tokens: Sequence[str] = (), *, decorated: bool) -> "App":
    """Return the command tree for one command line; no verb's module is loaded yet.

    `decorated` draws help in boxes, for a terminal.
    """
    from cyclopts import App, Parameter
    from cyclopts import Group as Heading

    headings = {group: Heading(group.value, sort_key=at) for at, group in enumerate(Group)}
    app = App(
        name="remithub",
        help="The integration hub of payment posting: remittance files in, balanced journals out.",
        help_prologue=prologue(verb.examples[-1] for verb in VERBS[:4]),
        help_format="markdown",
        help_formatter="default" if decorated else "plain",
        version=_version,
        default_parameter=Parameter(negative=()),
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    nouns: dict[str, App] = {}
    for at, verb in enumerate(VERBS):
        parent = app
        if verb.noun:
            if verb.noun not in nouns:
                nouns[verb.noun] = _noun(verb.noun, headings[verb.group], at)
                app.command(nouns[verb.noun])
            parent = nouns[verb.noun]
        words = verb.name.split()
        parent.command(
            verb.target,
            name=words[-1],
            sort_key=at,
            # The verb that is called explains itself at length, by its function's docstring.
            help=None if list(tokens[: len(words)]) == words else verb.summary,
            group=None if verb.noun else headings[verb.group],
            **({} if verb.target.endswith(":app") else {"help_prologue": verb.prologue}),
        )
    return app


def _noun(noun: str, heading: "Heading", at: int) -> "App":
    from cyclopts import App

    own = [verb for verb in VERBS if verb.noun == noun]
    return App(
        name=noun,
        help=NOUNS[noun],
        group=heading,
        sort_key=at,
        help_prologue=prologue(verb.examples[0] for verb in own),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code (`gateway.cli.exits`).

    Errors of ours are told on stderr with their next step. Anything unexpected is one line that
    names the place, never the value; REMITHUB_DEBUG=1 shows the traceback.
    """
    given = sys.argv[1:] if arguments is None else arguments
    # The parser takes a lone "-" (standard input or output) for an option; Path("./-") is Path("-").
    tokens = ["./-" if token == "-" else token for token in given]  # noqa: S105  a command line's word
    try:
        code = _guarded(lambda: _call(tokens))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (a pager, `head`) has what it wanted; without this Python complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE
    return code


def _call(tokens: list[str]) -> int:
    from cyclopts import CycloptsError

    app = build(tokens, decorated=sys.stdout.isatty())
    try:
        result = app(tokens, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _usage(error)
    return result if isinstance(result, int) else Exit.OK


def _guarded(call: Callable[[], int]) -> int:
    debug = os.environ.get("REMITHUB_DEBUG", "") not in {"", "0"}
    try:
        return call()
    except KeyboardInterrupt:
        _say("Interrupted.")
        return Exit.INTERRUPTED
    except HubError as error:
        if debug:
            raise
        _say(error.message, error.next_step)
        return exit_code(error)
    except BrokenPipeError:
        raise
    except Exception as error:
        if debug:
            raise
        _say(
            f"Unexpected {type(error).__name__} at {_place(error)}.",
            "run it again with REMITHUB_DEBUG=1 for the traceback, and report that.",
        )
        return Exit.FAILED


def _place(error: Exception) -> str:
    """Name the innermost line of ours; an exception's text may quote a payload, so it is not used."""
    place = "an unknown place"
    root = Path(__file__).parents[2]
    trace = error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.is_relative_to(root) and "site-packages" not in file.relative_to(root).parts:
            place = f"{file.relative_to(root)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _usage(error: "CycloptsError") -> int:
    from cyclopts import UnknownCommandError

    noun = " ".join(error.command_chain or ())
    where = f"remithub {noun}".strip()
    if isinstance(error, UnknownCommandError):
        # The library's own text would load every verb's module to look for a similar name.
        word = (error.unused_tokens or [""])[0]
        inside = [verb.name.split() for verb in VERBS if not noun or verb.noun == noun]
        names = sorted({words[1 if noun else 0] for words in inside})
        close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
        guess = f" Did you mean `{where} {close[0]}`?" if close else ""
        _say(f"There is no `{where} {word}`.{guess}", f"`{where} --help` lists what there is.")
    else:
        _say(" ".join(str(error).split()), f"`{where} --help` shows how it is called.")
    return Exit.USAGE


def _say(message: str, next_step: str = "") -> None:
    from gateway.cli.output import Output

    output = Output()
    output.say(f"remithub: {message}")
    if next_step:
        output.say(f"Next: {next_step}")
