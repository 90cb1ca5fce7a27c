"""Hyperparameters under a spec's own names, beside torch's: how a generated class takes them, and refuses others."""

from __future__ import annotations

from .names import Names, number
from .scalars import Lines

DECORATOR = '''
def _named(init: Callable[..., None]) -> Callable[..., None]:
    """Take hyperparameters by the spec's own names too; of an unknown one, say which was meant."""

    @wraps(init)
    def named(self: Any, *args: Any, **hypers: Any) -> None:
        init(self, *args, **_understood(hypers, init, len(args)))

    return named
'''

UNDERSTOOD = '''
def _understood(hypers: dict[str, Any], init: Callable[..., None], given: int) -> dict[str, Any]:
    """Keywords under the names of the signature, of which so many were given by position."""
    known = {name: argument.default for name, argument in signature(init).parameters.items() if name != "self"}
@respell@
    for name in hypers:
        if name not in known:
            near = get_close_matches(name, @near@, 1)
            hint = f": did you mean {@nearest@!r}?" if near else f": it takes {', '.join(known)}"
            raise TypeError(f"@cls@() got an unexpected keyword argument {name!r}{hint}")
    return hypers
'''

RESPELT = '''
def _respelt(hypers: dict[str, Any], defaults: dict[str, Any], given: list[str]) -> dict[str, Any]:
    """These hyperparameters under the names of this class, where they have the spec's own."""
    new = {name: value for name, value in hypers.items() if name not in _SPELT}
    taken = {*given, *new}
    for name in [name for name in hypers if name in _SPELT]:
        key, place = _SPELT[name]
        if key in taken:
            raise TypeError(f"@cls@() got {key!r} and {name!r}, which say the same: give one of them")
        new[key] = @value@ if place is None else [*new.get(key, defaults[key])]
        if place is not None:
            new[key][place] = hypers[name]
    return new
'''

OF_GROUP = """
        if isinstance(param_group, dict) and _SPELT.keys() & param_group.keys():
            param_group = _respelt(param_group, self.defaults, [])
""".strip("\n").split("\n")


def aliases(names: Names) -> dict[str, tuple[str, int | None]]:
    """For a hyperparameter whose name in the signature is not the spec's: that name, and its place if it has several.

    A spec's name that stands for something else in the signature is none.
    """
    public = {h.name: names.gathered.get(h.name, (names.key(h.name), None)) for h in names.hypers}
    # A rule in the words of a dialect has taken them for its own: the names before are the spec's.
    spec = names.lowered.spec
    public |= {before: public[after] for before, after in spec.aliases.items() if after in public}
    taken = {*names.arguments, "self", "params", "foreach"}
    return {name: found for name, found in public.items() if name != found[0] and name not in taken}


def decorator() -> Lines:
    """What stands in front of the class."""
    return [*DECORATOR.strip("\n").split("\n")]


def helpers(names: Names, cls: str) -> Lines:
    """What it calls, behind the class."""
    table = aliases(names)
    own = {name: names.lowered.spec.aliases.get(name, name) for name in table}
    off = [f'"{name}": {number(names.off(own[name]))}' for name in table if names.off(own[name]) is not None]
    parts = {
        "@value@": "_OFF.get(name) if hypers[name] is None else hypers[name]" if off else "hypers[name]",
        "@cls@": cls,
        "@respell@\n": "    hypers = _respelt(hypers, known, list(known)[:given])\n" if table else "",
        "@near@": "[*known, *_SPELT]" if table else "known",
        "@nearest@": "_SPELT.get(near[0], near)[0]" if table else "near[0]",
    }
    if not table:
        parts |= {", given: int)": ", _: int)", ", of which so many were given by position": ""}
    lines = ["", "", *replaced(UNDERSTOOD, parts)]
    if table:
        rows = [f'"{name}": ("{key}", {place})' for name, (key, place) in table.items()]
        head = "_SPELT: dict[str, tuple[str, int | None]] = {"
        one = f"{head}{', '.join(rows)}}}"
        lines += ["", "", *replaced(RESPELT, parts), "", ""]
        lines += ["# The spec's own names: what the signature calls them, and the place where that is a tuple."]
        lines += [one] if len(one) <= 120 else [head, *(f"    {row}," for row in rows), "}"]
        lines += [f"_OFF = {{{', '.join(off)}}}  # what stands for None in the signature"] if off else []
    return lines


def replaced(text: str, parts: dict[str, str]) -> Lines:
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text.strip("\n").split("\n")
