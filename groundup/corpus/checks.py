"""What can be proved of a grammar before a word is written.

Claim: if at every choice no alternative can open with the text of another, every text has one
derivation. Proof: take two different derivations and the first choice where they part. Up to
there they wrote the same, so they remember the same; the texts they write next differ within the
openings of the two alternatives. So the texts differ.
"""

from collections.abc import Mapping

from groundup.corpus.grammar import Choice, Echo, Pieces, Remember, Word

Known = Mapping[str, frozenset[Word]]


def check_unambiguous(pieces: Pieces, known: Known | None = None) -> Known:
    """ValueError if some text could have two derivations, or a word is echoed before it is chosen.

    `known` maps each name that is certainly remembered here to the words it may stand for; the
    result says the same for the end of the pieces.
    """
    known = dict(known or {})
    for piece in pieces:
        if isinstance(piece, Echo):
            possible_texts(piece, known)
        elif isinstance(piece, Remember):
            known[piece.name] = frozenset([piece.word])
        elif isinstance(piece, Choice):
            check_openings(piece, known)
            ends = [check_unambiguous(pieces, known) for pieces in piece.alternatives]
            names = set.intersection(*(set(end) for end in ends))
            known = {name: frozenset().union(*(end[name] for end in ends)) for name in names}
    return known


def check_openings(choice: Choice, known: Known) -> None:
    """ValueError if an alternative's opening is the start of another's, whatever is remembered."""
    openings = [possible_openings(pieces, known) for pieces in choice.alternatives]
    owner = {text: index for index, texts in enumerate(openings) for text in texts}
    for index, texts in enumerate(openings):
        for text in sorted(texts):
            for start in (text[:end] for end in range(len(text) + 1)):
                if owner.get(start, index) != index:
                    raise ValueError(
                        f"a reader could not tell the alternatives of {choice.source} apart: one "
                        f"may open with {start!r}, another with {text!r}; let them differ before "
                        "the first choice inside them"
                    )


def possible_openings(pieces: Pieces, known: Known) -> set[str]:
    """The openings of an alternative, cut short at a second echo, which only makes them alike."""
    openings, echoes = {""}, 0
    for piece in pieces:
        if isinstance(piece, str):
            openings = {text + piece for text in openings}
        elif isinstance(piece, Echo) and echoes == 0:
            endings = possible_texts(piece, known)
            openings = {text + ending for text in openings for ending in endings}
            echoes = 1
        elif isinstance(piece, Choice | Echo):
            break
    return openings


def possible_texts(echo: Echo, known: Known) -> set[str]:
    """All that an echo may write, given what may be remembered."""
    if echo.name not in known:
        raise ValueError(f"{{{echo.name}}} may be written before a word was chosen for it")
    for word in sorted(known[echo.name], key=lambda word: word.text):
        if echo.form not in ("", "a") and echo.form not in word.forms:
            raise ValueError(f"{echo.name} may be {word.text!r}, which has no form {echo.form!r}")
    return {echo.text(word) for word in known[echo.name]}


def count_texts(pieces: Pieces) -> int:
    """How many distinct texts there are: one for each derivation, and choices multiply."""
    count = 1
    for piece in pieces:
        if isinstance(piece, Choice):
            count *= sum(count_texts(alternative) for alternative in piece.alternatives)
    return count


def entropy(pieces: Pieces) -> float:
    """Expected surprisal of a text, in nats: each choice adds sum p (-log p + entropy within)."""
    return sum(
        share * (entropy(alternative) - log_share)
        for piece in pieces
        if isinstance(piece, Choice)
        for alternative, log_share, share in zip(
            piece.alternatives, piece.log_probabilities, piece.probabilities, strict=True
        )
    )
