"""From templates (the marks of `groundup.corpus.grammar`) to the pieces that are walked."""

import re
from collections.abc import Mapping, Sequence

from groundup.corpus.checks import check_unambiguous
from groundup.corpus.grammar import Choice, Echo, Piece, Pieces, Remember, Word

MARK = re.compile(r"(?P<open>\[)|(?P<close>\])|(?P<bar>\|)|\{(?P<slot>[^}]*)\}|<(?P<rule>\w+)>")
SLOT = re.compile(r"(?P<name>\w+)(?:\.(?P<form>\w+))?(?::(?P<words>\w+))?")
WEIGHTED = re.compile(r"(?:(?P<weight>\d+)\*)?(?P<text>.*)", re.DOTALL)


def build_grammar(
    rules: Mapping[str, Sequence[str]], words: Mapping[str, Sequence[Word]], start: str = "story"
) -> Pieces:
    """The pieces of rule `start`, checked: ValueError if a text could have two derivations.

    >>> build_grammar({"story": ["A [red|blue] cat."]}, {})  # a text, a choice and a text
    """
    pieces = [_Builder(rules, words).rule(start)]
    check_unambiguous(pieces)
    return pieces


class _Builder:
    def __init__(
        self, rules: Mapping[str, Sequence[str]], words: Mapping[str, Sequence[Word]]
    ) -> None:
        self.rules = rules
        self.words = words

    def rule(self, name: str) -> Choice:
        return self.choice(f"<{name}>", self.rules[name])

    def choice(self, source: str, templates: Sequence[str]) -> Choice:
        weights, alternatives = [], []
        for template in templates:
            marked = WEIGHTED.match(template.strip())
            assert marked is not None  # the pattern matches any text
            weights.append(int(marked["weight"] or 1))
            alternatives.append(self.template(marked["text"]))
        return Choice(source, tuple(alternatives), tuple(weights))

    def template(self, template: str) -> Pieces:
        pieces: list[Piece] = []
        text = _tidy(template)
        position = 0
        while mark := MARK.search(text, position):
            pieces += [text[position : mark.start()]] if mark.start() > position else []
            position = mark.end()
            if mark["slot"] is not None:
                pieces.append(self.slot(mark["slot"]))
            elif mark["rule"] is not None:
                pieces.append(self.rule(mark["rule"]))
            elif mark["open"]:
                position, parts = _alternatives(text, position)
                pieces.append(self.choice("[" + "|".join(parts) + "]", parts))
            else:
                raise ValueError(f"unexpected {mark[0]!r} at {position - 1} of template {text!r}")
        return pieces + [text[position:]] if position < len(text) else pieces

    def slot(self, slot: str) -> Piece:
        match = SLOT.fullmatch(slot)
        if match is None:
            raise ValueError(f"expected {{name}}, {{name.form}} or {{name:list}}, got {{{slot}}}")
        name, form = match["name"].lower(), match["form"] or ""
        echo = Echo(name, form, capital=match["name"][0].isupper())
        if match["words"] is None:
            return echo
        entries = self.words[match["words"]]
        alternatives = tuple((echo.text(word), Remember(name, word)) for word in entries)
        return Choice(f"{{{slot}}}", alternatives, (1,) * len(entries))


def _tidy(template: str) -> str:
    """Line breaks become spaces, blank lines become line breaks, marks lose the space around."""
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", template)]
    return re.sub(r"\s*\|\s*|(?<=\[)\s+|\s+(?=\])", _bare, "\n".join(paragraphs))


def _bare(match: re.Match[str]) -> str:
    return match[0].strip()


def _alternatives(text: str, start: int) -> tuple[int, list[str]]:
    """Split `text` from just after "[" to its own "]" at the bars that belong to it."""
    depth, parts, part_start = 0, [], start
    for mark in MARK.finditer(text, start):
        if mark["open"]:
            depth += 1
        elif mark["close"] and depth:
            depth -= 1
        elif depth == 0 and (mark["close"] or mark["bar"]):
            parts.append(text[part_start : mark.start()])
            part_start = mark.end()
            if mark["close"]:
                return part_start, parts
    raise ValueError(f'"[" at {start - 1} is never closed in template {text!r}')
