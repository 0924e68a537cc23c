"""The layout of the code: folders, names and imports, measured. `python -m tests.layout` prints the counts; with
`--tree` it writes the tree of the packages into `docs/architecture.md`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("config", "operations", "studio", "gallery", "predictions", "accounts", "core", "engine")
MAP = ROOT / "docs" / "architecture.md"
TREE = ("<!-- tree: python -m tests.layout --tree -->\n", "<!-- /tree -->\n")
DJANGOS_OWN = {"__init__", "__main__", "apps", "urls"}
"""Modules in a package's root that do not count: Django or Python asks for them there."""
PER_APP = {
    "models", "admin", "urls", "views", "forms", "apps", "tasks", "api", "audit", "checks", "signals", "schema",
    "base", "__init__", "__main__",
}  # fmt: skip
"""Basenames that several apps may have."""
GERUND = re.compile(r"(?:^|_)[a-z]{3,}ing(?:$|_)")
GERUNDS_OF_THE_FIELD = {
    "pricing", "routing", "signing", "billing", "processing", "mapping", "spending", "waiting", "painting",
    "inpainting", "editing",
}  # fmt: skip
DENIED = {
    "desk", "house", "door", "doors", "telling", "words", "things", "deeds", "looks", "wishes", "reading", "acts",
    "room", "known", "shown", "made", "given", "asked", "drawn", "kept", "sent", "told",
}  # fmt: skip
FLAT_PREFIXES = ("admin_", "desk_", "audit_", "money_")


@cache
def modules() -> dict[str, Path]:
    """Every module of the packages but migrations, by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                parts = path.relative_to(ROOT).with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def folders() -> dict[str, list[str]]:
    """The modules in each folder, without `__init__`; of a package's root also without what Django asks for there."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules().values():
        folder = path.parent.relative_to(ROOT)
        if path.stem != "__init__" and not (len(folder.parts) == 1 and path.stem in DJANGOS_OWN):
            found[str(folder)].append(path.stem)
    return dict(found)


def words(name: str) -> list[str]:
    """The parts of a module's basename."""
    return name.rpartition(".")[2].split("_")


def gerunds() -> list[str]:
    """Modules whose basename has a gerund that is no term of the field."""
    return [
        name
        for name in modules()
        if any(GERUND.search(word) and word not in GERUNDS_OF_THE_FIELD for word in words(name))
    ]


def repeated() -> dict[str, list[str]]:
    """Basenames that modules of two packages have, but for those that every app has."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, path in modules().items():
        if path.stem not in PER_APP and not {"commands", "templatetags"} & set(path.parts):
            found[path.stem].add(name)
    return {
        stem: sorted(names)
        for stem, names in found.items()
        if len({one.partition(".")[0] for one in names}) > 1
    }


@cache
def imports(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """Our modules that a module imports: at its top, and inside functions. Those for types alone are left out."""
    tree = ast.parse(modules()[name].read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    inside = _below(nodes, lambda node: isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for_types = _below(
        nodes, lambda node: isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    )
    top: set[str] = set()
    lazy: set[str] = set()
    for node in nodes:
        if id(node) not in for_types:
            (lazy if id(node) in inside else top).update(_imported(node))
    return frozenset(top - {name}), frozenset(lazy - {name})


def _below(nodes: list[ast.AST], which: object) -> set[int]:
    assert callable(which)
    return {id(inner) for node in nodes if which(node) for inner in ast.walk(node)}


def _imported(node: ast.AST) -> set[str]:
    ours = modules()
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & set(ours)
    if not isinstance(node, ast.ImportFrom) or node.level:
        return set()
    base = node.module or ""
    full = {f"{base}.{alias.name}": alias.name for alias in node.names}
    found = set(full) & set(ours)
    return found | ({base} if base in ours and len(found) < len(full) else set())


def circles() -> list[list[str]]:
    """Groups of modules that import each other, wherever in them the imports stand (Tarjan's algorithm)."""
    graph = {name: sorted(imports(name)[0] | imports(name)[1]) for name in modules()}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        for name in graph:
            if name not in index:
                visit(name)
    finally:
        sys.setrecursionlimit(limit)
    return found


def lazy_imports() -> list[str]:
    """Imports of ours inside functions, as `importer imported`."""
    return sorted(f"{name} {other}" for name in modules() for other in imports(name)[1])


def lines(name: str) -> int:
    """The length of a module."""
    return len(modules()[name].read_text(encoding="utf-8").splitlines())


def tree() -> str:
    """Packages and their rooms, each with the first line of its docstring."""
    rows = []
    for name, path in sorted(
        modules().items(), key=lambda one: (PACKAGES.index(one[0].partition(".")[0]), one[0])
    ):
        inner = path.parent.relative_to(ROOT).parts
        if path.stem != "__init__" or {"management", "templatetags"} & set(inner):
            continue
        label = f"{'  ' * (len(inner) - 1)}{inner[-1]}/"
        rows.append(f"    {label:<22} {purpose(name)}".rstrip() + "\n")
    return "".join(rows)


def purpose(name: str) -> str:
    """The first line of a module's docstring, without a full stop; empty where it has none."""
    text = ast.get_docstring(ast.parse(modules()[name].read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].rstrip(".")


def drawn_tree() -> str:
    """The tree that stands in the map."""
    return MAP.read_text(encoding="utf-8").partition(TREE[0])[2].partition(TREE[1])[0].strip("\n") + "\n"


def draw() -> None:
    """Write the tree into the map."""
    before, _, rest = MAP.read_text(encoding="utf-8").partition(TREE[0])
    MAP.write_text(f"{before}{TREE[0]}\n{tree()}\n{TREE[1]}{rest.partition(TREE[1])[2]}", encoding="utf-8")


def main() -> None:
    if "--tree" in sys.argv:
        draw()
        return
    names = modules()
    largest = sorted(((len(inside), folder) for folder, inside in folders().items()), reverse=True)
    print(f"{len(names)} modules, {sum(map(lines, names))} lines")
    print("largest folders:", *(f"{folder} {count}" for count, folder in largest[:6]))
    print("roots:", *(f"{folder} {count}" for count, folder in largest if "/" not in folder))
    print(
        f"gerunds: {len(gerunds())}; basenames in two packages: {len(repeated())}; circles: {len(circles())}"
    )
    same = Counter(path.stem for path in names.values() if path.stem not in PER_APP)
    print(f"basenames more than once: {sum(1 for count in same.values() if count > 1)}")
    print(f"imports inside functions: {len(lazy_imports())}")
    importers = Counter(other for name in names for part in imports(name) for other in part)
    print("most imported:", *(f"{name} {count}" for name, count in importers.most_common(10)))


if __name__ == "__main__":
    main()
