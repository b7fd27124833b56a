"""What people get wrong in stage 01.

Most are made in the alternative `naive`, whose code is what a learner writes first.
"""

from groundup.catalogue import Edit, Mistake

BEST = "best = max(counts, key=lambda pair: (counts[pair], pair))"
SPLIT = "for segment in regex.split(any_special, text) if specials else [text]:"
COUNT_PRETOKENS = "pretokens.update(regex.findall(PRETOKEN_PATTERN, segment))"
TRAINING_TEXT = "_stretches(_blocks(input_path), specials)"
ENDS = "    tokens += new_specials\n    return dict(enumerate(tokens)), merges"
CUT = 'regex.split(f"({self._any_special})", text) if self._any_special else [text]'
ANY_SPECIAL = '"|".join(regex.escape(token) for token in self._longest_first)'
MERGED_WORD = "word = _merge(word, min(known, key=self._rank.__getitem__))"
IN_VOCAB = "            if token.encode() not in self.vocab.values():\n    "
SINGLE_BYTES = "word = _single_bytes(pretoken)"
MERGE_LOOP = "while True:\n            known = "
STREAM = """\
        for text in _stretches(iterable, self._longest_first):
            yield from self.encode(text)
"""
FILE_TEXTS = "_stretches(_blocks(path), _longest_first(tokenizer.special_tokens))"
WRITE = "size = replace(Path(out), (array.tobytes() for array in arrays))"
DTYPE = "np.min_scalar_type(max(tokenizer.vocab))"
PLACES = """
        if merged:
            changes[merged[-1], pair[0]] -= 1
            changes[merged[-1], new] += 1
        if place + 2 < len(word):
            changes[pair[1], word[place + 2]] -= 1
            changes[new, word[place + 2]] += 1
"""
MAPPED = 'return np.memmap(path, dtype, mode="r")'
NEXT_BOUND = "bounds.append(next_cut(data, max(start, bounds[-1]), specials))"

FROM_THE_RIGHT = Edit(
    "def _merge(",
    """\
def _merge_from_the_right(word, pair):
    word, place = list(word), len(word) - 2
    while place >= 0:
        if tuple(word[place : place + 2]) == pair:
            word[place : place + 2] = [pair[0] + pair[1]]
            place -= 1
        place -= 1
    return tuple(word)


def _merge(""",
)

LINES = Edit(
    "def _blocks(",
    """\
def _lines(path):
    with Path(path).open("rb") as file:
        for line in file:
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                raise ValueError(f"{path} is not UTF-8 at byte {error.start}") from None


def _blocks(""",
)


def streaming(cut: str, *, end: str = "yield from self.encode(pending)") -> Edit:
    """`encode_iterable` as a loop with a buffer, which is encoded up to `cut`."""
    return Edit(
        STREAM,
        f"""\
        pending = ""
        for text in iterable:
            pending += text
            cut = {cut}
            yield from self.encode(pending[:cut])
            pending = pending[cut:]
        {end}
""",
    )


def without(text: str, *parts: str) -> Edit:
    """`text` with some of its lines left out."""
    lines = text.splitlines(keepends=True)
    return Edit(text, "".join(line for line in lines if line.strip() not in parts))


