"""The house's rules that imports cannot express, as questions to a syntax tree. Answers are lines `file:line what`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("accounts", "predictions", "gallery", "config")
_WRITES = {"update", "create", "get_or_create", "update_or_create", "bulk_update", "filter_update"}
_NO_ROWS = {"self", "answer", "response"}
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


@lru_cache(maxsize=1)
def sources() -> list[Source]:
    """Every file of the four floors but migrations, parsed once."""
    return [
        Source(str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8")))
        for floor in FLOORS
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
    for node in one.nodes:
        for target in _targets(node):
            if target.attr in columns and not (
                isinstance(target.value, ast.Name) and target.value.id in _NO_ROWS
            ):
                yield f"{one.path}:{node.lineno} sets {ast.unparse(target)}"  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _WRITES:
            for name in sorted(_written(node) & columns):
                yield f"{one.path}:{node.lineno} writes {name} with {node.func.attr}()"


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
