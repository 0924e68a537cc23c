"""How the pages' own files are named for browsers: by what is in them, so that they may be kept for ever."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage

# `import … from "./other.js"`, `export … from`, `import "./other.js"` and `import("./other.js")`.
_IMPORT = (
    r"""(?P<matched>(?P<before>\b(?:from|import)\s*\(?\s*)"(?P<url>\.{1,2}/[^"]+)")""",
    '%(before)s"%(url)s"',
)


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Names with a hash, in the imports of our JavaScript modules too.

    Otherwise a module would fetch its neighbours by their plain names, and for an hour after an upgrade a browser
    could run a new module together with an old one. Django's own switch for this reads every script of every
    package, and stumbles over what some of them import.
    """

    patterns = (*CompressedManifestStaticFilesStorage.patterns, ("js/*.js", (_IMPORT,)))