MISTAKES = [
    # Training: which pair is merged next.
    Mistake(
        id="tie_by_token_ids",
        sentence="Of pairs equally frequent you merge the one with the greater token ids.",
        why="ids follow the order of learning, so your merges are not those of other trainers.",
        contract="train_bpe",
        section="ties",
        hints=(
            "Which is greater, the token ab with id 256 or the token z with id 122?",
            "Pairs are compared by the bytes of their tokens, whatever ids these have.",
            "Let the key of a pair be its count, then the bytes of its first and second token.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    BEST,
                    "ids = {bytes([byte]): byte for byte in range(256)}\n"
                    "        ids |= {a + b: 256 + k for k, (a, b) in enumerate(merges)}\n"
                    "        best = max(counts, key=lambda p: (counts[p], ids[p[0]], ids[p[1]]))",
                )
            ]
        ],
    ),
    Mistake(
        id="tie_first_seen",
        sentence="Of pairs equally frequent you merge the one that was counted first.",
        why="the result then depends on the order of the text and on how it is shared out.",
        contract="train_bpe",
        section="ties",
        hints=(
            "What does max return when several pairs have the greatest count?",
            "Your key is the count alone; the pair itself must decide between equal counts.",
            "Let the key be (count, pair), with the pair as two byte strings.",
        ),
        base="naive",
        ways=[[Edit(BEST, "best = max(counts, key=counts.__getitem__)")]],
    ),
    Mistake(
        id="tie_last_seen",
        sentence="Of pairs equally frequent you merge the one that was counted last.",
        why="the result then depends on the order of the text and on how it is shared out.",
        contract="train_bpe",
        section="ties",
        hints=(
            "Which of two pairs does your search keep when their counts are equal?",
            "A comparison with >= keeps the later one; the bytes of the pair must decide.",
            "Compare (count, pair) as a whole, with the pair as two byte strings.",
        ),
        base="naive",
        ways=[[Edit(BEST, "best = max(reversed(counts), key=counts.__getitem__)")]],
    ),
    Mistake(
        id="tie_to_the_smaller",
        sentence="Of pairs equally frequent you merge the smallest, not the greatest.",
        why="ties are everywhere in small counts, so most later merges come out differently.",
        contract="train_bpe",
        section="ties",
        hints=(
            "In the guide's example (e, s) and (s, t) both occur 9 times: which one is first?",
            "A heap gives its smallest entry: negating the count does not reverse the pair.",
            "Take the greatest (count, pair), or make a key that sorts bytes the other way round.",
        ),
        base="naive",
        ways=[[Edit(BEST, "best = min(counts, key=lambda pair: (-counts[pair], pair))")]],
    ),
    Mistake(
        id="tie_by_joined_bytes",
        sentence="Of pairs equally frequent you compare what they spell, both tokens joined.",
        why="(ab, c) and (a, bd) are then in the wrong order, and later merges follow them.",
        contract="train_bpe",
        section="ties",
        hints=(
            "Is the pair (ab, c) greater than (a, bd), or less?",
            "The first tokens decide; the second count only where the first are equal.",
            "Compare the tuple (first, second), not first + second.",
        ),
        base="naive",
        ways=[
            [Edit(BEST, "best = max(counts, key=lambda pair: (counts[pair], pair[0] + pair[1]))")]
        ],
    ),
    Mistake(
        id="tie_by_second_token",
        sentence="Of pairs equally frequent you compare the second tokens before the first.",
        why="the order of comparison is part of the definition: your merges are another set.",
        contract="train_bpe",
        section="ties",
        hints=(
            "Is the pair (c, a) greater than (b, d), or less?",
            "A pair is compared as a tuple is: the first token decides if it can.",
            "Let the key be (count, first, second), in this order.",
        ),
        base="naive",
        ways=[[Edit(BEST, "best = max(counts, key=lambda pair: (counts[pair], pair[::-1]))")]],
    ),
    Mistake(
        id="tie_by_length",
        sentence="Of pairs equally frequent you prefer the one that makes the longer token.",
        why="length is no part of the definition, so your merges are another set.",
        contract="train_bpe",
        section="ties",
        hints=(
            "What does your key hold between the count and the bytes?",
            "A longer token wins no tie; only the bytes of the two tokens decide.",
            "Let the key be (count, pair), without a length.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    BEST,
                    "best = max(counts, key=lambda p: (counts[p], len(p[0] + p[1]), p))",
                )
            ]
        ],
    ),
    Mistake(
        id="tie_by_printable_text",
        sentence="Of pairs equally frequent you compare GPT-2's printable text of the tokens.",
        why="a space is written Ġ there, which sorts after every letter, where its byte is first.",
        contract="train_bpe",
        section="ties",
        hints=(
            "Where does a space sort as a byte, and where does Ġ sort as a character?",
            "The printable characters are for files; ties are decided by the bytes themselves.",
            "Keep tokens as bytes in training, and let the key be (count, pair).",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    BEST,
                    "best = max(counts, key=lambda p: (counts[p], as_text(p[0]), as_text(p[1])))",
                )
            ]
        ],
    ),
    # Training: how often a pair occurs.
    Mistake(
        id="words_counted_once",
        sentence="Your counts ignore how often a word occurs: each different word counts once.",
        why="rare words then weigh as much as frequent ones, and tokens go to what is rare.",
        contract="train_bpe",
        section="train-slowly",
        hints=(
            "A pair is in one word that occurs a thousand times: what should its count be?",
            "Each place in a word adds the number of times the word occurs in the text.",
            "Add the word's count, not 1, for every pair in it.",
        ),
        base="naive",
        ways=[[Edit("counts[pair] += count", "counts[pair] += 1")]],
    ),
    Mistake(
        id="pair_counted_once_in_a_word",
        sentence="A pair that occurs twice in a word counts only once there in your training.",
        why="pairs in long and repetitive words are counted too low, and are merged too late.",
        contract="train_bpe",
        section="idea",
        hints=(
            "How often does the pair (a, b) occur in abab?",
            "A set of a word's pairs, or `if pair in word`, loses all but one of its places.",
            "Go through all neighbours with zip(word, word[1:]) and add the count for each.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "for pair in zip(word, word[1:], strict=False):",
                    "for pair in dict.fromkeys(zip(word, word[1:], strict=False)):",
                )
            ]
        ],
    ),
    Mistake(
        id="overlapping_pairs_not_counted",
        sentence="In runs such as aaa you count only pairs that do not overlap.",
        why="the definition counts all places, so pairs from runs come out in another order.",
        contract="train_bpe",
        section="idea",
        hints=(
            "How often does (a, a) occur in aaa, at which places?",
            "Methods such as str.count skip a place that overlaps the last one.",
            "Go through all neighbours with zip(word, word[1:]); aaa has (a, a) twice.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "            for pair in zip(word, word[1:], strict=False):\n"
                    "                counts[pair] += count",
                    "            last = None\n"
                    "            for pair in zip(word, word[1:], strict=False):\n"
                    "                last = None if pair == last else pair\n"
                    "                counts[pair] += count if last else 0",
                )
            ]
        ],
    ),
    Mistake(
        id="train_merges_from_the_right",
        sentence="In training you merge the places of a pair from right to left.",
        why="a run of three becomes a, aa and not aa, a, and all that is learned later differs.",
        contract="train_bpe",
        section="train-slowly",
        hints=(
            "What becomes of aaa when (a, a) is merged?",
            "Going from the right keeps positions valid, and pairs up the other end of a run.",
            "Build a new word from the left: append the token and go on by two, or by one.",
        ),
        base="naive",
        ways=[
            [
                FROM_THE_RIGHT,
                Edit("words = {_merge(word, best)", "words = {_merge_from_the_right(word, best)"),
            ]
        ],
    ),
    Mistake(
        id="train_on_characters",
        sentence="Your words are characters, not bytes, when training begins.",
        why="characters beyond ASCII get no merges of their own, and new ones cannot be encoded.",
        contract="train_bpe",
        section="train-slowly",
        hints=(
            "How many tokens is é before anything is merged?",
            'Text is bytes here: "é".encode() has two, which must be merged like any pair.',
            "Encode the pre-token first, then take its bytes one by one.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "words = {_single_bytes(pretoken): count",
                    "words = {tuple(map(str.encode, pretoken)): count",
                )
            ]
        ],
    ),
    Mistake(
        id="stale_neighbour_counts",
        sentence="A merge leaves the counts of the neighbouring pairs it broke up as they were.",
        why="pairs that are no longer in any word keep their counts, and win later merges.",
        contract="train_bpe",
        section="train-fast",
        hints=(
            "When (a, b) is merged in x a b y, which pairs are gone?",
            "(x, a) and (b, y) lose this word's count; both sides need it.",
            "Take away all pairs of the old word, then add all pairs of the new one.",
        ),
        base="incremental",
        ways=[
            [
                without(
                    PLACES,
                    "changes[merged[-1], pair[0]] -= 1",
                    "changes[pair[1], word[place + 2]] -= 1",
                )
            ],
            [without(PLACES, "changes[merged[-1], pair[0]] -= 1")],
            [without(PLACES, "changes[pair[1], word[place + 2]] -= 1")],
        ],
    ),
    Mistake(
        id="new_pairs_not_counted",
        sentence="A merge does not count all pairs of its new token with its two neighbours.",
        why="longer tokens are then learned too late, or not at all.",
        contract="train_bpe",
        section="train-fast",
        hints=(
            "When (a, b) is merged in x a b y, which pairs are new?",
            "(x, ab) and (ab, y) gain this word's count; both sides need it.",
            "Take away all pairs of the old word, then add all pairs of the new one.",
        ),
        base="incremental",
        ways=[
            [without(PLACES, "changes[merged[-1], new] += 1")],
            [without(PLACES, "changes[new, word[place + 2]] += 1")],
        ],
    ),
    Mistake(
        id="heap_entry_trusted",
        sentence="You merge what comes out of the heap though its count has changed since.",
        why="an old count is too high, so a pair is merged too early, or merged twice.",
        contract="train_bpe",
        section="train-fast",
        hints=(
            "The heap holds a count from when the entry was made: is it still true?",
            "Entries cannot be changed, so look at the present count when one comes out.",
            "If the popped count is not the present one, do not merge; push the present one.",
        ),
        base="incremental",
        ways=[[Edit("        if -negative != counts[pair]:\n            continue\n", "")]],
    ),
    Mistake(
        id="heap_entry_lost",
        sentence="A pair whose count has fallen leaves your heap and never comes back.",
        why="every merge lowers the counts of its neighbours, which can then never be merged.",
        contract="train_bpe",
        section="train-fast",
        hints=(
            "What happens to an entry whose count is no longer true when it comes out?",
            "It is wrong only in its count: the pair may still be merged, later.",
            "Push the pair again with its present count, unless that is 0.",
        ),
        base="incremental",
        ways=[[Edit("if change and counts[each] > 0:", "if change > 0:")]],
    ),
    Mistake(
        id="places_of_new_pairs_forgotten",
        sentence="Your index of the words that a pair is in does not learn of new pairs.",
        why="a pair with a merged token is then learned, but merged nowhere.",
        contract="train_bpe",
        section="train-fast",
        hints=(
            "A merge makes the pair (ab, c): how do you find its words later?",
            "The index was right at the start; each merge must add the pairs that it makes.",
            "After merging in a word, add the word to the places of each pair it has now.",
        ),
        base="incremental",
        ways=[[Edit("                places[each].add(place)\n", "")]],
    ),
    # Training: special tokens.
    Mistake(
        id="train_special_text_learned",
        sentence="Special tokens are not cut out of the text before training learns from it.",
        why="their text is frequent, so merges are spent on pieces of it that never occur again.",
        contract="train_bpe",
        section="special-tokens-in-training",
        hints=(
            "Do you find pieces such as <| or endo among your merges?",
            "Cut the text at special tokens before you pre-tokenize it.",
            "Split the text by the special tokens and pre-tokenize each part alone.",
        ),
        base="naive",
        ways=[[Edit(SPLIT, "for segment in [text]:")]],
    ),
    Mistake(
        id="train_special_kept_by_split",
        sentence="Training learns from special tokens because split hands them back.",
        why="their text is frequent, so merges are spent on pieces of it that never occur again.",
        contract="train_bpe",
        section="special-tokens-in-training",
        hints=(
            "Print what split returns: is the special token still in the list?",
            "A capturing group makes split keep what it cut out.",
            "Leave the brackets away in training; encoding is where you want them.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    SPLIT,
                    'for segment in regex.split(f"({any_special})", text) if specials else [text]:',
                )
            ]
        ],
    ),
    Mistake(
        id="train_special_unescaped",
        sentence="In training, special tokens are used as patterns without being escaped.",
        why="the | of <|endoftext|> means `or`, so the text is cut at <, endoftext and >.",
        contract="train_bpe",
        section="special-tokens-in-training",
        hints=(
            "What does | mean in a regular expression?",
            "A special token is literal text: every character of it must match itself.",
            "Apply regex.escape to each special token before joining them with |.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    'any_special = "|".join(regex.escape(token) for token in specials)',
                    'any_special = "|".join(specials)',
                )
            ]
        ],
    ),
    Mistake(
        id="train_specials_escaped_together",
        sentence="In training, special tokens are joined with | first and escaped then.",
        why="with two of them the | is escaped too, so none is found and all are learned from.",
        contract="train_bpe",
        section="special-tokens-in-training",
        hints=(
            "It is right with one special token: what changes with two?",
            "Escaping the joined text escapes the | that should mean `or`.",
            "Escape each special token alone, then join them with |.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    'any_special = "|".join(regex.escape(token) for token in specials)',
                    'any_special = regex.escape("|".join(specials))',
                )
            ]
        ],
    ),
    Mistake(
        id="train_special_in_given_order",
        sentence="In training, a special token that begins like a longer one is cut out of it.",
        why="the rest of the longer one stays in the text, and is learned from.",
        contract="train_bpe",
        section="special-tokens-in-training",
        hints=(
            "Which alternative does a regular expression take when two of them fit?",
            "It takes the first that fits, so the longer ones must stand first.",
            "Sort the special tokens by length, longest first, before joining them.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    'any_special = "|".join(regex.escape(token) for token in specials)',
                    'any_special = "|".join(regex.escape(token) for token in special_tokens)',
                )
            ]
        ],
    ),
    Mistake(
        id="train_merges_across_special_tokens",
        sentence="Training takes special tokens out and joins the text on both sides again.",
        why="pairs are counted that stand next to each other nowhere in the text.",
        contract="train_bpe",
        section="special-tokens-in-training",
        hints=(
            "In a<|x|>b, are a and b neighbours?",
            "A special token ends what is before it; nothing goes on after it.",
            "Split the text at special tokens, in place of replacing them.",
        ),
        base="naive",
        ways=[
            [Edit(SPLIT, 'for segment in [regex.sub(any_special, "", text)]:')],
            [
                Edit(
                    SPLIT,
                    'for segment in [regex.sub(any_special, " ", text) if specials else text]:',
                )
            ],
        ],
    ),
    # Training: the vocabulary and the end.
    Mistake(
        id="vocab_size_as_number_of_merges",
        sentence="You learn vocab_size merges, beside the bytes and the special tokens.",
        why="ids reach beyond vocab_size, where the model's embedding has no row.",
        contract="train_bpe",
        section="ids-and-the-end-of-training",
        hints=(
            "How many tokens are there before the first merge?",
            "vocab_size counts bytes, merges and special tokens together.",
            "Stop after vocab_size - 256 - (number of special tokens) merges.",
        ),
        base="naive",
        ways=[[Edit("while len(merges) < num_merges:", "while len(merges) < vocab_size:")]],
    ),
    Mistake(
        id="vocab_size_without_special_tokens",
        sentence="Your vocabulary has vocab_size tokens without the special tokens.",
        why="ids reach beyond vocab_size, where the model's embedding has no row.",
        contract="train_bpe",
        section="ids-and-the-end-of-training",
        hints=(
            "How many tokens are in the vocabulary you return, and how many were asked for?",
            "Special tokens take up places in the vocabulary like all others.",
            "Stop after vocab_size - 256 - (number of special tokens) merges.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "num_merges = vocab_size - 256 - len(new_specials)",
                    "num_merges = vocab_size - 256",
                )
            ]
        ],
    ),
    Mistake(
        id="one_merge_too_many",
        sentence="You learn one merge more than vocab_size leaves room for.",
        why="the last id is vocab_size itself, for which the model's embedding has no row.",
        contract="train_bpe",
        section="ids-and-the-end-of-training",
        hints=(
            "With room for one merge, how often does your loop run?",
            "The loop has to end when there are enough merges, not one later.",
            "Compare with <, not <=, before you look for the next pair.",
        ),
        base="naive",
        ways=[[Edit("while len(merges) < num_merges:", "while len(merges) <= num_merges:")]],
    ),
    Mistake(
        id="bytes_as_utf8_characters",
        sentence="Your single-byte tokens from 128 on are two bytes long: chr(i) in UTF-8.",
        why="no token stands for such a byte, so text that is not ASCII cannot be encoded.",
        contract="train_bpe",
        section="train-slowly",
        hints=(
            "How long is the token with id 200?",
            "chr(200).encode() is the UTF-8 of a character, which has two bytes.",
            "Make the token of a byte with bytes([byte]).",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "tokens = [bytes([byte]) for byte in range(256)]",
                    "tokens = [chr(byte).encode() for byte in range(256)]",
                )
            ]
        ],
    ),
    Mistake(
        id="special_ids_before_merges",
        sentence="Your special tokens have ids before those of the merges.",
        why="byte b is no longer id b, or merge k no longer 256 + k, as the contract says.",
        contract="train_bpe",
        section="ids-and-the-end-of-training",
        hints=(
            "Which id does the first merge get, and which the first special token?",
            "The order is bytes, merges, special tokens.",
            "Append the special tokens to the vocabulary when all merges are known.",
        ),
        base="naive",
        ways=[
            [Edit(ENDS, "    return dict(enumerate(new_specials + tokens)), merges")],
            [
                Edit(
                    ENDS,
                    "    tokens[256:256] = new_specials\n"
                    "    return dict(enumerate(tokens)), merges",
                )
            ],
        ],
    ),
    Mistake(
        id="vocab_ids_in_another_order",
        sentence="Your vocabulary has the right tokens, under other ids than the contract says.",
        why="ids are what a model learns: under other ids they stand for other bytes.",
        contract="train_bpe",
        section="ids-and-the-end-of-training",
        hints=(
            "Which token has id 97, and which has the id 256?",
            "Ids 0 to 255 are the bytes, 256 + k is what merge k makes, then special tokens.",
            "Build a list in this order and enumerate it; never sort it, never use a set.",
        ),
        base="naive",
        ways=[
            [Edit("return dict(enumerate(tokens)), merges", f"return dict(enumerate({e})), merges")]
            for e in ("sorted(tokens)", "reversed(tokens)")
        ],
    ),
    Mistake(
        id="vocab_from_bytes_to_ids",
        sentence="Your vocabulary maps bytes to ids; the contract asks for ids to bytes.",
        why="Tokenizer takes what train_bpe returns, and looks tokens up by their id.",
        contract="train_bpe",
        section="contract",
        hints=(
            "What are the keys of the vocabulary you return?",
            "The contract's type is dict[int, bytes]: the id is the key.",
            "Return {token_id: token}, as dict(enumerate(tokens)) makes it.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "return dict(enumerate(tokens)), merges",
                    "return {token: i for i, token in enumerate(tokens)}, merges",
                )
            ]
        ],
    ),
    Mistake(
        id="special_tokens_not_in_vocab",
        sentence="The vocabulary you return lacks the special tokens.",
        why="a model that ends a document with <|endoftext|> needs an id for it.",
        contract="train_bpe",
        section="ids-and-the-end-of-training",
        hints=(
            "How many tokens does your vocabulary have, and how many should it have?",
            "Special tokens are never merged, but they are tokens with ids.",
            "Append the bytes of each special token after the merges, in the order given.",
        ),
        base="naive",
        ways=[[Edit("    tokens += new_specials\n", "")]],
    ),
    Mistake(
        id="merges_as_ids",
        sentence="Your merges are pairs of ids; the contract asks for pairs of byte strings.",
        why="merges.txt and Tokenizer need the bytes, which stay the same whatever the ids are.",
        contract="train_bpe",
        section="contract",
        hints=(
            "Of what type are the two halves of a merge that you return?",
            "The contract's type is list[tuple[bytes, bytes]].",
            "Look both ids up in the vocabulary before you store a merge.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "return dict(enumerate(tokens)), merges",
                    "ids = {token: i for i, token in enumerate(tokens)}\n"
                    "    return dict(enumerate(tokens)), [(ids[a], ids[b]) for a, b in merges]",
                )
            ]
        ],
    ),
    Mistake(
        id="train_fails_without_pairs",
        sentence="Training raises an exception when no pair is left to merge.",
        why="a small text runs out of pairs early; the contract promises fewer tokens then.",
        contract="train_bpe",
        section="ids-and-the-end-of-training",
        hints=(
            "What does max do with nothing?",
            "When every word is one token there is no pair, and training is over.",
            "Leave the loop when the counts are empty, before you take the greatest.",
        ),
        base="naive",
        ways=[[Edit("        if not counts:\n            break\n", "")]],
    ),
    Mistake(
        id="train_stops_at_single_pairs",
        sentence="Training ends at pairs that occur only once; the contract goes on.",
        why="the vocabulary is then smaller than asked for on small texts.",
        contract="train_bpe",
        section="ids-and-the-end-of-training",
        hints=(
            "Under which condition does your loop end early?",
            "It ends when no pair is left, however rare the last ones are.",
            "Stop only when there are no counts at all.",
        ),
        base="naive",
        ways=[[Edit("if not counts:", "if not counts or max(counts.values()) < 2:")]],
    ),
    # Training: pre-tokens and the file.
    Mistake(
        id="pretokens_without_white_space",
        sentence="Training splits at white space and forgets it: no token begins with a space.",
        why="a space is part of the word after it; without it every space costs a token.",
        contract="train_bpe",
        section="idea",
        hints=(
            "Is there a token for a word together with the space before it?",
            "str.split throws white space away; the pattern keeps it with the next word.",
            "Take regex.findall(PRETOKEN_PATTERN, text) as the pre-tokens.",
        ),
        base="naive",
        ways=[[Edit(COUNT_PRETOKENS, "pretokens.update(segment.split())")]],
    ),
    Mistake(
        id="pretokens_apart_from_white_space",
        sentence="Your pre-tokens in training are runs of visible characters and runs of space.",
        why="punctuation and numbers stick to words, and a space never joins its word.",
        contract="train_bpe",
        section="idea",
        hints=(
            "Into which pre-tokens do you cut ` dogs!`?",
            "The pattern tells letters, digits and marks apart, and takes a space along.",
            "Take regex.findall(PRETOKEN_PATTERN, text) as the pre-tokens.",
        ),
        base="naive",
        ways=[[Edit(COUNT_PRETOKENS, 'pretokens.update(regex.findall(r"\\S+|\\s+", segment))')]],
    ),
    Mistake(
        id="train_without_pretokens",
        sentence="Training does not cut the text into pre-tokens: it merges across words.",
        why="frequent phrases become tokens, and the same word is spelled in many ways.",
        contract="train_bpe",
        section="idea",
        hints=(
            "Do your merges hold tokens with a space in the middle?",
            "No merge crosses the border between two pre-tokens.",
            "Count pre-tokens, found by PRETOKEN_PATTERN, and pairs only inside each.",
        ),
        base="naive",
        ways=[[Edit(COUNT_PRETOKENS, "pretokens.update([segment])")]],
    ),
    Mistake(
        id="pattern_without_lookahead",
        sentence=r"Your pattern lacks \s+(?!\S): a run of spaces keeps the one before a word.",
        why="after two spaces a word is another token than after one.",
        contract="train_bpe",
        section="idea",
        hints=(
            "Into which pre-tokens do you cut `a  b`, with two spaces?",
            "White space before a word must leave its last space to the word.",
            r"Use PRETOKEN_PATTERN as it is given: \s+(?!\S) stands before \s+.",
        ),
        base="naive",
        ways=[[Edit(r"|\s+(?!\S)|\s+", r"|\s+")]],
    ),
    Mistake(
        id="pattern_with_ascii_letters",
        sentence=r"Your pattern knows ASCII letters only, where \p{L} is a letter of any script.",
        why="every accent cuts its word in two, and other scripts are taken for punctuation.",
        contract="train_bpe",
        section="idea",
        hints=(
            "Into which pre-tokens do you cut naïve?",
            r"[A-Za-z] is not \p{L}; the module re does not know it, regex does.",
            "Use PRETOKEN_PATTERN as it is given, with the module regex.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+",
                    r" ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+",
                )
            ],
            [Edit(r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+", r" ?[a-zA-Z]+| ?\d+| ?[^\sa-zA-Z\d]+")],
        ],
    ),
    Mistake(
        id="train_newlines_translated",
        sentence=r"Training turns \r\n into \n: it reads the file in text mode.",
        why="the tokenizer then never saw the line ends that encode will meet.",
        contract="train_bpe",
        section="train-slowly",
        hints=(
            "Which bytes end a line in the file, and which characters in your text?",
            r"Text mode makes every \r\n a \n before you see it.",
            'Open the file with "rb" and decode it, or pass newline="".',
        ),
        base="naive",
        ways=[
            [
                Edit(
                    TRAINING_TEXT,
                    r'_stretches((b.replace("\r\n", "\n") for b in _blocks(input_path)), specials)',
                )
            ],
            [Edit(TRAINING_TEXT, '_stretches(Path(input_path).open(encoding="utf-8"), specials)')],
        ],
    ),
    Mistake(
        id="train_line_by_line",
        sentence="Training pre-tokenizes each line alone.",
        why="white space that goes on in the next line is one run, and splits differently.",
        contract="train_bpe",
        section="large-files",
        hints=(
            "Into which pre-tokens does an empty line between two paragraphs fall?",
            "A line end is not a place where the text can be cut: the run may go on.",
            "Cut only where white space begins, or a special token, and keep the rest back.",
        ),
        base="naive",
        ways=[
            [Edit(TRAINING_TEXT, 'Path(input_path).open(encoding="utf-8", newline="\\n")')],
            [
                Edit(
                    TRAINING_TEXT,
                    '(line.rstrip("\\n") for line in Path(input_path).open(encoding="utf-8"))',
                )
            ],
        ],
    ),
    Mistake(
        id="broken_utf8_tolerated",
        sentence="Bytes that are not UTF-8 are dropped or replaced when a file is read.",
        why="text is lost without a word; the contract names the file and the byte.",
        contract="train_bpe",
        section="large-files",
        hints=(
            "What happens at a byte 0xE9 that begins no character?",
            'errors="ignore" and errors="replace" hide what is wrong with the file.',
            "Decode strictly, and raise ValueError with the name and the offset.",
        ),
        base="naive",
        ways=[
            [Edit('data.decode("utf-8")', 'data.decode("utf-8", errors="ignore")')],
            [Edit('data.decode("utf-8")', 'data.decode("utf-8", errors="replace")')],
        ],
    ),
    Mistake(
        id="train_reads_whole_file",
        sentence="Training needs more memory for a longer file of the same words.",
        why="a corpus does not fit in memory; its different pre-tokens do.",
        contract="train_bpe",
        section="large-files",
        hints=(
            "Which object in your training grows with the file?",
            "The counts do not; the text, or a list of all its pre-tokens, does.",
            "Read a piece, count it, and let it go before you read the next.",
        ),
        base="naive",
        ways=[[Edit(TRAINING_TEXT, '["".join(_blocks(input_path))]')]],
    ),
    Mistake(
        id="chunks_cut_anywhere",
        sentence="With several workers the file is cut in the middle of words.",
        why="the halves are counted as words of their own, so the result depends on the workers.",
        contract="train_bpe",
        section="large-files",
        hints=(
            "Is what you learn the same with one worker and with three?",
            "Equal shares of the bytes end inside words, special tokens, even characters.",
            "From each share's end go on to the next place that no pre-token lies across.",
        ),
        base="chunks",
        ways=[[Edit(NEXT_BOUND, "bounds.append(start)")]],
    ),
    Mistake(
        id="chunks_cut_at_line_ends",
        sentence="With several workers the file is cut after line ends, inside white space.",
        why="a run of white space over two lines is counted as two, depending on the workers.",
        contract="train_bpe",
        section="large-files",
        hints=(
            "What if an empty line follows the line end at which you cut?",
            "White space that goes on in the next line is one run: no place to cut.",
            "Cut before white space that follows anything else, not after it.",
        ),
        base="chunks",
        ways=[
            [
                Edit(
                    NEXT_BOUND,
                    'bounds.append((data.find(b"\\n", max(start, bounds[-1])) + 1) or length)',
                )
            ]
        ],
    ),
    Mistake(
        id="last_chunk_lost",
        sentence="With several workers the last piece of the file is not counted.",
        why="what stands at the end of the corpus is not learned from.",
        contract="train_bpe",
        section="large-files",
        hints=(
            "How many pieces lie between four borders, and do you count all of them?",
            "The end of the file is a border too.",
            "Append the length of the file to the borders before you pair them up.",
        ),
        base="chunks",
        ways=[
            [
                Edit(
                    "    bounds.append(length)",
                    "    if len(bounds) == 1:\n        bounds.append(length)",
                )
            ]
        ],
    ),
    Mistake(
        id="counts_of_workers_not_added",
        sentence="Adding up, you count in how many pieces a pre-token is, not how often.",
        why="a word that occurs a thousand times in a piece weighs as much as one met once.",
        contract="train_bpe",
        section="large-files",
        hints=(
            "What does Counter.update do with an iterable of words, what with a Counter?",
            "Given only the keys, it adds 1 for each and drops their counts.",
            "Call total.update(counts) with the Counter itself.",
        ),
        base="chunks",
        ways=[[Edit("pretokens.update(counts)", "pretokens.update(counts.keys())")]],
    ),
    # Encoding.
    Mistake(
        id="encode_first_pair_found",
        sentence="Encoding merges the first pair it can, not the one that was learned first.",
        why="the ids are valid tokens, but not those that the model was trained on.",
        contract="Tokenizer.encode",
        section="idea",
        hints=(
            "The merges are (b, c), (a, b): what becomes of abc?",
            "Of all pairs in the pre-token that can be merged, the earliest merge comes first.",
            "Take the pair with the lowest rank, where the rank is its place in merges.",
        ),
        base="naive",
        ways=[
            [Edit(MERGED_WORD, "word = _merge(word, known[0])")],
            [
                Edit(
                    MERGED_WORD,
                    "i = list(zip(word, word[1:], strict=False)).index(known[0])\n"
                    "            word = (*word[:i], word[i] + word[i + 1], *word[i + 2 :])",
                )
            ],
        ],
    ),
    Mistake(
        id="encode_longest_token",
        sentence="Encoding takes the longest token that fits, from left to right.",
        why="the ids are valid tokens, but not those that the model was trained on.",
        contract="Tokenizer.encode",
        section="idea",
        hints=(
            "The merges are (b, c), (a, b), (ab, c): what becomes of abc?",
            "A token that fits need not be what the merges lead to, in their order.",
            "Begin with bytes, and merge the pair of the lowest rank until there is none.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "        word = _single_bytes(pretoken)\n        while True:\n",
                    "        data, word = pretoken.encode(), []\n"
                    "        while data:\n"
                    "            sizes = range(len(data), 0, -1)\n"
                    "            size = next((n for n in sizes if data[:n] in self._id_of), 1)\n"
                    "            word.append(data[:size])\n"
                    "            data = data[size:]\n"
                    "        while False:\n",
                )
            ]
        ],
    ),
    Mistake(
        id="encode_merges_one_place",
        sentence="Encoding applies each merge once, at the first place where its pair occurs.",
        why="a pair that comes again in the same word is left in pieces.",
        contract="Tokenizer.encode",
        section="encode-and-decode",
        hints=(
            "What becomes of abab when the only merge is (a, b)?",
            "A merge applies everywhere in the pre-token before the next one has its turn.",
            "Replace all places of the pair from left to right, or look again until none is left.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "        while True:\n            known",
                    "        for pair in self.merges:\n"
                    "            pairs = list(zip(word, word[1:], strict=False))\n"
                    "            if pair in pairs:\n"
                    "                i = pairs.index(pair)\n"
                    "                word = (*word[:i], pair[0] + pair[1], *word[i + 2 :])\n"
                    "        while False:\n            known",
                )
            ]
        ],
    ),
    Mistake(
        id="encode_merges_from_the_right",
        sentence="Encoding merges the places of a pair from right to left.",
        why="a run of three becomes a, aa and not aa, a, which is not what training saw.",
        contract="Tokenizer.encode",
        section="encode-and-decode",
        hints=(
            "What becomes of aaa when (a, a) is merged?",
            "Going from the right keeps positions valid, and pairs up the other end of a run.",
            "Build a new word from the left: append the token and go on by two, or by one.",
        ),
        base="naive",
        ways=[
            [
                FROM_THE_RIGHT,
                Edit(
                    MERGED_WORD,
                    "word = _merge_from_the_right(word, min(known, key=self._rank.__getitem__))",
                ),
            ]
        ],
    ),
    Mistake(
        id="encode_without_pretokens",
        sentence="Encoding merges across pre-tokens: the text is not cut by the pattern.",
        why="training never merged there, so these ids stand where the model never saw them.",
        contract="Tokenizer.encode",
        section="encode-and-decode",
        hints=(
            "The only merge is (a, 1): what becomes of a1?",
            "Merges apply inside a pre-token only, as in training.",
            "Find the pre-tokens with PRETOKEN_PATTERN and merge in each alone.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "for pretoken in regex.findall(PRETOKEN_PATTERN, segment):\n"
                    "                if pretoken not",
                    "for pretoken in [segment]:\n                if pretoken not",
                )
            ]
        ],
    ),
    Mistake(
        id="ids_from_ranks",
        sentence="Encoding takes 256 + rank as the id of a merge, not the id in the vocabulary.",
        why="vocabularies such as GPT-2's give their bytes and merges other ids.",
        contract="Tokenizer.encode",
        section="encode-and-decode",
        hints=(
            "Which id does a token have if the vocabulary was written by somebody else?",
            "Merges say in which order to merge; ids come from the vocabulary alone.",
            "Turn the vocabulary round once, from bytes to ids, and look each token up in it.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "return [self._id_of[token] for token in word]",
                    "made = [a + b for a, b in self.merges]\n"
                    "        return [t[0] if len(t) == 1 else 256 + made.index(t) for t in word]",
                )
            ]
        ],
    ),
    Mistake(
        id="special_encoded_as_text",
        sentence="Encoding treats special tokens as ordinary text.",
        why="the end of a document becomes seven tokens, and generation never stops at it.",
        contract="Tokenizer.encode",
        section="special-tokens-in-encoding",
        hints=(
            "How many ids does <|endoftext|> alone become?",
            "That the vocabulary holds it is not enough: merges never lead to it.",
            "Split the text at special tokens first, and give each its id.",
        ),
        base="naive",
        ways=[
            [
                Edit(f"for segment in {CUT}:", "for segment in [text]:"),
                Edit("if segment in self.special_tokens:", "if segment in ():"),
            ]
        ],
    ),
    Mistake(
        id="special_dropped_by_split",
        sentence="Special tokens vanish in encoding: split throws away what it splits by.",
        why="documents run into each other, and decoding does not give the text back.",
        contract="Tokenizer.encode",
        section="special-tokens-in-encoding",
        hints=(
            "Print what split returns: where is the special token?",
            "Without a capturing group split leaves out what it found.",
            "Put brackets round the pattern, so that split keeps the special tokens.",
        ),
        base="naive",
        ways=[[Edit(CUT, "regex.split(self._any_special, text) if self._any_special else [text]")]],
    ),
    Mistake(
        id="encode_special_unescaped",
        sentence="In encoding, special tokens are used as patterns without being escaped.",
        why="the | of <|endoftext|> means `or`: special tokens are missed, other text is cut.",
        contract="Tokenizer.encode",
        section="special-tokens-in-encoding",
        hints=(
            "What does | mean in a regular expression?",
            "A special token is literal text: every character of it must match itself.",
            "Apply regex.escape to each special token before joining them with |.",
        ),
        base="naive",
        ways=[
            [Edit(f"self._any_special = {ANY_SPECIAL}", 'self._any_special = "|".join(specials)')]
        ],
    ),
    Mistake(
        id="encode_specials_escaped_together",
        sentence="In encoding, special tokens are joined with | first and escaped then.",
        why="with two of them the | is escaped too, and none is ever found.",
        contract="Tokenizer.encode",
        section="special-tokens-in-encoding",
        hints=(
            "It is right with one special token: what changes with two?",
            "Escaping the joined text escapes the | that should mean `or`.",
            "Escape each special token alone, then join them with |.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    f"self._any_special = {ANY_SPECIAL}",
                    'self._any_special = regex.escape("|".join(self._longest_first))',
                )
            ]
        ],
    ),
    Mistake(
        id="encode_special_in_given_order",
        sentence="Of special tokens that begin alike you take the one given first.",
        why="the longer one is never found when the shorter stands before it.",
        contract="Tokenizer.encode",
        section="special-tokens-in-encoding",
        hints=(
            "Which alternative does a regular expression take when two of them fit?",
            "It takes the first that fits, so the longer ones must stand first.",
            "Sort the special tokens by length, longest first, before joining them.",
        ),
        base="naive",
        ways=[
            [Edit(ANY_SPECIAL, '"|".join(regex.escape(token) for token in specials)')],
        ],
    ),
    Mistake(
        id="empty_pattern_without_specials",
        sentence="Without special tokens your text is split into single characters.",
        why="nothing is ever merged then, and every byte costs a token.",
        contract="Tokenizer.encode",
        section="special-tokens-in-encoding",
        hints=(
            "What is your pattern when there are no special tokens?",
            "An empty pattern matches everywhere, so split cuts everywhere.",
            "If there are no special tokens, take the whole text as the only part.",
        ),
        base="naive",
        ways=[[Edit(CUT, 'regex.split(f"({self._any_special})", text)')]],
    ),
    Mistake(
        id="special_tokens_not_appended",
        sentence="Special tokens that the vocabulary lacks get no id.",
        why="the contract appends them, so that a trained vocabulary can be given new ones.",
        contract="Tokenizer",
        section="special-tokens-in-encoding",
        hints=(
            "What happens to a special token that is not in vocab?",
            "It gets the next free id, in your own copy of the vocabulary.",
            "For each missing one, add its bytes under the greatest id plus 1.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "        for token in specials:\n" + IN_VOCAB + "            "
                    "self.vocab[max(self.vocab, default=-1) + 1] = token.encode()\n",
                    "",
                )
            ]
        ],
    ),
    Mistake(
        id="special_id_from_length",
        sentence="A new special token gets the number of tokens as its id.",
        why="where ids have gaps this id may be taken, or lie below others.",
        contract="Tokenizer",
        section="special-tokens-in-encoding",
        hints=(
            "Are the ids of every vocabulary 0, 1, 2 and so on, without gaps?",
            "The next id comes after the greatest, not after the number of tokens.",
            "Take max(vocab) + 1.",
        ),
        base="naive",
        ways=[[Edit("self.vocab[max(self.vocab, default=-1) + 1]", "self.vocab[len(self.vocab)]")]],
    ),
    Mistake(
        id="special_token_appended_again",
        sentence="A special token that is in the vocabulary already gets a second id.",
        why="the model was trained on the first id, and never saw the second.",
        contract="Tokenizer",
        section="special-tokens-in-encoding",
        hints=(
            "train_bpe put the special tokens into the vocabulary: what ids do they have?",
            "Only those that the vocabulary lacks are appended.",
            "Look for the token's bytes among the values of vocab before you add it.",
        ),
        base="naive",
        ways=[
            [
                Edit(IN_VOCAB, "    "),
                Edit("len(self._id_of) < len(self.vocab)", "len(set(vocab.values())) < len(vocab)"),
            ]
        ],
    ),
    Mistake(
        id="callers_vocab_changed",
        sentence="Your tokenizer appends special tokens to the caller's own vocabulary.",
        why="a second tokenizer made of the same vocabulary then finds tokens it did not ask for.",
        contract="Tokenizer",
        section="special-tokens-in-encoding",
        hints=(
            "Whose dictionary do you write to?",
            "self.vocab = vocab is another name for the same dictionary.",
            "Copy it first, with dict(vocab).",
        ),
        base="naive",
        ways=[[Edit("self.vocab = dict(vocab)", "self.vocab = vocab")]],
    ),
    Mistake(
        id="encode_result_shared",
        sentence="encode gives out the very list that it remembers.",
        why="a caller who changes its list changes the ids of that text for all who come later.",
        contract="Tokenizer.encode",
        section="encode-and-decode",
        hints=(
            "Append an id to what encode returned, and encode the same text again.",
            "What is remembered must not be what is handed out.",
            "Remember tuples, or extend a new list with what you remembered.",
        ),
        base="naive",
        ways=[
            [
                Edit("import hashlib", "import functools\nimport hashlib"),
                Edit("    def encode(self", "    @functools.cache\n    def encode(self"),
            ]
        ],
    ),
    # Decoding.
    Mistake(
        id="decode_token_by_token",
        sentence="You decode each token alone and join the texts.",
        why="a character may be spread over several tokens; each half becomes U+FFFD.",
        contract="Tokenizer.decode",
        section="encode-and-decode",
        hints=(
            "How many tokens can one emoji be?",
            "Half a character is not UTF-8, so it cannot be decoded alone.",
            "Join the bytes of all tokens, then decode once.",
        ),
        base="naive",
        ways=[
            [
                Edit('joined = b""', 'joined = ""'),
                Edit(
                    "joined += self.vocab[token_id]",
                    'joined += self.vocab[token_id].decode("utf-8", errors="replace")',
                ),
                Edit('return joined.decode("utf-8", errors="replace")', "return joined"),
            ]
        ],
    ),
    Mistake(
        id="decode_ignores_broken_bytes",
        sentence="Bytes that are not UTF-8 vanish in your decoding.",
        why="a model does produce such bytes; U+FFFD shows that, silence hides it.",
        contract="Tokenizer.decode",
        section="encode-and-decode",
        hints=(
            "What does decode give for the one byte 0xF4?",
            'errors="ignore" leaves out what it cannot read.',
            'Decode with errors="replace".',
        ),
        base="naive",
        ways=[
            [
                Edit(
                    'return joined.decode("utf-8", errors="replace")',
                    'return joined.decode("utf-8", errors="ignore")',
                )
            ]
        ],
    ),
    Mistake(
        id="decode_is_strict",
        sentence="Decoding raises an exception at bytes that are not UTF-8.",
        why="a model may produce any ids, so generation would crash in the middle.",
        contract="Tokenizer.decode",
        section="encode-and-decode",
        hints=(
            "What does decode give for the one byte 0xF4?",
            "bytes.decode is strict unless it is told otherwise.",
            'Decode with errors="replace".',
        ),
        base="naive",
        ways=[
            [
                Edit(
                    'return joined.decode("utf-8", errors="replace")',
                    'return joined.decode("utf-8")',
                )
            ]
        ],
    ),
    Mistake(
        id="decode_skips_unknown_ids",
        sentence="Decoding leaves out ids that are not in the vocabulary.",
        why="such ids mean that model and tokenizer do not belong together; nobody would notice.",
        contract="Tokenizer.decode",
        section="encode-and-decode",
        hints=(
            "What does decode do with an id that no token has?",
            "The contract asks for a ValueError with the id.",
            "Look each id up, and turn the KeyError into a ValueError that names it.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    'raise ValueError(f"id {token_id} is not in the vocabulary")',
                    "continue",
                )
            ]
        ],
    ),
    Mistake(
        id="decode_skips_special_tokens",
        sentence="Decoding leaves out special tokens.",
        why="decode no longer undoes encode, and the ends of documents cannot be seen.",
        contract="Tokenizer.decode",
        section="encode-and-decode",
        hints=(
            "What does decode give for the id of <|endoftext|>?",
            "Special tokens have bytes in the vocabulary like all others.",
            "Decode every id in the same way.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "            joined += self.vocab[token_id]\n",
                    "            if token_id not in self.special_tokens.values():\n"
                    "                joined += self.vocab[token_id]\n",
                )
            ]
        ],
    ),
    # Streaming.
    Mistake(
        id="iter_reads_everything",
        sentence="encode_iterable reads all strings before it gives the first id.",
        why="it is there for text that does not fit in memory, or never ends.",
        contract="Tokenizer.encode_iterable",
        section="stream",
        hints=(
            "How many strings have been read when the first id comes?",
            "Joining the strings is what encode could do by itself.",
            "Keep a buffer, encode what is settled after each string, and yield its ids.",
        ),
        base="naive",
        ways=[
            [Edit(STREAM, '        yield from self.encode("".join(iterable))\n')],
            [Edit(STREAM, '        return iter(self.encode("".join(iterable)))\n')],
        ],
    ),
    Mistake(
        id="iter_string_by_string",
        sentence="encode_iterable encodes each string alone.",
        why="the ids depend on where the caller cut: inside words, white space, special tokens.",
        contract="Tokenizer.encode_iterable",
        section="stream",
        hints=(
            "What if a word begins in one string and ends in the next?",
            "The end of a string is not the end of a pre-token.",
            "Hold back what may still grow, and put the next string after it.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "for text in _stretches(iterable, self._longest_first):",
                    "for text in iterable:",
                )
            ]
        ],
    ),
    Mistake(
        id="iter_cuts_inside_white_space",
        sentence="encode_iterable cuts before the last white space, though a run of it goes on.",
        why="a run of white space is one or two pre-tokens, depending on what follows it.",
        contract="Tokenizer.encode_iterable",
        section="stream",
        hints=(
            "What if the last space in your buffer follows another one?",
            "Only where white space begins after something else does no pre-token lie across.",
            "Look for white space whose predecessor is none, from the end of the buffer.",
        ),
        base="naive",
        ways=[[streaming('max(pending.rfind(" "), pending.rfind("\\n"), 0)')]],
    ),
    Mistake(
        id="iter_holds_back_one_pretoken",
        sentence="encode_iterable holds back the last pre-token only.",
        why="more text can change the one before as well: a contraction, a run, a special token.",
        contract="Tokenizer.encode_iterable",
        section="stream",
        hints=(
            "Your buffer ends with they' and re comes next: what are the pre-tokens?",
            "The pattern decides with a view to what follows, also before the last pre-token.",
            "Cut only where white space begins after something else, or at a special token.",
        ),
        base="naive",
        ways=[
            [
                streaming(
                    'len(pending) - len("".join(regex.findall(PRETOKEN_PATTERN, pending)[-1:]))'
                )
            ]
        ],
    ),
    Mistake(
        id="iter_forgets_special_tokens",
        sentence="encode_iterable does not look for special tokens where it cuts.",
        why="one with white space in it is cut in two, and between others nothing comes out.",
        contract="Tokenizer.encode_iterable",
        section="stream",
        hints=(
            "What if a special token has a space in it?",
            "White space begins inside it; text is cut there though the token lies across.",
            "Leave out places that a special token lies across, and allow those before one.",
        ),
        base="naive",
        ways=[
            [Edit("_stretches(iterable, self._longest_first)", "_stretches(iterable, [])")],
        ],
    ),
    Mistake(
        id="iter_loses_the_end",
        sentence="encode_iterable never encodes what it held back when the strings end.",
        why="the last word of every text is missing.",
        contract="Tokenizer.encode_iterable",
        section="stream",
        hints=(
            "What is in your buffer after the last string?",
            "When no more text comes, everything in the buffer is settled.",
            "After the loop, encode the rest of the buffer.",
        ),
        base="naive",
        ways=[[streaming("_last_safe_cut(pending, self._longest_first)", end="return")]],
    ),
    Mistake(
        id="long_pretokens_cut",
        sentence="encode takes the beginning of a long pre-token only, and drops the rest.",
        why="nothing limits a pre-token: a hash, a rule of dashes or a line of Chinese is long.",
        contract="Tokenizer.encode",
        section="encode-and-decode",
        hints=(
            "Does decode give back a word of 5,000 letters?",
            "Look for a slice, or a limit, on what the pattern finds.",
            "Hand each pre-token on as a whole, however long it is.",
        ),
        base="naive",
        ways=[
            [Edit(SINGLE_BYTES, "word = _single_bytes(pretoken[:32])")],
            [Edit(SINGLE_BYTES, "word = _single_bytes(pretoken[:64])")],
            [Edit(SINGLE_BYTES, "word = _single_bytes(pretoken[:1000])")],
            [Edit(SINGLE_BYTES, "word = _single_bytes(pretoken)[:48]")],
        ],
    ),
    Mistake(
        id="long_pretokens_not_merged",
        sentence="encode does not make all merges in a long pre-token.",
        why="nothing limits a pre-token, and tokens that were never learned together are many.",
        contract="Tokenizer.encode",
        section="encode-and-decode",
        hints=(
            "Which pairs of neighbours are left in a word of 5,000 letters?",
            "Merging ends when no pair is known any more, not after so many rounds or bytes.",
            "Loop until no pair of the word is in the merges.",
        ),
        base="naive",
        ways=[
            [Edit(MERGE_LOOP, "while len(word) < 24:\n            known = ")],
            [Edit(MERGE_LOOP, "while len(word) < 48:\n            known = ")],
            [Edit(MERGE_LOOP, "while len(word) < 256:\n            known = ")],
            [Edit(MERGE_LOOP, "while len(word) < 1000:\n            known = ")],
        ],
    ),
    # Files of a vocabulary.
    Mistake(
        id="vocab_saved_as_utf8",
        sentence="Tokens are saved as UTF-8 text, so those that are none become U+FFFD.",
        why="all bytes from 128 on become the same character, and cannot be loaded again.",
        contract="Tokenizer.save",
        section="files-of-a-vocabulary",
        hints=(
            "What is written for the token of byte 200?",
            "Most tokens beyond ASCII are no UTF-8 by themselves.",
            "Write each byte as one printable character, as GPT-2's table says.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    'return "".join(CHARACTER[byte] for byte in token)',
                    'return token.decode("utf-8", errors="replace")',
                    file="bytes_as_text.py",
                ),
                Edit(
                    "return bytes(BYTE[character] for character in text)",
                    "return text.encode()",
                    file="bytes_as_text.py",
                ),
            ]
        ],
    ),
    Mistake(
        id="vocab_saved_as_latin1",
        sentence="Tokens are saved with one character of the same number for each byte.",
        why="spaces and control characters stay as they are, which no other program expects.",
        contract="Tokenizer.save",
        section="files-of-a-vocabulary",
        hints=(
            "How is the token of a space written in your vocab.json?",
            "GPT-2 moves the 68 bytes that cannot be seen in print; a space becomes Ġ.",
            "Give the bytes that are not printable chr(256), chr(257) and so on, in order.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    'return "".join(CHARACTER[byte] for byte in token)',
                    'return token.decode("latin-1")',
                    file="bytes_as_text.py",
                ),
                Edit(
                    "return bytes(BYTE[character] for character in text)",
                    'return text.encode("latin-1")',
                    file="bytes_as_text.py",
                ),
            ]
        ],
    ),
    Mistake(
        id="soft_hyphen_taken_for_printable",
        sentence="Your table of printable bytes keeps byte 173, the soft hyphen, as it is.",
        why="it cannot be seen in print, so GPT-2 moves it: its last character is another.",
        contract="Tokenizer.save",
        section="files-of-a-vocabulary",
        hints=(
            "How many bytes does your table move? GPT-2's moves 68.",
            "Between 161 and 255 one byte is not printable.",
            "Leave 173 out: the ranges are 33 to 126, 161 to 172 and 174 to 255.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "*range(0xA1, 0xAD), *range(0xAE, 0x100)",
                    "*range(0xA1, 0x100)",
                    file="bytes_as_text.py",
                )
            ]
        ],
    ),
    Mistake(
        id="vocab_saved_by_id",
        sentence="Your vocab.json maps ids to tokens; GPT-2's maps tokens to ids.",
        why="no other program can read it, and you cannot read theirs.",
        contract="Tokenizer.save",
        section="files-of-a-vocabulary",
        hints=(
            "What are the keys of the JSON object that you write?",
            "In the file it is the other way round than in the contract's dictionary.",
            "Write {text of the token: id}, and turn it round when you read it.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "ids = {as_text(token): token_id for token_id",
                    "ids = {token_id: as_text(token) for token_id",
                    file="bytes_as_text.py",
                ),
                Edit("for text, token_id in ids.items()", "for token_id, text in ids.items()"),
            ]
        ],
    ),
    Mistake(
        id="merges_without_version",
        sentence="Your merges.txt lacks the first line, `#version: 0.2`.",
        why="readers of GPT-2's files skip the first line, and so lose your first merge.",
        contract="Tokenizer.save",
        section="files-of-a-vocabulary",
        hints=(
            "How does GPT-2's merges.txt begin?",
            "Its first line names the version of the format; the merges follow.",
            "Write the line `#version: 0.2` before the merges.",
        ),
        base="naive",
        ways=[[Edit('lines = ["#version: 0.2", *(', "lines = [*(")]],
    ),
    Mistake(
        id="first_merge_skipped",
        sentence="Reading merges.txt you skip the first line, whatever it says.",
        why="files without the version begin with a merge, the most important one.",
        contract="Tokenizer.from_files",
        section="files-of-a-vocabulary",
        hints=(
            "What if a file does not begin with the version?",
            "Skip the first line only if it is the version.",
            "Look whether it begins with #version before you skip it.",
        ),
        base="naive",
        ways=[[Edit('if line.startswith("#version") and number == 1:', "if number == 1:")]],
    ),
    Mistake(
        id="merges_with_hash_skipped",
        sentence="Reading merges.txt you skip every line that begins with #, as a comment.",
        why="# is a byte like others: `# #` is the merge that makes ##.",
        contract="Tokenizer.from_files",
        section="files-of-a-vocabulary",
        hints=(
            "Which line would the merge of (#, #) be?",
            "The file has no comments; only its first line may be the version.",
            "Skip a line only if it is the first and begins with #version.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    'if line.startswith("#version") and number == 1:',
                    'if line.startswith("#"):',
                )
            ]
        ],
    ),
    Mistake(
        id="loaded_without_special_tokens",
        sentence="from_files does not hand the special tokens on to the tokenizer.",
        why="the end of a document becomes seven tokens, and generation never stops at it.",
        contract="Tokenizer.from_files",
        section="files-of-a-vocabulary",
        hints=(
            "Which special tokens does a loaded tokenizer have?",
            "The files do not say which tokens are special; the caller does.",
            "Pass special_tokens on when you make the tokenizer.",
        ),
        base="naive",
        ways=[[Edit("return cls(tokens, pairs, special_tokens)", "return cls(tokens, pairs)")]],
    ),
    # Files of text.
    Mistake(
        id="offset_of_the_block",
        sentence="Of a file that is not UTF-8, you name a place in a line or block of it.",
        why="whoever mends the file looks for the byte at that offset of the file.",
        contract="train_bpe",
        section="large-files",
        hints=(
            "At which offset do you say that the third line is broken?",
            "error.start is a place in what was decoded, not in the file.",
            "Add the number of bytes that were read before.",
        ),
        base="naive",
        ways=[
            [Edit("{offset + error.start}", "{error.start}")],
            [LINES, Edit(TRAINING_TEXT, TRAINING_TEXT.replace("_blocks", "_lines"))],
        ],
    ),
    Mistake(
        id="file_offset_of_the_block",
        sentence="Of a file that is not UTF-8, encode_file names a place in a line or block of it.",
        why="whoever mends the file looks for the byte at that offset of the file.",
        contract="encode_file",
        section="files-of-ids",
        hints=(
            "At which offset does encode_file say that the third line is broken?",
            "error.start is a place in what was decoded, not in the file.",
            "Read the file as train_bpe does, which names the right place.",
        ),
        base="naive",
        ways=[[LINES, Edit(FILE_TEXTS, FILE_TEXTS.replace("_blocks", "_lines"))]],
    ),
    # Files of ids.
    Mistake(
        id="file_newlines_translated",
        sentence=r"encode_file turns \r\n into \n: it reads the file in text mode.",
        why="the ids are not those of the text, and decoding them does not give it back.",
        contract="encode_file",
        section="files-of-ids",
        hints=(
            "Which bytes end a line in the file, and which characters in your text?",
            r"Text mode makes every \r\n a \n before you see it.",
            'Open the file with "rb" and decode it, or pass newline="".',
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "_stretches(_blocks(path), _longest",
                    r'_stretches((b.replace("\r\n", "\n") for b in _blocks(path)), _longest',
                )
            ],
            [
                Edit(
                    "_stretches(_blocks(path), _longest",
                    '_stretches(Path(path).open(encoding="utf-8"), _longest',
                )
            ],
        ],
    ),
    Mistake(
        id="file_line_by_line",
        sentence="encode_file encodes each line alone.",
        why="white space that goes on in the next line is one run, and gives other ids.",
        contract="encode_file",
        section="files-of-ids",
        hints=(
            "What are the ids of two line ends in a row?",
            "A line end is not a place where the text can be cut: the run may go on.",
            "Cut the file where encode_iterable cuts its strings.",
        ),
        base="naive",
        ways=[[Edit(FILE_TEXTS, 'Path(path).open(encoding="utf-8", newline="\\n")')]],
    ),
    Mistake(
        id="file_byte_order_mark_dropped",
        sentence="encode_file leaves out the byte order mark at the beginning of a file.",
        why="the file is to be read as it is; encode of its text gives these ids as well.",
        contract="encode_file",
        section="files-of-ids",
        hints=(
            "Which character do three of the four first bytes of the file spell?",
            "The codec utf-8-sig swallows U+FEFF at the beginning.",
            'Decode with "utf-8".',
        ),
        base="naive",
        ways=[
            [
                Edit(
                    "_stretches(_blocks(path), _longest",
                    '_stretches((b.removeprefix("\\ufeff") for b in _blocks(path)), _longest',
                )
            ]
        ],
    ),
    Mistake(
        id="encode_file_reads_whole_file",
        sentence="encode_file needs more memory for a longer file.",
        why="a corpus does not fit in memory, and its ids do not either.",
        contract="encode_file",
        section="large-files",
        hints=(
            "Which object grows with the file: the text, or the list of ids?",
            "Neither needs to be there as a whole; ids can be written as they come.",
            "Read a piece, encode it, write its ids, and let both go.",
        ),
        base="naive",
        ways=[
            [Edit(FILE_TEXTS, '["".join(_blocks(path))]')],
            [
                Edit(
                    'arrays = (np.array(tokenizer.encode(text), dtype.newbyteorder("<")) '
                    "for text in texts)",
                    "ids = [token_id for text in texts for token_id in tokenizer.encode(text)]\n"
                    '    arrays = [np.array(ids, dtype.newbyteorder("<"))]',
                )
            ],
        ],
    ),
    Mistake(
        id="file_written_in_place",
        sentence="encode_file overwrites the old ids before the new ones are complete.",
        why="when it fails in the middle, neither the old nor the new ids are there.",
        contract="encode_file",
        section="files-of-ids",
        hints=(
            "What is in `out` after encode_file has failed at a broken byte?",
            "Opening a file for writing empties it at once.",
            "Write to a file beside it, and rename that once all ids are written.",
        ),
        base="naive",
        ways=[
            [
                Edit(
                    WRITE,
                    'with Path(out).open("wb") as file:\n'
                    "        size = sum(file.write(array.tobytes()) for array in arrays)",
                )
            ]
        ],
    ),
    Mistake(
        id="file_always_uint16",
        sentence="encode_file writes uint16, whatever the vocabulary.",
        why="ids beyond 65,535 do not fit, and for 256 tokens half of the file is zeros.",
        contract="encode_file",
        section="files-of-ids",
        hints=(
            "Which type holds the id 65,536, and which is enough for 255?",
            "The type follows from the greatest id of the vocabulary.",
            "Take np.min_scalar_type of the greatest id.",
        ),
        base="naive",
        ways=[[Edit(DTYPE, 'np.dtype("uint16")')]],
    ),
    Mistake(
        id="file_always_uint32",
        sentence="encode_file writes uint32, whatever the vocabulary.",
        why="the file is twice or four times as long as it needs to be.",
        contract="encode_file",
        section="files-of-ids",
        hints=(
            "How many bytes does an id below 65,536 need?",
            "The type follows from the greatest id of the vocabulary.",
            "Take np.min_scalar_type of the greatest id.",
        ),
        base="naive",
        ways=[[Edit(DTYPE, 'np.dtype("uint32")')]],
    ),
    Mistake(
        id="file_type_from_vocab_size",
        sentence="encode_file takes the type from the number of tokens, not the greatest id.",
        why="ids may have gaps and not fit; and 256 tokens, ids 0 to 255, fit in one byte.",
        contract="encode_file",
        section="files-of-ids",
        hints=(
            "What is the greatest id of a vocabulary of 256 tokens?",
            "The number of tokens is one more than the greatest id, or less if ids have gaps.",
            "Take np.min_scalar_type(max(vocab)).",
        ),
        base="naive",
        ways=[[Edit(DTYPE, "np.min_scalar_type(len(tokenizer.vocab))")]],
    ),
    Mistake(
        id="open_tokens_reads_all",
        sentence="open_tokens reads all ids into memory; it should map the file.",
        why="the ids of a corpus do not fit in memory, and training needs a few at a time.",
        contract="open_tokens",
        section="files-of-ids",
        hints=(
            "What type has the array that open_tokens returns?",
            "np.fromfile and np.frombuffer read everything; a map reads what is looked at.",
            'Return np.memmap(path, dtype, mode="r").',
        ),
        base="naive",
        ways=[
            [Edit(MAPPED, "return np.fromfile(path, dtype)")],
            [Edit(MAPPED, "return np.frombuffer(Path(path).read_bytes(), dtype)")],
        ],
    ),
    Mistake(
        id="open_tokens_writable",
        sentence="The ids that open_tokens returns can be written to; they should be read-only.",
        why="one assignment by mistake changes the corpus on the disk.",
        contract="open_tokens",
        section="files-of-ids",
        hints=(
            "What does ids.flags.writeable say?",
            'np.memmap opens a file for writing as well unless told, by "r+".',
            'Open it with mode="r".',
        ),
        base="naive",
        ways=[
            [Edit(MAPPED, 'return np.memmap(path, dtype, mode="r+")')],
            [Edit(MAPPED, 'return np.memmap(path, dtype, mode="c")')],
        ],
    ),
]
