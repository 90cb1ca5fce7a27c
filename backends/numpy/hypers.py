"""How a generated NumPy module takes hyperparameters, as text: their names, and the domains of their values."""

from __future__ import annotations

from adaspec.vocabulary import KINDS, Domain

NAMED = ["import difflib", "import functools", "import inspect"]
CHECKED = '''
def _checked(init: Callable[..., None]) -> Callable[..., None]:
    """Of a hyperparameter that `__init__` does not know, say which was meant."""
    known = list(inspect.signature(init).parameters)[1:]

    @functools.wraps(init)
    def checked(self: Any, /, *args: Any, **given: Any) -> None:
        who = type(self).__name__
{renamed}        for name in given:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known)}"
                raise TypeError(f"{who}() got an unexpected keyword argument {name!r}: {hint}")
        init(self, *args, **given)

    return checked


'''
RENAMED = """        for name, new in {names}.items():
            if name in given:
                if new in given or new in known[: len(args)]:
                    raise TypeError(f"{who}() got {name!r} and {new!r}, which say the same: give one of them")
                given[new] = given.pop(name)
"""


def checked(renamed: dict[str, str]) -> list[str]:
    """What stands in front of the class. `renamed`: the hyperparameters that have another name here than in the rule,
    which is understood too."""
    table = ", ".join(f'"{name}": "{new}"' for name, new in renamed.items())
    text = CHECKED.replace("{renamed}", RENAMED.replace("{names}", f"{{{table}}}") if renamed else "")
    return [*text.strip("\n").split("\n"), "", ""]


NUMBER = '''

def _number(name: str, value: Any, past: int | None, domain: str, inside: Any) -> Any:
    """A real hyperparameter; a function is called as soon as `past`, the number of past updates, is known."""
    if callable(value):
        if past is None:
            return value
        value = value(past)
    try:
        if isinstance(value, (str, bytes, bool, np.bool_)) or getattr(value, "shape", ()) != ():
            raise TypeError
        h = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"Invalid {name}: {value!r} is not a number") from None
    if not (math.isfinite(h) and inside(h)):
        raise ValueError(f"Invalid {name}: {value}, must be in {domain}")
    return h
'''

COUNT = '''

def _count(name: str, value: Any) -> int:
    """A static integer hyperparameter."""
    if isinstance(value, (bool, np.bool_, str)) or int(value) != value or value < 0:
        raise ValueError(f"Invalid {name}: {value}, must be an integer >= 0")
    return int(value)
'''

FLAG = '''

def _flag(name: str, value: Any) -> bool:
    """A static truth value."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"Invalid {name}: {value!r} is not True or False")
    return bool(value)
'''


def checks(kinds: set[str]) -> str:
    """The functions that check hyperparameters of these kinds."""
    real = [k for k in KINDS if k in kinds - {"Count", "Flag"}]
    text = NUMBER if real else ""
    text += "".join(_check(k, KINDS[k]) for k in real)
    return text + (COUNT if "Count" in kinds else "") + (FLAG if "Flag" in kinds else "")


def _check(kind: str, d: Domain) -> str:
    sides = [f"{d.low:g} {'<' if d.low_open else '<='} h"] if d.low > float("-inf") else []
    sides += [f"h {'<' if d.high_open else '<='} {d.high:g}"] if d.high < float("inf") else []
    inside = " and ".join(sides) or "True"
    if len(sides) == 2:
        inside = f"{sides[0]}{sides[1][1:]}"
    return f'''

def _{kind.lower()}(name: str, value: Any, past: int | None = None) -> Any:
    """A number in {d.text}, or a function of the number of past updates."""
    return _number(name, value, past, "{d.text}", lambda h: {inside})
'''
