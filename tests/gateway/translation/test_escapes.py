"""F-TPL: whatever is known for getting out of a sandbox is refused before it is run."""

import json
from collections.abc import Callable

import pytest

from gateway.translation import Mapping, MappingError, compile_expression, compile_predicate
from tests.gateway.translation.conftest import SOURCE

INSIDES = (
    "__class__", "__subclasses__", "__globals__", "__builtins__", "__import__", "__mro__", "__bases__",
    "__init__", "__dict__", "__code__", "__getattribute__", "__reduce_ex__", "__self__", "__name__",
    "f_globals", "gi_frame", "cr_frame", "tb_frame", "func_globals",
)  # fmt: skip
AROUND = (
    "{0}", "id.{0}", "id.{0}()", "person.{0}.name", "().{0}", "''.{0}", "upper.{0}", "'{{0.{0}}}'.format(id)",
    "concat(id, {0})", "any(x.{0} == id for x in lines)", "`{0}`",
)  # fmt: skip
PYTHON = (
    'open("/etc/passwd")', 'open("/etc/passwd").read()', 'exec("1")', 'eval("1")', 'compile("1", "", "eval")',
    'getattr(id, "x")', 'setattr(id, "x", 1)', "globals()", "locals()", "vars()", "dir()", "vars(id)",
    "input()", "breakpoint()", 'type("x", (), {})', "type(id)", "object()", "super()", "print(id)", "help()",
    "exit()", "quit()", "iter(lines)", "next(lines)", "range(9)", "map(upper, tags)", "memoryview(id)",
    "lambda: 1", "(lambda x: x)(1)", "[x for x in tags]", "{x for x in tags}", "{id: 1}", "[1, 2][0]",
    'f"{id}"', 'b"x"', "r'x'", "(a := 1)", "yield id", "await id", "import os", "from os import system",
    'os.system("id")', 'subprocess.run("id")', "del id", "assert id", "raise id", "return id", "id = 1",
    "id; id", "id\nid", "id\n; import os", "id #", "id \\", "*tags", "**person", "@id", "id if", "...",
    "id[0]", "id[::]", "tags[-1]", "lines[0].code", "id % 1", "id @ id", "id ** 9", "1 << 9", "~1", "id & id",
    "9 ** 9 ** 9", "0x10", "1e999", "1_0", "1j", "nan", "id is id", "None", "True", "print",
)  # fmt: skip
RUNTIME = (
    "doc", "ctx", "tick", "tick(1, 1)", "trace(1, doc, id)", "steps", "mark", "used", "Bad", "Bad()", "D('1')",
    "ZERO", "INTEGERS", "K1", "v1", "i1", "money_text(id)", "decimal_text(id, 1, 1)", "to_decimal(id)",
    "weigh(id)", "Refused", "program(doc)", "dict(id)", "list(id)", "len(id)", "bool(id)",
)  # fmt: skip
"""Names of what a compiled mapping is made of."""
TEMPLATES = (
    "{{7*7}}", "{{ id }}", "{{config}}", "{{''.__class__}}", "{% for x in tags %}{% endfor %}", "{# x #}",
    "${7*7}", "${id}", "#{7*7}", "#{id}", "<%= 7*7 %>", "<% x %>", "[[${7*7}]]", "@{7*7}", "*{7*7}", "%{7*7}",
    "$(id)", "`id`; `id`", "|id", "id | upper", "id!upper", "$eval('1')", "$parse", "$$", "$.id", "@.id",
    "T(java.lang.Runtime).getRuntime()", "@java.lang.Runtime@getRuntime()", "new java.io.File('x')",
    "constructor.constructor('return 1')()", "process.mainModule.require('fs')", "this.constructor",
    "require('fs')", "function(){}", "() => 1", "id?.constructor", "import('fs')", "System.exit(1)",
    "\uff45val('1')", "id.\uff3f\uff3fclass\uff3f\uff3f", "\u0435val('1')", "id\u0000", "\u202eid",
    "id\u2028id", "'\\x41'", "'\\N{DIGIT ONE}'", '"""x"""', "'x' 'y'", "lookup(__class__, id)",
)  # fmt: skip
CORPUS = sorted(
    {
        *(form.format(inside) for inside in INSIDES for form in AROUND),
        *PYTHON, *RUNTIME, *TEMPLATES,
    }
)  # fmt: skip


def test_there_are_two_hundred_and_more() -> None:
    assert len(CORPUS) >= 200


@pytest.mark.parametrize("text", CORPUS)
def test_what_gets_out_elsewhere_is_refused_here(
    text: str, compile_text: Callable[..., Mapping]
) -> None:
    for body in (
        f"fields:\n  id: {json.dumps(text)}\n",
        f"let: {{x: {json.dumps(text)}}}\nfields: {{id: x}}\n",
    ):
        with pytest.raises(MappingError):
            compile_text(body)
    for compiled in (compile_predicate, compile_expression):
        with pytest.raises(MappingError):
            compiled(text, SOURCE)
