"""What people get wrong in stage 03."""

from groundup.catalogue import Edit, Mistake

SCORES = "q / math.sqrt(q.shape[-1]) @ k.mT"

MASKED = """\
    sees_something = mask.any(dim=-1, keepdim=True)
    forbidden = scores.new_zeros(mask.shape).masked_fill(sees_something & ~mask, -torch.inf)
    return softmax(scores + forbidden, dim=-1) @ v * sees_something
"""

TURN = """\
        wide = x.float()
        quarter_turn = torch.stack([-wide[..., 1::2], wide[..., 0::2]], dim=-1).flatten(-2)
        return (wide * self.cos[positions] + quarter_turn * self.sin[positions]).to(x.dtype)
"""

PAIRED_TURN = """\
        wide = x.float()
        cos, sin = self.cos[positions][..., ::2], self.sin[positions][..., ::2]
        first, second = wide[..., 0::2], wide[..., 1::2]
"""

FREQUENCIES = "self.theta ** (-torch.arange(0, self.d_head, 2, device=device) / self.d_head)"
PAIRS = '"position, pair -> position (pair 2)"'
HALVES = '"position, pair -> position (2 pair)"'
QUARTER_TURN = "torch.stack([-wide[..., 1::2], wide[..., 0::2]], dim=-1).flatten(-2)"
HALF_SPLIT_TURN = "torch.cat([-wide.chunk(2, dim=-1)[1], wide.chunk(2, dim=-1)[0]], dim=-1)"
COS_AND_SIN = "wide * self.cos[positions] + quarter_turn * self.sin[positions]"

SPLIT = "proj(x).view(heads).transpose(-3, -2)"
SPLIT_INTERLEAVED = "proj(x).unflatten(-1, (-1, self.num_heads)).movedim(-1, -3)"
JOIN = "attended.transpose(-3, -2).flatten(-2)"
JOIN_INTERLEAVED = "attended.movedim(-3, -1).flatten(-2)"
CAUSAL = "torch.ones(seq, seq, dtype=torch.bool, device=x.device).tril()"
ATTEND = "attended = scaled_dot_product_attention(q, k, v, mask)"
TURNED = "q, k = self.rope(q, every_head), self.rope(k, every_head)"
DEFAULT_POSITIONS = """\
        if positions is None:
            positions = torch.arange(seq, device=x.device)
"""
PROJECTIONS = "".join(
    f"        self.{name}_proj = Linear(d_model, d_model, device=device, dtype=dtype)\n"
    for name in "qkvo"
)
ROPE_AND_CACHE = """\
        if self.rope is not None:
            every_head = positions[..., None, :]
            q, k = self.rope(q, every_head), self.rope(k, every_head)
        if cache is None:
            mask = torch.ones(seq, seq, dtype=torch.bool, device=x.device).tril()
        else:
            k, v, mask = cache.update(k, v, positions)
"""


def fill(where: str, score: str) -> str:
    """The masked softmax of somebody who does not think of rows without a key."""
    return (
        f"    scores = scores.masked_fill({where}, {score})\n"
        "    return softmax(scores, dim=-1) @ v\n"
    )


def shared_anew(total: str) -> str:
    """Masked after softmax, each row divided by `total`."""
    return (
        "    weights = softmax(scores, dim=-1) * mask\n"
        "    total = weights.sum(dim=-1, keepdim=True)\n"
        f"    return weights / {total} @ v\n"
    )


