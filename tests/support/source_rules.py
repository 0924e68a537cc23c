"""Architecture rules that import contracts cannot express, as checks of the syntax tree. Results: `file:line what`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("config", "operations", "studio", "gallery", "predictions", "accounts", "core", "engine")
_WRITES = {"update", "create", "get_or_create", "update_or_create", "bulk_update", "filter_update"}
_NO_ROWS = {"self", "answer", "response"}
_LOGGED = re.compile(r"(log|logger)\.\w+$")
_OUTSIDE = ("provider", "storage", "http_client", "httpx", "requests", "urllib", "subprocess", "socket")


@dataclass(frozen=True)
class Source:
    """One of our files, by its path from the repository's root, parsed."""

    path: str
    tree: ast.Module

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of it: gone through once, for all the questions."""
        return list(ast.walk(self.tree))

    @cached_property
    def calls(self) -> list[tuple[ast.Call, str]]:
        """Every call in it, with what is called as text."""
        return [(node, ast.unparse(node.func)) for node in self.nodes if isinstance(node, ast.Call)]

    @cached_property
    def targets(self) -> list[tuple[int, ast.Attribute]]:
        """Every attribute that is set in it, with the line."""
        return [(node.lineno, target) for node in self.nodes for target in _targets(node)]  # type: ignore[attr-defined]

    @cached_property
    def writes(self) -> list[tuple[int, str, set[str]]]:
        """Every call of what writes rows, by line: what is called, and the names that it is given."""
        return [
            (node.lineno, node.func.attr, _written(node))
            for node in self.nodes
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _WRITES
        ]


@lru_cache(maxsize=1)
def sources() -> list[Source]:
    """Every file of our packages but migrations, parsed once."""
    return [
        Source(str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8")))
        for floor in LAYERS
        for path in sorted((ROOT / floor).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def source(text: str, path: str = "predictions/somewhere.py") -> Source:
    """A made-up file, to see whether a rule notices."""
    return Source(path, ast.parse(text))


def column_writes(one: Source, columns: set[str], owners: tuple[str, ...]) -> Iterator[str]:
    """Precious columns written outside their owner: `row.status = …`, `update(status=…)`, `bulk_update(…, ["status"])`.

    A class may set attributes of those names on itself, and an HTTP answer has a status too: they are no rows.
    """
    if one.path.startswith(owners):
        return
    for line, target in one.targets:
        if target.attr in columns and not (
            isinstance(target.value, ast.Name) and target.value.id in _NO_ROWS
        ):
            yield f"{one.path}:{line} sets {ast.unparse(target)}"
    for line, called, names in one.writes:
        for name in sorted(names & columns):
            yield f"{one.path}:{line} writes {name} with {called}()"


def constructions(one: Source, model: str, owners: tuple[str, ...]) -> Iterator[str]:
    """Rows of a model made or removed outside its owner."""
    if one.path.startswith(owners):
        return
    for node, text in one.calls:
        made = text == model or (
            text.startswith(f"{model}.objects.")
            and text.endswith(
                (".create", ".bulk_create", ".get_or_create", ".update_or_create", ".update", ".delete")
            )
        )
        if made:
            yield f"{one.path}:{node.lineno} calls {text}()"


def outside_calls_in_transactions(one: Source) -> Iterator[str]:
    """Calls of providers, storage or the network while a transaction is open, directly or one function away."""
    outside = {node for node, called in one.calls if _goes_outside(node, called)}
    reaching = {
        function.name
        for function in one.nodes
        if outside
        and isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(node in outside for node in ast.walk(function))
    }
    for block in one.nodes if outside else ():
        for statement in _atomic_body(block):
            for node in ast.walk(statement):
                near = (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in reaching
                )
                if near or node in outside:
                    yield f"{one.path}:{node.lineno} {ast.unparse(node)[:60]} inside a transaction"  # type: ignore[attr-defined]


_UNBOUNDED = {"ListField", "DictField", "JSONField", "HStoreField", "ListSerializer", "MultipleChoiceField"}


def unbounded_inputs(several: list[Source]) -> Iterator[str]:
    """Fields that go through all of a caller's list or object before they know its length.

    They are those of every serializer that is called with `data=`, of its bases, and of what it holds.
    """
    bodies = {
        node.name: (one, node) for one in several for node in one.nodes if isinstance(node, ast.ClassDef)
    }
    calls = [(node, text.split(".")[-1]) for one in several for node, text in one.calls]
    waiting = {
        name for node, name in calls if any(word.arg == "data" for word in node.keywords)
    } & bodies.keys()
    seen: set[str] = set()
    while waiting - seen:
        name = (waiting - seen).pop()
        seen.add(name)
        one, body = bodies[name]
        for node in ast.walk(body):
            if isinstance(node, ast.Name) and node.id in bodies and node.id.endswith("Serializer"):
                waiting.add(node.id)
            if isinstance(node, ast.Call) and _is_unbounded(node):
                yield f"{one.path}:{node.lineno} {ast.unparse(node)[:60]}"


def _is_unbounded(call: ast.Call) -> bool:
    given = {word.arg: ast.unparse(word.value) for word in call.keywords}
    several = given.get("many") == "True" or ast.unparse(call.func).split(".")[-1] in _UNBOUNDED
    return several and given.get("read_only") != "True"


def lacks_postponed_annotations(one: Source) -> bool:
    """Whether a file with any code does not begin with `from __future__ import annotations`."""
    code = [
        node
        for node in one.tree.body
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    return bool(code) and not (isinstance(code[0], ast.ImportFrom) and code[0].module == "__future__")


def _targets(node: ast.AST) -> Iterator[ast.Attribute]:
    if isinstance(node, ast.Assign):
        found = node.targets
    elif isinstance(node, ast.AugAssign):
        found = [node.target]
    else:
        return
    for target in found:
        parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        yield from (part for part in parts if isinstance(part, ast.Attribute))


def _written(call: ast.Call) -> set[str]:
    names = {keyword.arg for keyword in call.keywords if keyword.arg}
    for node in [*call.args, *(keyword.value for keyword in call.keywords)]:
        if isinstance(node, ast.Dict):
            names |= {key.value for key in node.keys if isinstance(key, ast.Constant)}
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            names |= {item.value for item in node.elts if isinstance(item, ast.Constant)}
    return {name for name in names if isinstance(name, str)}


def _atomic_body(node: ast.AST) -> list[ast.stmt]:
    if isinstance(node, ast.With) and any(_is_atomic(item.context_expr) for item in node.items):
        return node.body
    if isinstance(node, ast.FunctionDef) and any(_is_atomic(decorator) for decorator in node.decorator_list):
        return node.body
    return []


def _is_atomic(node: ast.expr) -> bool:
    called = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(called).split(".")[-1] == "atomic"


def _goes_outside(node: ast.Call, called: str) -> bool:
    if not isinstance(node.func, ast.Attribute):
        return False
    if called == "asyncio.run":
        return True
    receiver = ast.unparse(node.func.value).lower()
    return any(
        receiver.split("(")[0].split("[")[0].split(".")[-1].strip("_").startswith(word) for word in _OUTSIDE
    )


def exceptions_as_text(one: Source, readable: set[str]) -> Iterator[str]:
    """Places where an exception becomes text that is not for a log alone: `str(error)`, in an f-string, by its name.

    An exception is what a handler catches, or an argument that is called one. `readable`: classes whose text is a
    sentence for people; what `isinstance` checks for them may be shown too.
    """
    for scope, name, classes in _exceptions(one):
        if classes and classes <= readable:
            continue
        fine = set(_logged(scope)) | set(_asked_for(scope, name, readable))
        for node in ast.walk(scope):
            if node not in fine and _tells(node, name):
                names = ", ".join(sorted(classes)) or "anything"
                yield f"{one.path}:{node.lineno} tells {ast.unparse(node)[:60]} of {names}"  # type: ignore[attr-defined]


def _exceptions(one: Source) -> Iterator[tuple[ast.AST, str | None, set[str]]]:
    """Where an exception has a name: the handler or function, that name, and its classes."""
    for node in one.nodes:
        if isinstance(node, ast.ExceptHandler):
            yield node, node.name, _class_names(node.type)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for argument in (*node.args.args, *node.args.kwonlyargs):
                classes = _class_names(argument.annotation)
                if any(kind.endswith(("Error", "Exception")) for kind in classes):
                    yield node, argument.arg, classes


def _logged(scope: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Call) and _LOGGED.match(ast.unparse(node.func)):
            yield from ast.walk(node)


def _asked_for(scope: ast.AST, name: str | None, readable: set[str]) -> Iterator[ast.AST]:
    """What is done where `isinstance` has said that it is one of those that people may read."""
    for node in ast.walk(scope):
        test = node.test if isinstance(node, ast.If | ast.IfExp) else None
        if not (
            isinstance(test, ast.Call) and ast.unparse(test.func) == "isinstance" and len(test.args) == 2
        ):
            continue
        if _is_name(test.args[0], name) and _class_names(test.args[1]) <= readable:
            for inner in node.body if isinstance(node, ast.If) else [node.body]:  # type: ignore[union-attr]
                yield from ast.walk(inner)


def _class_names(kind: ast.expr | None) -> set[str]:
    """The last parts of the names of classes, alone, in a tuple, or parted by `|`."""
    if kind is None or (isinstance(kind, ast.Constant) and kind.value is None):
        return set()
    if isinstance(kind, ast.BinOp):
        return _class_names(kind.left) | _class_names(kind.right)
    if isinstance(kind, ast.Tuple):
        return {name for part in kind.elts for name in _class_names(part)}
    return {ast.unparse(kind.value if isinstance(kind, ast.Starred) else kind).rsplit(".", 1)[-1]}


def _tells(node: ast.AST, name: str | None) -> bool:
    """Whether an expression makes text of the exception of that name, or of the one that is being handled."""
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called in {"traceback.format_exc", "traceback.format_exception"}:
            return True
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        text = called in {"str", "repr", "type", "_", "gettext", "force_str"} or called.endswith(".format")
        return text and any(_is_name(one, name) for one in given)
    if isinstance(node, ast.FormattedValue):
        return _is_name(node.value, name)
    if isinstance(node, ast.Attribute):
        return node.attr in {"args", "strerror", "filename", "reason"} and _is_name(node.value, name)
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _is_name(node.right, name)


def _is_name(node: ast.AST, name: str | None) -> bool:
    return name is not None and isinstance(node, ast.Name) and node.id == name