MISTAKES = [
    Mistake(
        id="scores_not_scaled",
        sentence="Your output is what attention gives without dividing the scores by √d_head.",
        why="scores grow with d_head, softmax saturates, and its gradient vanishes.",
        contract="scaled_dot_product_attention",
        section="scaling",
        hints=(
            "How large does a dot product of two random vectors get as d_head grows?",
            "Between the product of queries and keys and the softmax, one operation is missing.",
            "Divide the scores by math.sqrt(d_head), the size of the last axis of q.",
        ),
        ways=[[Edit(SCORES, "q @ k.mT")]],
    ),
    Mistake(
        id="scores_scaled_by_d_head",
        sentence="Your output is what attention gives with scores divided by d_head, not √d_head.",
        why="scores that are too small make every query attend to everything alike.",
        contract="scaled_dot_product_attention",
        section="scaling",
        hints=(
            "What is the standard deviation of a sum of d_head products, and what its variance?",
            "You divide by the variance; the standard deviation is its square root.",
            "Divide the scores by math.sqrt(d_head), not by d_head.",
        ),
        ways=[[Edit(SCORES, "q / q.shape[-1] @ k.mT")]],
    ),
    Mistake(
        id="scores_multiplied_by_sqrt_d_head",
        sentence="Your scores are multiplied by √d_head where they should be divided by it.",
        why="it widens what the formula narrows: softmax chooses one key and stops learning.",
        contract="scaled_dot_product_attention",
        section="scaling",
        hints=(
            "As d_head grows, should the factor on the scores grow or shrink?",
            "The spread of a dot product is √d_head already; the factor has to undo that.",
            "Write / math.sqrt(d_head), or * d_head**-0.5 with the minus sign.",
        ),
        ways=[[Edit(SCORES, "q * math.sqrt(q.shape[-1]) @ k.mT")]],
    ),
    Mistake(
        id="scores_scaled_by_another_size",
        sentence="Your scores are divided by the root of some other size than d_head.",
        why="the spread of a score comes from d_head alone, whatever the sizes around it.",
        contract="scaled_dot_product_attention",
        section="scaling",
        hints=(
            "Over how many products does one dot product of a query and a key sum?",
            "The second to last axis counts positions, and the values take no part in a score.",
            "d_head is q.shape[-1].",
        ),
        ways=[
            [Edit(SCORES, "q / math.sqrt(k.shape[-2]) @ k.mT")],
            [Edit(SCORES, "q / math.sqrt(q.shape[-2]) @ k.mT")],
            [Edit(SCORES, "q / math.sqrt(v.shape[-1]) @ k.mT")],
        ],
    ),
    Mistake(
        id="scores_scaled_by_whole_root",
        sentence="You round √d_head to a whole number before you divide the scores by it.",
        why="for a d_head of 8 that is 2 or 3 instead of 2.83, and softmax gets other scores.",
        contract="scaled_dot_product_attention",
        section="scaling",
        hints=(
            "What is the root of a d_head of 6, and by what do you divide?",
            "Only for 4, 9, 16, … is the root a whole number.",
            "Divide by math.sqrt(d_head), without int, round or math.isqrt.",
        ),
        ways=[
            [Edit(SCORES, "q / int(math.sqrt(q.shape[-1])) @ k.mT")],
            [Edit(SCORES, "q / round(math.sqrt(q.shape[-1])) @ k.mT")],
            [Edit(SCORES, "q / math.ceil(math.sqrt(q.shape[-1])) @ k.mT")],
        ],
    ),
    Mistake(
        id="weights_scaled_after_softmax",
        sentence="You divide by √d_head after softmax; it is the scores that are divided.",
        why="softmax saturates as if nothing were scaled, and the weights do not sum to 1.",
        contract="scaled_dot_product_attention",
        section="scaling",
        hints=(
            "To what do the weights of one query sum in your attention?",
            "The division is there to keep softmax soft, so it must come first.",
            "Divide q @ k.mT by math.sqrt(d_head), and give the quotient to softmax.",
        ),
        ways=[
            [
                Edit(SCORES, "q @ k.mT"),
                Edit("softmax(scores, dim=-1) @ v", "softmax(scores, -1) @ v / q.shape[-1] ** 0.5"),
                Edit(
                    "dim=-1) @ v * sees_something",
                    "dim=-1) @ v * sees_something / q.shape[-1] ** 0.5",
                ),
            ]
        ],
    ),
    Mistake(
        id="softmax_over_queries",
        sentence="Your softmax runs over the queries; each query has to share out 1 over its keys.",
        why="how much one position reads then depends on all others, later ones among them.",
        contract="scaled_dot_product_attention",
        section="scaling",
        hints=(
            "Which sums of your weights are 1: those of the rows or those of the columns?",
            "Scores have the shape (..., queries, keys), and softmax goes over the keys.",
            "Call softmax with dim=-1.",
        ),
        ways=[
            [
                Edit("softmax(scores, dim=-1)", "softmax(scores, dim=-2)"),
                Edit("softmax(scores + forbidden, dim=-1)", "softmax(scores + forbidden, dim=-2)"),
            ],
            [
                Edit("softmax(scores, dim=-1)", "softmax(scores, dim=-2)"),
                Edit(
                    MASKED,
                    fill("~mask", "-torch.inf").replace("dim=-1", "dim=-2"),
                ),
            ],
        ],
    ),
    Mistake(
        id="scores_transposed",
        sentence="You multiply keys by queries: your scores are transposed.",
        why="each row then holds who looks at one key, not what one query looks at.",
        contract="scaled_dot_product_attention",
        section="scaling",
        hints=(
            "What shape do scores have for 4 queries and 5 keys?",
            "A row of scores belongs to one query, a column to one key.",
            "Multiply q by k.mT, in this order.",
        ),
        ways=[[Edit(SCORES, "k / math.sqrt(q.shape[-1]) @ q.mT")]],
    ),
    Mistake(
        id="mask_inverted",
        sentence="You read the mask the wrong way round: here True means that a query may attend.",
        why="every query sees what it must not, and nothing of what it may.",
        contract="scaled_dot_product_attention",
        section="masking",
        hints=(
            "What does a True in the mask mean in the contract?",
            "-inf belongs where the mask is False.",
            "Fill the scores with -inf at ~mask, not at mask.",
        ),
        ways=[
            [Edit(MASKED, fill("mask", "-torch.inf"))],
            [Edit("    sees_something =", "    mask = ~mask\n    sees_something =")],
            # In both places, as nn.MultiheadAttention has it: then only other masks show it.
            [Edit(MASKED, fill("mask", "-torch.inf")), Edit(CAUSAL, f"~{CAUSAL}")],
            [
                Edit("    sees_something =", "    mask = ~mask\n    sees_something ="),
                Edit(CAUSAL, f"~{CAUSAL}"),
            ],
        ],
    ),
    Mistake(
        id="mask_score_zero",
        sentence="Your masked scores become 0, which is an average score and not a forbidden one.",
        why="exp(0) is 1, so what is masked still gets a weight, and the future leaks.",
        contract="scaled_dot_product_attention",
        section="masking",
        hints=(
            "Which score gives a key a weight of exactly 0 after softmax?",
            "0, or a tiny number, is a score like any other. Only -inf has the exponential 0.",
            "Fill the scores with -torch.inf where the mask is False.",
        ),
        ways=[
            [Edit(MASKED, fill("~mask", "0.0"))],
            [Edit(MASKED, fill("~mask", "-1e-9"))],
            [Edit(MASKED, "    return softmax(scores * mask, dim=-1) @ v\n")],
            [
                Edit("(sees_something & ~mask, -torch.inf)", "(~mask, 0.0)"),
                Edit("scores + forbidden", "scores * mask + forbidden"),
            ],
        ],
    ),
    Mistake(
        id="mask_after_softmax",
        sentence="You mask after softmax: the weights that are left no longer sum to 1.",
        why="what is masked has taken its share of each row already, and so the mixture shrinks.",
        contract="scaled_dot_product_attention",
        section="masking",
        hints=(
            "To what do the weights of a query sum that sees two keys of five?",
            "Softmax has to share out 1 among the allowed keys only, so it must know them.",
            "Put -inf into the scores before softmax; do not multiply the weights by the mask.",
        ),
        ways=[
            [Edit(MASKED, "    return softmax(scores, dim=-1) * mask @ v\n")],
            [
                Edit(
                    MASKED,
                    "    return softmax(scores, dim=-1).masked_fill(~mask, 0.0) @ v\n",
                )
            ],
        ],
    ),
    Mistake(
        id="mask_after_softmax_shared_anew",
        sentence="You mask after softmax and divide by what is left, which may be nothing.",
        why="beside a far larger forbidden score, allowed keys have lost their weights by then.",
        contract="scaled_dot_product_attention",
        section="masking",
        hints=(
            "A forbidden key has a score of 200, the allowed ones of 1: what is left of them?",
            "e^-200 is 0 in float32, and no division brings it back.",
            "Put -inf into the scores before softmax; do not multiply the weights by the mask.",
        ),
        ways=[
            [Edit(MASKED, shared_anew("torch.where(total > 0, total, 1.0)"))],
            [Edit(MASKED, shared_anew("total"))],
        ],
    ),
    Mistake(
        id="mask_added",
        sentence="You add the mask's True and False to the scores as 1 and 0.",
        why="a masked key then has a score smaller by 1, and most of its weight is still there.",
        contract="scaled_dot_product_attention",
        section="masking",
        hints=(
            "By how much does your mask change a forbidden score?",
            "A mask that is added has to hold 0 where a query may attend, and -inf where not.",
            "Use scores.masked_fill(~mask, -torch.inf) instead of adding the mask.",
        ),
        ways=[
            [Edit(MASKED, "    return softmax(scores + mask.to(scores.dtype), dim=-1) @ v\n")],
            [
                Edit("scores + forbidden", "scores + mask"),
            ],
        ],
    ),
    Mistake(
        id="attention_mask_ignored",
        sentence="Your attention takes a mask and does not use it: every query sees every key.",
        why="the model sees the token it is asked to predict.",
        contract="scaled_dot_product_attention",
        section="masking",
        hints=(
            "Does your result change if the mask does?",
            "A call like scores.masked_fill(…) gives a new tensor, and leaves scores as they were.",
            "Keep what it gives: scores = scores.masked_fill(~mask, -torch.inf).",
        ),
        ways=[
            [Edit(MASKED, "    return softmax(scores, dim=-1) @ v\n")],
            [
                Edit(
                    MASKED,
                    "    scores.masked_fill(~mask, -torch.inf)\n"
                    "    return softmax(scores, dim=-1) @ v\n",
                )
            ],
        ],
    ),
    Mistake(
        id="empty_row_nan",
        sentence="A query that may attend to nothing gets NaN from you; the contract says zeros.",
        why="one padded row makes the loss NaN, and after one step every weight.",
        contract="scaled_dot_product_attention",
        section="rows-with-nothing-to-attend-to",
        hints=(
            "What is softmax of a row of nothing but -inf?",
            "Which rows of the mask have no True at all is known before softmax: mask.any(dim=-1).",
            "Leave such rows unmasked in the scores, and multiply their result by 0.",
        ),
        ways=[[Edit(MASKED, fill("~mask", "-torch.inf"))]],
    ),
    Mistake(
        id="empty_row_mixes",
        sentence="A query that may attend to nothing gets a mixture of all values, not zeros.",
        why="it reads from every key that it was forbidden.",
        contract="scaled_dot_product_attention",
        section="rows-with-nothing-to-attend-to",
        hints=(
            "What does softmax make of a row in which all scores are -1e9?",
            "A large negative number forbids only beside larger ones; a row of it is uniform.",
            "Multiply the result by mask.any(dim=-1, keepdim=True).",
        ),
        ways=[
            [Edit(MASKED, fill("~mask", "-1e9"))],
            [Edit(MASKED, fill("~mask", "torch.finfo(scores.dtype).min"))],
            [Edit("dim=-1) @ v * sees_something", "dim=-1) @ v")],
        ],
    ),
    Mistake(
        id="empty_row_nan_gradient",
        sentence="You hide the NaN of an empty row in the result, but it is still in the gradient.",
        why="0 · NaN is NaN, so the first step backward makes every weight NaN.",
        contract="scaled_dot_product_attention",
        section="rows-with-nothing-to-attend-to",
        hints=(
            "Your result is finite. Are the gradients of q, k and v?",
            "Going backward, autograd passes through the softmax whose NaN you replaced.",
            "Never fill a whole row with -inf: leave rows without a True open, then erase them.",
        ),
        ways=[
            [
                Edit(
                    MASKED,
                    fill("~mask", "-torch.inf").replace("return", "mixed =")
                    + "    return torch.where(mask.any(dim=-1, keepdim=True), mixed, 0.0)\n",
                )
            ],
            [
                Edit("(sees_something & ~mask, -torch.inf)", "(~mask, -torch.inf)"),
                Edit("dim=-1) @ v * sees_something", "dim=-1).nan_to_num(0.0) @ v"),
            ],
        ],
    ),
    Mistake(
        id="attention_changes_queries",
        sentence="You scale the queries in place, and so change the tensor your caller gave you.",
        why="whoever uses q again, in a second call or a cache, gets it divided once more.",
        contract="scaled_dot_product_attention",
        section="masking",
        hints=(
            "Is q after the call what it was before?",
            "Operations such as /=, div_ and mul_ write into the tensor they are called on.",
            "Write q = q / …, which makes a new tensor, instead of q /= ….",
        ),
        ways=[
            [
                Edit(
                    f"    scores = {SCORES}",
                    "    with torch.no_grad():\n"
                    "        q /= math.sqrt(q.shape[-1])\n"
                    "    scores = q @ k.mT",
                )
            ]
        ],
    ),
    Mistake(
        id="attention_changes_mask",
        sentence="You write into the mask that your caller gave you.",
        why="the same mask serves every layer, and the next one gets the changed one.",
        contract="scaled_dot_product_attention",
        section="masking",
        hints=(
            "Is the mask after the call what it was before?",
            "Rows that are opened to keep NaN away have to be opened in a copy.",
            "Write mask = mask | …, which makes a new tensor, instead of mask |= ….",
        ),
        ways=[
            [
                Edit(
                    MASKED,
                    "    sees_something = mask.any(dim=-1, keepdim=True)\n"
                    "    mask |= ~sees_something\n"
                    "    scores = scores.masked_fill(~mask, -torch.inf)\n"
                    "    return softmax(scores, dim=-1) @ v * sees_something\n",
                )
            ]
        ],
    ),
    Mistake(
        id="attention_stays_in_float32",
        sentence="Your attention casts to float32 inside and does not cast its result back.",
        why="o_proj of a bfloat16 model then meets float32, and a float64 check loses its digits.",
        contract="scaled_dot_product_attention",
        section="precision-and-devices",
        hints=(
            "Which dtype do you return for bfloat16 values?",
            "What is cast up for softmax has to come down again before it leaves.",
            "End with .to(v.dtype).",
        ),
        ways=[
            [
                Edit(
                    f"    scores = {SCORES}",
                    f"    q, k, v = q.float(), k.float(), v.float()\n    scores = {SCORES}",
                )
            ]
        ],
    ),
    Mistake(
        id="rope_half_split",
        sentence="You turn coordinates i and i + d_head/2 together; ours are the pairs (2i, 2i+1).",
        why="a model trained with one layout reads garbage with the other, without an error.",
        contract="RotaryEmbedding.forward",
        section="adjacent-pairs",
        hints=(
            "Which coordinates of the vector (1, 0, 0, 0) change when you turn it?",
            "There are two layouts. Yours is that of GPT-NeoX; ours is that of the paper.",
            "Pair x[..., 0::2] with x[..., 1::2], and interleave the results again.",
        ),
        ways=[[Edit(PAIRS, HALVES), Edit(QUARTER_TURN, HALF_SPLIT_TURN)]],
    ),
    Mistake(
        id="rope_mixed_layouts",
        sentence="Your angles are laid out for one pairing of coordinates, your turn for another.",
        why="that is no rotation: lengths change, and scores no longer depend on distance alone.",
        contract="RotaryEmbedding",
        section="adjacent-pairs",
        hints=(
            "Has each pair the same length before and after?",
            "Both coordinates of a pair need the same angle: compare the table with the turn.",
            "For pairs (2i, 2i+1) repeat each angle twice in a row: repeat_interleave(2, dim=-1).",
        ),
        ways=[[Edit(PAIRS, HALVES)], [Edit(QUARTER_TURN, HALF_SPLIT_TURN)]],
    ),
    Mistake(
        id="rope_output_not_interleaved",
        sentence="You return all turned even coordinates first, and then all odd ones.",
        why="scores are the same, so that all looks well until you load somebody's weights.",
        contract="RotaryEmbedding.forward",
        section="adjacent-pairs",
        hints=(
            "What does your RoPE make of a vector at position 0, where nothing turns?",
            "The turned coordinates have to stand where they came from: even, odd, even, odd.",
            "Use torch.stack([even, odd], dim=-1).flatten(-2) instead of torch.cat.",
        ),
        ways=[
            [
                Edit(
                    TURN,
                    PAIRED_TURN
                    + "        turned = [first * cos - second * sin, first * sin + second * cos]\n"
                    "        return torch.cat(turned, dim=-1).to(x.dtype)\n",
                )
            ]
        ],
    ),
    Mistake(
        id="rope_frequencies_from_one",
        sentence="Your exponents begin with pair 1: the first pair has to have exponent 0.",
        why="every pair turns with the frequency of its neighbour, and the fastest is missing.",
        contract="RotaryEmbedding",
        section="frequencies-and-positions",
        hints=(
            "By which angle does your first pair turn at position 1? It should be 1 radian.",
            "The paper counts pairs from 1 and subtracts 1 again; arange counts from 0.",
            "The exponents are -2i / d_head for i = 0 … d_head/2 - 1.",
        ),
        ways=[
            [
                Edit(
                    "torch.arange(0, self.d_head, 2, device=device)",
                    "torch.arange(2, self.d_head + 1, 2, device=device)",
                )
            ]
        ],
    ),
    Mistake(
        id="rope_positions_from_one",
        sentence="You count positions from 1: position 0 is turned, and should stay as it was.",
        why="scores are the same, so that nothing shows until keys come from other code.",
        contract="RotaryEmbedding",
        section="frequencies-and-positions",
        hints=(
            "What does your RoPE make of a vector at position 0?",
            "The angle is m·ω with m the position as given, and 0 · ω is 0.",
            "Begin the table with position 0: torch.arange(max_seq_len).",
        ),
        ways=[
            [
                Edit(
                    "torch.arange(self.max_seq_len, device=device)",
                    "torch.arange(1, self.max_seq_len + 1, device=device)",
                )
            ],
            [
                Edit(
                    "        wide = x.float()\n",
                    "        positions = positions + 1\n        wide = x.float()\n",
                )
            ],
        ],
    ),
    Mistake(
        id="rope_exponent_doubled",
        sentence="Your exponents run to -2: you divide 2i by d_head/2, where it should be d_head.",
        why="most pairs hardly turn at all, and cannot tell positions apart.",
        contract="RotaryEmbedding",
        section="frequencies-and-positions",
        hints=(
            "Which frequency has your last pair? It should be a little more than 1 / theta.",
            "Either 2i / d_head or i / (d_head/2): the factor of 2 comes once.",
            "Divide torch.arange(0, d_head, 2) by d_head.",
        ),
        ways=[
            [
                Edit(
                    f"{FREQUENCIES}", FREQUENCIES.replace("/ self.d_head)", "/ (self.d_head // 2))")
                )
            ],
        ],
    ),
    Mistake(
        id="rope_exponent_halved",
        sentence="Your exponents are -i / d_head where they should be -2i / d_head.",
        why="the slow pairs turn too fast, and far positions look alike.",
        contract="RotaryEmbedding",
        section="frequencies-and-positions",
        hints=(
            "Which frequency has your last pair? It should be a little more than 1 / theta.",
            "Pair i stands at coordinate 2i, and it is 2i that goes into the exponent.",
            "Count with torch.arange(0, d_head, 2), and divide by d_head.",
        ),
        ways=[
            [
                Edit(
                    "torch.arange(0, self.d_head, 2, device=device)",
                    "torch.arange(self.d_head // 2, device=device)",
                )
            ]
        ],
    ),
    Mistake(
        id="rope_exponent_positive",
        sentence="Your frequencies grow from pair to pair: the exponent of theta lacks its minus.",
        why="neighbouring positions differ by many whole turns, which looks like noise.",
        contract="RotaryEmbedding",
        section="frequencies-and-positions",
        hints=(
            "Which of your pairs turns fastest? It should be the first.",
            "Frequencies fall from 1 towards 1 / theta.",
            "Write theta ** (-2i / d_head), or divide 1 by what you have.",
        ),
        ways=[[Edit("self.theta ** (-torch.arange", "self.theta ** (torch.arange")]],
    ),
    Mistake(
        id="rope_one_frequency",
        sentence="All of your pairs turn alike, by one radian per position.",
        why="after six positions the turns repeat, and there is no slow hand to tell how far.",
        contract="RotaryEmbedding",
        section="frequencies-and-positions",
        hints=(
            "Print your frequencies: how many different ones are there?",
            "Each pair needs its own exponent. Is one of your divisions a // that rounds to 0?",
            "The frequencies are theta ** (-torch.arange(0, d_head, 2) / d_head).",
        ),
        ways=[
            [Edit(FREQUENCIES, FREQUENCIES.replace("(-torch", "-(torch").replace(" / ", " // "))]
        ],
    ),
    Mistake(
        id="rope_turns_backwards",
        sentence="You turn by -m·ω: clockwise, where RoPE turns counter-clockwise.",
        why="a model trained like this is as good, but weights and caches do not fit any other.",
        contract="RotaryEmbedding.forward",
        section="frequencies-and-positions",
        hints=(
            "Where does (1, 0) go at position 1? It should be (cos 1, sin 1).",
            "The sign of the sine is the other way round in both rows of the matrix.",
            "x cos a - y sin a, and x sin a + y cos a.",
        ),
        ways=[
            [Edit("[-wide[..., 1::2], wide[..., 0::2]]", "[wide[..., 1::2], -wide[..., 0::2]]")],
            [Edit("quarter_turn * self.sin[positions]", "quarter_turn * -self.sin[positions]")],
        ],
    ),
    Mistake(
        id="rope_cos_sin_swapped",
        sentence="Sine and cosine have changed places in your turn.",
        why="it turns by 90° - a: position 0 is not left alone, and later ones turn backwards.",
        contract="RotaryEmbedding.forward",
        section="frequencies-and-positions",
        hints=(
            "What does your RoPE make of (1, 0) at position 0?",
            "At angle 0 the cosine is 1 and the sine 0; which of them belongs to x itself?",
            "x cos a - y sin a, and x sin a + y cos a.",
        ),
        ways=[
            [Edit(COS_AND_SIN, "wide * self.sin[positions] + quarter_turn * self.cos[positions]")],
            [
                Edit('"cos", angles.cos()', '"cos", angles.sin()'),
                Edit('"sin", angles.sin()', '"sin", angles.cos()'),
            ],
        ],
    ),
    Mistake(
        id="rope_sign_lost",
        sentence="A minus is missing in your turn: the first of a pair becomes x cos a - y sin a.",
        why="that is no rotation: lengths change, and scores no longer depend on distance alone.",
        contract="RotaryEmbedding.forward",
        section="frequencies-and-positions",
        hints=(
            "Has each pair the same length before and after?",
            "A rotation matrix has two sines, one of them with a minus.",
            "Write the first coordinate as x cos a - y sin a.",
        ),
        ways=[[Edit("[-wide[..., 1::2], wide[..., 0::2]]", "[wide[..., 1::2], wide[..., 0::2]]")]],
    ),
    Mistake(
        id="rope_uses_turned_coordinate",
        sentence="You compute the second coordinate of a pair from the first one's new value.",
        why="that is no rotation: lengths change, and scores no longer depend on distance alone.",
        contract="RotaryEmbedding.forward",
        section="adjacent-pairs",
        hints=(
            "Which x stands in the formula for the new y: the old one or the new one?",
            "If you write the new even coordinates into x, what you read next is no longer x.",
            "Compute both new coordinates from the old ones before you store either.",
        ),
        ways=[
            [
                Edit(
                    TURN,
                    PAIRED_TURN + "        first = first * cos - second * sin\n"
                    "        second = first * sin + second * cos\n"
                    "        return torch.stack([first, second], dim=-1).flatten(-2).to(x.dtype)\n",
                )
            ]
        ],
    ),
    Mistake(
        id="rope_changes_its_input",
        sentence="Your RoPE writes the turned coordinates into the tensor it was given.",
        why="whoever still needs the vectors as they were, gets turned ones.",
        contract="RotaryEmbedding.forward",
        section="adjacent-pairs",
        hints=(
            "Is x after the call what it was before?",
            "x.float() of a float32 tensor is no copy, and an assignment to a slice writes into x.",
            "Put the result together with torch.stack, or write into torch.empty_like(x).",
        ),
        ways=[
            [
                Edit(
                    TURN,
                    PAIRED_TURN
                    + "        turned = first * cos - second * sin, first * sin + second * cos\n"
                    "        wide[..., 0::2], wide[..., 1::2] = turned\n"
                    "        return wide.to(x.dtype)\n",
                )
            ]
        ],
    ),
    Mistake(
        id="rope_ignores_positions",
        sentence="Your RoPE turns by 0, 1, 2, … and does not look at the positions it is given.",
        why="a cached model turns each new token as if it were the first.",
        contract="RotaryEmbedding.forward",
        section="frequencies-and-positions",
        hints=(
            "Does your result change if the positions do?",
            "Positions may begin anywhere, repeat and have gaps: they are an index into the table.",
            "Look the angles up with cos[positions], not with cos[:seq].",
        ),
        ways=[
            [
                Edit(
                    COS_AND_SIN,
                    "wide * self.cos[: x.shape[-2]] + quarter_turn * self.sin[: x.shape[-2]]",
                )
            ]
        ],
    ),
    Mistake(
        id="rope_positions_contiguous",
        sentence="Your RoPE looks at the first position only, and counts on from there.",
        why="positions with gaps or repetitions, as padding gives them, turn by wrong angles.",
        contract="RotaryEmbedding.forward",
        section="frequencies-and-positions",
        hints=(
            "By which angle does your RoPE turn the second vector at positions 3, 0, 7?",
            "A slice of the table is right for contiguous positions only.",
            "Look the angles up with cos[positions], not with cos[start : start + seq].",
        ),
        ways=[
            [
                Edit(
                    "        wide = x.float()\n",
                    "        counted = torch.arange(x.shape[-2], device=x.device)\n"
                    "        positions = positions[..., :1] + counted\n"
                    "        wide = x.float()\n",
                )
            ]
        ],
    ),
    Mistake(
        id="rope_first_row_for_all",
        sentence="Your RoPE turns all sequences by the positions of the first one.",
        why="in a batch of prompts of different lengths, all but the first are turned wrongly.",
        contract="RotaryEmbedding.forward",
        section="frequencies-and-positions",
        hints=(
            "Two sequences with different positions: do you turn them differently?",
            "Positions of shape (batch, 1, seq) pick a row of the table for each sequence.",
            "Index the table with the whole of positions; the leading axes come along.",
        ),
        ways=[
            [
                Edit(
                    "        wide = x.float()\n",
                    "        positions = positions.reshape(-1, x.shape[-2])[0]\n"
                    "        wide = x.float()\n",
                )
            ]
        ],
    ),
    Mistake(
        id="rotary_theta_ignored",
        sentence="Your RoPE uses a theta of 10,000 whatever it is given.",
        why="models for long texts have a larger theta, and their weights go with it.",
        contract="RotaryEmbedding",
        section="frequencies-and-positions",
        hints=(
            "Does your result change if theta does?",
            "Somewhere the default stands as a number in the formula.",
            "Raise theta, the argument, to the power of -2i / d_head.",
        ),
        ways=[[Edit("self.theta ** (-torch", "10_000.0 ** (-torch")]],
    ),
    Mistake(
        id="rope_table_one_short",
        sentence="Your table ends one row early: the last position is max_seq_len - 1.",
        why="it fails at the very last token of a full context, and never before.",
        contract="RotaryEmbedding",
        section="frequencies-and-positions",
        hints=(
            "How many rows has your table, and how many positions are there below max_seq_len?",
            "arange leaves out its end by itself; there is no need to subtract 1.",
            "Count positions with torch.arange(max_seq_len).",
        ),
        ways=[
            [
                Edit(
                    "torch.arange(self.max_seq_len, device=device)",
                    "torch.arange(self.max_seq_len - 1, device=device)",
                )
            ]
        ],
    ),
    Mistake(
        id="rope_stops_gradient",
        sentence="No gradient passes your RoPE, so that nothing before it can learn.",
        why="q_proj and k_proj keep their first weights for ever, and the loss falls all the same.",
        contract="RotaryEmbedding.forward",
        section="precision-and-devices",
        hints=(
            "Which parameters of attention have a gradient after backward()?",
            "The angles need none, but x does.",
            "Take no_grad and detach away from forward, or keep them to making the table.",
        ),
        ways=[
            [Edit("        wide = x.float()\n", "        wide = x.detach().float()\n")],
            [
                Edit(
                    '    def forward(\n        self, x: Float[Tensor, "... seq d_head"]',
                    "    @torch.no_grad()\n"
                    '    def forward(\n        self, x: Float[Tensor, "... seq d_head"]',
                )
            ],
        ],
    ),
    Mistake(
        id="rope_tables_cast",
        sentence="The tables of your RoPE become bfloat16 when the model is cast to bfloat16.",
        why="sines and cosines of three digits turn a little wrongly, and change lengths.",
        contract="RotaryEmbedding",
        section="precision-and-devices",
        hints=(
            "Print the dtype of your table after rope.bfloat16().",
            "Casting a model casts all its floating-point buffers; back to float32 is too late.",
            "Make the table anew in _apply, or compute the angles from the positions on each call.",
        ),
        ways=[
            [
                Edit(
                    "        self._make_tables(self.cos.device)\n        return self",
                    "        return self",
                )
            ],
            [
                Edit(
                    "        self._make_tables(self.cos.device)\n",
                    "        self.cos, self.sin = self.cos.float(), self.sin.float()\n",
                )
            ],
        ],
    ),
    Mistake(
        id="rope_turns_in_input_dtype",
        sentence="Your RoPE turns bfloat16 vectors in bfloat16; the turn belongs in float32.",
        why="each product and each sum is rounded to three digits, the sines before them too.",
        contract="RotaryEmbedding.forward",
        section="precision-and-devices",
        hints=(
            "In which dtype do you multiply by the cosine if x is bfloat16?",
            "Cast x up before the turn, and the result down after it: rounded once.",
            "Begin with x.float() and end with .to(x.dtype); leave the tables float32.",
        ),
        ways=[
            [
                Edit("wide = x.float()", "wide = x"),
                Edit(
                    COS_AND_SIN,
                    "wide * self.cos[positions].to(x.dtype)"
                    " + quarter_turn * self.sin[positions].to(x.dtype)",
                ),
            ]
        ],
    ),
    Mistake(
        id="rope_returns_float32",
        sentence="Your RoPE returns float32 for a bfloat16 input; the result has the dtype of x.",
        why="turned queries then meet bfloat16 values, and the product of both is an error.",
        contract="RotaryEmbedding.forward",
        section="precision-and-devices",
        hints=(
            "Which dtype do you return for a bfloat16 input?",
            "What is cast up for the turn has to come down again.",
            "End with .to(x.dtype).",
        ),
        ways=[[Edit(f"({COS_AND_SIN}).to(x.dtype)", COS_AND_SIN)]],
    ),
    Mistake(
        id="rope_tables_in_state_dict",
        sentence="The tables of your RoPE are in the state dict.",
        why="a checkpoint grows by numbers that can be made again, and loads into no other length.",
        contract="RotaryEmbedding",
        section="precision-and-devices",
        hints=(
            "What does rope.state_dict() hold?",
            "A buffer is saved unless it is told not to be.",
            "Register it with persistent=False.",
        ),
        ways=[
            [
                Edit('"cos", angles.cos(), persistent=False', '"cos", angles.cos()'),
                Edit('"sin", angles.sin(), persistent=False', '"sin", angles.sin()'),
            ]
        ],
    ),
    Mistake(
        id="rope_tables_are_parameters",
        sentence="The tables of your RoPE are parameters; nothing in RoPE learns.",
        why="an optimizer that gets them decays them, and they are counted and saved as weights.",
        contract="RotaryEmbedding",
        section="precision-and-devices",
        hints=(
            "What does rope.parameters() give?",
            "A parameter is what is trained; a tensor that only belongs to a module is a buffer.",
            "Use register_buffer(…, persistent=False) instead of nn.Parameter.",
        ),
        ways=[
            [
                Edit(
                    'self.register_buffer("cos", angles.cos(), persistent=False)',
                    "self.cos = nn.Parameter(angles.cos(), requires_grad=False)",
                ),
                Edit(
                    'self.register_buffer("sin", angles.sin(), persistent=False)',
                    "self.sin = nn.Parameter(angles.sin(), requires_grad=False)",
                ),
            ]
        ],
    ),
    Mistake(
        id="rope_ignores_device",
        sentence="Your RoPE takes a device and makes its tables on the CPU all the same.",
        why="a model made on a GPU stops at its first forward pass.",
        contract="RotaryEmbedding",
        section="precision-and-devices",
        hints=(
            "Where are the tables of RotaryEmbedding(8, 16, device=…)?",
            "Every torch.arange and torch.empty makes its tensor on the CPU unless told.",
            "Hand device=device to each tensor that you make in __init__.",
        ),
        ways=[[Edit("        self._make_tables(device)\n", "        self._make_tables(None)\n")]],
    ),
    Mistake(
        id="rope_tables_do_not_move",
        sentence="The tables of your RoPE stay where they were made when the model moves.",
        why="model.to(device) moves parameters and buffers only, and the next call is an error.",
        contract="RotaryEmbedding",
        section="precision-and-devices",
        hints=(
            "Where are your tables after rope.to(device)?",
            "A tensor that is a plain attribute is not known to the module.",
            "Register it as a buffer, or move it to x.device where it is used.",
        ),
        ways=[
            [
                Edit(
                    'self.register_buffer("cos", angles.cos(), persistent=False)',
                    "self.cos = angles.cos()",
                ),
                Edit(
                    'self.register_buffer("sin", angles.sin(), persistent=False)',
                    "self.sin = angles.sin()",
                ),
            ]
        ],
    ),
    Mistake(
        id="rope_accepts_odd_width",
        sentence="Your RoPE accepts an odd d_head, where it should raise ValueError.",
        why="the last coordinate has no partner, and the error comes later from somewhere else.",
        contract="RotaryEmbedding",
        section="adjacent-pairs",
        hints=(
            "What should RotaryEmbedding(7, 16) do?",
            "Errors of the caller are told where they are made: in __init__.",
            "Raise ValueError with d_head in its message if d_head % 2 is not 0.",
        ),
        ways=[[Edit("        if d_head % 2:\n", "        if d_head < 1:\n")]],
    ),
    Mistake(
        id="causal_mask_missing",
        sentence="Your self-attention has no causal mask: every position sees the whole sequence.",
        why="the answer is in the input; the loss falls to nothing, and the model cannot write.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "Does your first output change if you change the last token?",
            "Query i may attend to the keys 0 … i: a lower triangle.",
            "Hand scaled_dot_product_attention a mask of torch.ones(seq, seq).bool().tril().",
        ),
        ways=[
            [Edit(f"mask = {CAUSAL}", "mask = None")],
            [Edit(CAUSAL, CAUSAL.removesuffix(".tril()"))],
        ],
    ),
    Mistake(
        id="causal_mask_sees_next",
        sentence="Your causal mask lets each position see the one after it.",
        why="the next token is what the model has to predict: it only has to copy it.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "Which keys does your query 0 see?",
            "The triangle ends at its diagonal: diagonal=1 is one column too far.",
            "Use tril() without an argument.",
        ),
        ways=[[Edit(CAUSAL, CAUSAL.replace("tril()", "tril(1)"))]],
    ),
    Mistake(
        id="causal_mask_excludes_self",
        sentence="Your causal mask forbids each position to see itself.",
        why="the first position sees nothing, and no token can use what it is.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "Which keys does your query 0 see?",
            "A position knows its own token; it is the next one that it has to predict.",
            "Keep the diagonal: tril(), or query >= key with the equals sign.",
        ),
        ways=[[Edit(CAUSAL, CAUSAL.replace("tril()", "tril(-1)"))]],
    ),
    Mistake(
        id="causal_mask_upside_down",
        sentence="Your causal mask is the upper triangle: each position sees only what is to come.",
        why="the model reads ahead, and has no past when it writes.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "Which keys does your last query see?",
            "Rows are queries, columns keys: the past is to the left of the diagonal.",
            "Use tril instead of triu; True means that a query may attend.",
        ),
        ways=[
            [Edit(CAUSAL, CAUSAL.replace("tril()", "triu()"))],
            [Edit(CAUSAL, CAUSAL.replace("tril()", "triu(1)"))],
        ],
    ),
    Mistake(
        id="causal_mask_by_positions",
        sentence="Your causal mask compares positions; what counts is the order in the sequence.",
        why="two tokens of the same position see each other, and the future leaks.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "Which keys does query 0 see if positions are 3, 0, 7?",
            "Positions are for RoPE alone; before means before in the sequence.",
            "Make the mask of seq alone, a lower triangle.",
        ),
        ways=[
            [Edit(CAUSAL, "positions[..., None, :, None] >= positions[..., None, None, :]")],
        ],
    ),
    Mistake(
        id="heads_split_without_transpose",
        sentence="You reshape straight to (heads, seq, d_head), which mixes positions with heads.",
        why="a head then holds pieces of several positions, later ones too, and no mask helps.",
        contract="CausalSelfAttention.forward",
        section="heads",
        hints=(
            "Which numbers of the projection are in row 0 of your head 1?",
            "A reshape keeps the order of numbers, so it can split an axis but not move one.",
            "Split into (seq, heads, d_head) first, then exchange seq and heads.",
        ),
        ways=[
            [Edit(SPLIT, "proj(x).reshape(*x.shape[:-2], self.num_heads, seq, -1)")],
            [
                Edit(SPLIT, "proj(x).reshape(*x.shape[:-2], self.num_heads, seq, -1)"),
                Edit(JOIN, "attended.reshape(x.shape)"),
            ],
        ],
    ),
    Mistake(
        id="heads_joined_without_transpose",
        sentence="You join the heads without moving their axis behind seq first.",
        why="each output is made of pieces of several positions, later ones too.",
        contract="CausalSelfAttention.forward",
        section="heads",
        hints=(
            "In which order do the axes stand when you flatten heads and d_head?",
            "It is the way back: seq and heads change places, then heads and d_head become one.",
            "Call .transpose(-3, -2) before the reshape to (..., seq, d_model).",
        ),
        ways=[[Edit(JOIN, "attended.reshape(x.shape)")]],
    ),
    Mistake(
        id="heads_interleaved",
        sentence="You split d_model into (d_head, heads); head h has its coordinates in a row.",
        why="trained like this it is as good, but weights of others are read in the wrong order.",
        contract="CausalSelfAttention.forward",
        section="heads",
        hints=(
            "Which coordinates of the projection belong to head 0?",
            "Head h has the coordinates from h·d_head to (h+1)·d_head.",
            "Split the last axis into (heads, d_head), and join it in the same order.",
        ),
        ways=[
            [
                Edit(SPLIT, SPLIT_INTERLEAVED),
                Edit(JOIN, JOIN_INTERLEAVED),
            ],
            [Edit(SPLIT, SPLIT_INTERLEAVED)],
        ],
    ),
    Mistake(
        id="heads_joined_interleaved",
        sentence="You join the heads as (d_head, heads); o_proj reads each head in a row.",
        why="trained like this it is as good, but weights of others are read in the wrong order.",
        contract="CausalSelfAttention.forward",
        section="heads",
        hints=(
            "Which coordinates of what o_proj reads come from head 0?",
            "Head h has the coordinates from h·d_head to (h+1)·d_head, as it had before.",
            "Bring the axes into the order (seq, heads, d_head) before the reshape.",
        ),
        ways=[[Edit(JOIN, JOIN_INTERLEAVED)]],
    ),
    Mistake(
        id="heads_not_split",
        sentence="You attend with one head of width d_model, whatever num_heads says.",
        why="a query has one set of weights instead of one for each head.",
        contract="CausalSelfAttention.forward",
        section="heads",
        hints=(
            "How many sets of weights does one query have?",
            "Each head attends by itself, so heads is an axis in front of seq.",
            "Split the last axis into (num_heads, d_head), and move the heads before seq.",
        ),
        ways=[
            [
                Edit("self.num_heads, -1)", "1, -1)"),
            ]
        ],
    ),
    Mistake(
        id="heads_of_unequal_width_accepted",
        sentence="You accept a d_model that num_heads does not divide; it should raise ValueError.",
        why="the error comes later, from a reshape that does not know why.",
        contract="CausalSelfAttention",
        section="heads",
        hints=(
            "What should CausalSelfAttention(10, 4) do?",
            "Errors of the caller are told where they are made: in __init__.",
            "Raise ValueError with both numbers in its message if d_model % num_heads is not 0.",
        ),
        ways=[[Edit("        if d_model % num_heads:\n", "        if d_model < num_heads:\n")]],
    ),
    Mistake(
        id="self_attention_scaled_by_d_model",
        sentence="In your self-attention the scores are divided by √d_model, not by √d_head.",
        why="with many heads the scores come out too small, and every query looks everywhere.",
        contract="CausalSelfAttention.forward",
        section="scaling",
        hints=(
            "How wide are the vectors whose dot product is a score?",
            "After the split into heads the width is d_head.",
            "Let scaled_dot_product_attention scale, or divide by math.sqrt(d_head).",
        ),
        ways=[
            [
                Edit(
                    ATTEND,
                    "scores = q @ k.mT / math.sqrt(x.shape[-1])\n"
                    "        weights = softmax(scores.masked_fill(~mask, -torch.inf), dim=-1)\n"
                    "        attended = weights @ v",
                )
            ]
        ],
    ),
    Mistake(
        id="self_attention_scaled_twice",
        sentence="Your scores are scaled twice: in self-attention, and once more in attention.",
        why="the scores come out too small by √d_head, and every query looks everywhere.",
        contract="CausalSelfAttention.forward",
        section="scaling",
        hints=(
            "How often is there a square root between q_proj and softmax?",
            "scaled_dot_product_attention scales already.",
            "Hand it the queries as they are.",
        ),
        ways=[[Edit(ATTEND, ATTEND.replace("(q, k", "(q / math.sqrt(q.shape[-1]), k"))]],
    ),
    Mistake(
        id="self_attention_without_o_proj",
        sentence="You return the joined heads without o_proj.",
        why="the heads lie side by side, and nothing mixes what they found.",
        contract="CausalSelfAttention.forward",
        section="heads",
        hints=(
            "Which of your four projections has no gradient?",
            "After the heads are joined, one more linear map follows.",
            "Return self.o_proj of the joined heads.",
        ),
        ways=[[Edit(f"self.o_proj({JOIN})", JOIN)]],
    ),
    Mistake(
        id="values_from_k_proj",
        sentence="Your values come from k_proj; v_proj is never used.",
        why="what a token offers and what it is found by are then the same.",
        contract="CausalSelfAttention.forward",
        section="heads",
        hints=(
            "Which of your four projections has no gradient?",
            "Three lines that look alike: read the one for the values again.",
            "Compute v with self.v_proj.",
        ),
        ways=[[Edit("self.k_proj, self.v_proj)", "self.k_proj, self.k_proj)")]],
    ),
    Mistake(
        id="queries_and_keys_swapped",
        sentence="Your queries come from k_proj and your keys from q_proj.",
        why="training from scratch cannot tell, but weights of others give garbage.",
        contract="CausalSelfAttention.forward",
        section="heads",
        hints=(
            "Which projection is for what asks, and which for what is looked at?",
            "Compare the order of the names on both sides of your assignment.",
            "Compute q with self.q_proj and k with self.k_proj.",
        ),
        ways=[[Edit("(self.q_proj, self.k_proj,", "(self.k_proj, self.q_proj,")]],
    ),
    Mistake(
        id="rope_turns_one_side",
        sentence="You turn the queries or the keys, but not both.",
        why="the angles do not cancel, and a score depends on the absolute position.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "Does your output change if all positions move on by 40?",
            "Only between two turned vectors is there a difference of angles.",
            "Give both q and k to self.rope.",
        ),
        ways=[
            [Edit(TURNED, "q = self.rope(q, every_head)")],
            [Edit(TURNED, "k = self.rope(k, every_head)")],
        ],
    ),
    Mistake(
        id="rope_turns_values",
        sentence="You turn the values as well; RoPE is for queries and keys.",
        why="values are only added up, so the turn stays in the output.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "What should the first output be? It depends on no position.",
            "In a score two turns cancel but for the distance; in a value nothing cancels.",
            "Give q and k to self.rope, and leave v as it is.",
        ),
        ways=[[Edit(TURNED, f"{TURNED}\n            v = self.rope(v, every_head)")]],
    ),
    Mistake(
        id="rope_not_used",
        sentence="Your self-attention takes a rope and never turns anything with it.",
        why="the model knows no order but what the mask lets through.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "Does your output change with the positions?",
            "self.rope gives turned vectors back; it does not change those it gets.",
            "Keep what it returns: q, k = self.rope(q, …), self.rope(k, …).",
        ),
        ways=[
            [Edit(f"            {TURNED}\n", "")],
            [Edit(TURNED, "self.rope(q, every_head), self.rope(k, every_head)")],
        ],
    ),
    Mistake(
        id="rope_only_with_positions",
        sentence="You turn only if positions are given; without them they are 0, 1, 2, ….",
        why="training leaves them out, and so trains a model that knows no order.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "What does your self-attention do if it is called with x alone?",
            "No positions means positions from 0, not no positions at all.",
            "Set positions to torch.arange(seq) if they are None, then turn in any case.",
        ),
        ways=[
            [
                Edit(
                    "        if positions is None:\n",
                    "        given = positions is not None\n        if positions is None:\n",
                ),
                Edit("if self.rope is not None:", "if self.rope is not None and given:"),
            ]
        ],
    ),
    Mistake(
        id="self_attention_ignores_positions",
        sentence="Your self-attention turns by 0, 1, 2, … whatever positions it is given.",
        why="a cached model turns each new token as if it were the first.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "Does your output change with the positions?",
            "0, 1, 2, … is only the default.",
            "Make them with torch.arange only if positions is None.",
        ),
        ways=[
            [Edit(DEFAULT_POSITIONS, "        positions = torch.arange(seq, device=x.device)\n")],
            [Edit("positions[..., None, :]", "torch.arange(seq, device=x.device)")],
        ],
    ),
    Mistake(
        id="positions_without_heads_axis",
        sentence="Your positions lack an axis for the heads: each head takes a sequence's row.",
        why="(batch, seq) meets (heads, seq): an error, or silence if batch equals heads.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "Which shapes meet in RoPE if positions are (batch, seq)?",
            "Queries are (batch, heads, seq, d_head), so that positions need (batch, 1, seq).",
            "Give RoPE positions[..., None, :].",
        ),
        ways=[[Edit("every_head = positions[..., None, :]", "every_head = positions")]],
    ),
    Mistake(
        id="self_attention_needs_one_batch_axis",
        sentence="Your self-attention works with exactly one batch axis; the contract allows any.",
        why="one sequence by itself, or a batch of groups, is an error.",
        contract="CausalSelfAttention.forward",
        section="heads",
        hints=(
            "What happens with an x of shape (seq, d_model)?",
            "Only the last two axes matter to you; whatever is in front comes along.",
            "Take seq from x.shape[-2], and reshape with *x.shape[:-1] or an ellipsis.",
        ),
        ways=[
            [
                Edit("seq = x.shape[-2]", "batch, seq, d_model = x.shape"),
            ]
        ],
    ),
    Mistake(
        id="self_attention_cache_keys_not_turned",
        sentence="You hand the cache keys that RoPE has not turned.",
        why="later queries meet old keys without a position, and writing goes astray.",
        contract="CausalSelfAttention.forward",
        section="a-door-for-the-cache",
        hints=(
            "Which comes first in your forward: RoPE or the cache?",
            "The cache keeps keys as they are used, so turned by the position they have.",
            "Call cache.update after self.rope.",
        ),
        ways=[
            [
                Edit(
                    ROPE_AND_CACHE,
                    "        if cache is None:\n"
                    f"            mask = {CAUSAL}\n"
                    "        else:\n"
                    "            k, v, mask = cache.update(k, v, positions)\n"
                    "        if self.rope is not None:\n"
                    "            every_head = positions[..., None, :]\n"
                    f"            {TURNED}\n",
                )
            ],
            [
                Edit(
                    ROPE_AND_CACHE,
                    "        if cache is not None:\n"
                    "            k, v, mask = cache.update(k, v, positions)\n"
                    "        else:\n"
                    f"            mask = {CAUSAL}\n"
                    "        if self.rope is not None:\n"
                    "            q = self.rope(q, positions[..., None, :])\n"
                    "            if cache is None:\n"
                    "                k = self.rope(k, positions[..., None, :])\n",
                )
            ],
        ],
    ),
    Mistake(
        id="self_attention_cache_answer_ignored",
        sentence="You fill the cache and then attend to the new keys only.",
        why="each new token sees nothing of the text before it.",
        contract="CausalSelfAttention.forward",
        section="a-door-for-the-cache",
        hints=(
            "How many keys does your attention get for the second piece of a text?",
            "update answers with everything there is to attend to.",
            "Write k, v, mask = cache.update(k, v, positions).",
        ),
        ways=[
            [
                Edit(
                    "            k, v, mask = cache.update(k, v, positions)\n",
                    f"            mask = {CAUSAL}\n            cache.update(k, v, positions)\n",
                )
            ]
        ],
    ),
    Mistake(
        id="self_attention_cache_mask_ignored",
        sentence="With a cache you mask by a triangle of your own, not with the mask it returns.",
        why="only the cache knows which keys are old, which are empty, and which are to be seen.",
        contract="CausalSelfAttention.forward",
        section="a-door-for-the-cache",
        hints=(
            "Which mask do you use after cache.update?",
            "With 3 old keys, row 0 of a new piece may see 4 keys, and a triangle shows it 1.",
            "Use the mask that update returns instead of the causal one.",
        ),
        ways=[
            [
                Edit(
                    "            k, v, mask = cache.update(k, v, positions)\n",
                    "            k, v, _ = cache.update(k, v, positions)\n"
                    "            mask = torch.ones(seq, k.shape[-2]).to(x.device).bool().tril()\n",
                )
            ],
            [
                Edit(
                    "            k, v, mask = cache.update(k, v, positions)\n",
                    "            k, v, _ = cache.update(k, v, positions)\n"
                    "            mask = torch.ones(seq, k.shape[-2]).to(x.device).bool()\n"
                    "            mask = mask.tril(k.shape[-2] - seq)\n",
                )
            ],
        ],
    ),
    Mistake(
        id="self_attention_layers_not_registered",
        sentence="Your projections are in a plain list, where the module does not find them.",
        why="no optimizer trains them, no checkpoint saves them, and .to() leaves them behind.",
        contract="CausalSelfAttention",
        section="heads",
        hints=(
            "What does attention.parameters() give?",
            "A module knows what is assigned to it by name, not what is in a list or a dict.",
            "Assign each of self.q_proj, self.k_proj, self.v_proj and self.o_proj.",
        ),
        ways=[
            [
                Edit(
                    PROJECTIONS,
                    "        self.qkv = [\n"
                    "            Linear(d_model, d_model, device=device, dtype=dtype)"
                    " for _ in range(3)\n"
                    "        ]\n"
                    "        self.o_proj = Linear(d_model, d_model, device=device, dtype=dtype)\n",
                ),
                Edit("(self.q_proj, self.k_proj, self.v_proj)", "self.qkv"),
            ],
        ],
    ),
    Mistake(
        id="self_attention_drops_device_or_dtype",
        sentence="You do not hand device and dtype on to every projection.",
        why="part of the model is elsewhere or wider than the rest, and the first call fails.",
        contract="CausalSelfAttention",
        section="precision-and-devices",
        hints=(
            "Where are the four weights of CausalSelfAttention(24, 3, device=…), of which dtype?",
            "__init__ takes both, and each Linear takes both.",
            "Write Linear(d_model, d_model, device=device, dtype=dtype) four times.",
        ),
        ways=[
            [Edit(PROJECTIONS, PROJECTIONS.replace(", device=device, dtype=dtype", ""))],
            [Edit(PROJECTIONS, PROJECTIONS.replace(", dtype=dtype", ""))],
            [Edit(PROJECTIONS, PROJECTIONS.replace("device=device, ", ""))],
        ],
    ),
    Mistake(
        id="self_attention_own_initial_weights",
        sentence="You overwrite the initial weights of the projections, which Linear has chosen.",
        why="a fixed σ does not fit every width, and at zero o_proj hands no gradient back.",
        contract="CausalSelfAttention",
        section="heads",
        hints=(
            "Who chooses the initial weights here: attention, or Linear?",
            "Linear has a σ that depends on the width; some other models choose otherwise.",
            "Take the nn.init calls out of __init__.",
        ),
        ways=[
            [Edit(PROJECTIONS, f"{PROJECTIONS}        nn.init.zeros_(self.o_proj.weight)\n")],
            [
                Edit(
                    PROJECTIONS,
                    f"{PROJECTIONS}        for weight in self.parameters():\n"
                    "            nn.init.normal_(weight, std=0.02)\n",
                )
            ],
        ],
    ),
    Mistake(
        id="self_attention_mask_or_positions_on_cpu",
        sentence="You make the positions or the mask on the CPU, not where the input is.",
        why="on a GPU the first call fails, and on the CPU no test of numbers can show it.",
        contract="CausalSelfAttention.forward",
        section="causality",
        hints=(
            "On which device are the tensors that you make in forward?",
            "torch.arange and torch.ones make theirs on the CPU unless told.",
            "Hand device=x.device to both.",
        ),
        ways=[
            [Edit("torch.arange(seq, device=x.device)", "torch.arange(seq)")],
            [Edit("dtype=torch.bool, device=x.device).tril()", "dtype=torch.bool).tril()")],
        ],
    ),
]
