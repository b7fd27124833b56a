"""What people get wrong in stage 07."""

from groundup.catalogue import Edit, Mistake

TEMPERED = "softmax((logits - logits.gather(-1, largest)) / temperature, dim=-1)"
ZERO_TEMPERATURE = (
    "    if temperature == 0:\n        return torch.zeros_like(logits).scatter(-1, largest, 1.0)\n"
)
GREEDY = "    if temperature == 0:\n        check_settings"
IN_RANGE = "    temperature = min(max(temperature, FLOAT32.tiny), FLOAT32.max)\n"
BOTH_FILTERS = """\
    if top_k is not None:
        probabilities = keep_top_k(probabilities, top_k)
    if top_p is not None:
        probabilities = keep_top_p(probabilities, top_p)
"""
FILTERS_SWAPPED = """\
    if top_p is not None:
        probabilities = keep_top_p(probabilities, top_p)
    if top_k is not None:
        probabilities = keep_top_k(probabilities, top_k)
"""
LEFT_OUT = "    kept = ranked.masked_fill(mass_before >= p, 0)\n"
BACK_TO_IDS = "torch.empty_like(kept).scatter(-1, ids, kept)"
KEPT = "    keep = above | (level & (level.cumsum(dim=-1) <= room))\n"
TOP_IDS = (
    "    k = min(k, probabilities.shape[-1])\n"
    "    keep = torch.zeros_like(probabilities, dtype=torch.bool)\n"
    "    keep = keep.scatter(-1, "
)
TOP_K_KEPT = "probabilities.masked_fill(~keep, 0)"
FLOAT32 = "    logits = logits.float()\n"
CHECKED = "    check_settings(temperature, top_k, top_p)\n" + FLOAT32
ANSWER = "    return probabilities\n"
DISTRIBUTION = "token_probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p)"
DRAWN = "torch.multinomial(rows, num_samples=1, generator=generator)"
ZEROS = "torch.zeros(shape, device=device, dtype=dtype)"
KEYS, VALUES = f"self.keys = {ZEROS}", f"self.values = {ZEROS}"
ONE_ROW_OF_POSITIONS = "positions = positions.expand(batch, seq)\n"
WRITE_KEYS = "self.keys.scatter_(2, slots, k.to(self.keys.dtype))"
WRITE_VALUES = "self.values.scatter_(2, slots, v.to(self.values.dtype))"
VISIBLE = "torch.arange(keys.shape[2], device=k.device) <= positions[:, None, :, None]"
LAST_SLOT = "end = min(-(-self.in_use // ROUND) * ROUND, self.keys.shape[2])"
RETURNED = "return keys, values, visible"
CACHED_STEP = "self.model(newest_tokens, positions=self.newest, cache=self.caches)"
ROW_LOGITS = "logits.take_along_dim(self.newest[:, :, None], dim=1)[:, 0]"
DECODER = "Decoder(model, prompt_ids, choose, partial(_caches, model) if use_cache else None)"
BEFORE_STOP = "takewhile(lambda token: token not in stop_ids, tokens)"
ENDED = "running -= {row for row, token in tokens if token in stop_ids}\n"
ROWS = "return [list(_before_stop(row, stop_ids)) for row in rows]"
SETTINGS = (
    "temperature=temperature, top_k=top_k, top_p=top_p, generator=generator\n    )\n\n\ndef _c"
)
MODES_BACK = "        for module in training:\n            module.training = True\n"
APPEND_CUT = "self.tokens[row, :kept] = self.tokens[row, self.context - kept :].clone()"
LATER = "tokens = (next_token() for _ in range(max_new_tokens))\n"
STREAMED = "return _before_stop(tokens, stop_ids)"


def decoder(old: str, new: str) -> Edit:
    return Edit(old, new, file="decoder.py")


def filters(old: str, new: str) -> Edit:
    return Edit(old, new, file="filters.py")


ZERO_K_IS_OFF = [
    filters("if top_k is not None and top_k < 1:", "if top_k is not None and top_k < 0:"),
    Edit("if top_k is not None:", "if top_k:"),
]
ZERO_P_IS_OFF = [
    filters("not 0 < top_p <= 1:", "not 0 <= top_p <= 1:"),
    Edit("if top_p is not None:", "if top_p:"),
]
CUT = "        if len(window) > context:\n            window, caches"
FIRST_CUT = "        if len(window) > context:\n            window = "


MISTAKES = [
    Mistake(
        id="temperature_multiplied",
        sentence="You multiply the logits by the temperature instead of dividing by it.",
        why="a low temperature then gives wild text and a high one gives safe text.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "Should a temperature of 0.5 make the largest probability larger or smaller?",
            "Below 1 the differences between the logits have to grow.",
            "Divide the logits by the temperature before the softmax.",
        ),
        ways=[[Edit(TEMPERED, TEMPERED.replace("/ temperature", "* temperature"))]],
    ),
    Mistake(
        id="temperature_without_effect",
        sentence="Your probabilities are those of temperature 1, whatever the temperature is.",
        why="dividing probabilities and making them sum to 1 again changes nothing.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "What do your probabilities look like for temperatures 0.5 and 2?",
            "A factor that all probabilities share is gone once they sum to 1 again.",
            "Divide the logits, which go into the softmax, not what comes out of it.",
        ),
        ways=[
            [Edit(TEMPERED, "softmax(logits, dim=-1)")],
            [
                Edit(
                    TEMPERED,
                    "softmax(logits, dim=-1) / temperature\n"
                    "    probabilities = probabilities / probabilities.sum(dim=-1, keepdim=True)",
                )
            ],
        ],
    ),
    Mistake(
        id="temperature_zero_divides",
        sentence="Your token_probabilities divides by a temperature of 0, and the result is NaN.",
        why="temperature 0 is how everybody asks for the likeliest token.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "What is 0 / 0?",
            "Temperature 0 is a limit, which has to be treated as a case of its own.",
            "If temperature is 0, return 1 at the argmax of the logits and 0 elsewhere.",
        ),
        ways=[[Edit(ZERO_TEMPERATURE, ""), Edit(IN_RANGE, "")]],
    ),
    Mistake(
        id="temperature_zero_shares",
        sentence="At temperature 0 you share the probability between tokens of equal logits.",
        why="greedy decoding then depends on chance, and two runs may give two texts.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "What do you give for the logits 1, 4, 2, 4 at temperature 0?",
            "Of equally likely tokens the lower id counts as likelier.",
            "Put 1 at the single index that argmax gives, not at all that equal the maximum.",
        ),
        ways=[
            [Edit(ZERO_TEMPERATURE, "    temperature = max(temperature, 1e-6)\n")],
            [
                Edit(
                    "torch.zeros_like(logits).scatter(-1, largest, 1.0)",
                    "softmax(logits.masked_fill(logits < logits.gather(-1, largest), -torch.inf), "
                    "dim=-1)",
                )
            ],
        ],
    ),
    Mistake(
        id="temperature_small_is_greedy",
        sentence="You take a small temperature for 0: all goes to one token, whatever is near it.",
        why="logits may be as small as the temperature; only their quotient says what is near.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "What do logits of 0 and 0.0001 give at a temperature of 0.0001?",
            "Only 0 cannot be divided by; any other temperature is a number like 0.5.",
            "Ask temperature == 0, without a limit below which you are greedy.",
        ),
        ways=[
            [Edit(ZERO_TEMPERATURE, ZERO_TEMPERATURE.replace("== 0", "< 5e-3"))],
            [Edit(GREEDY, GREEDY.replace("== 0", "< 5e-3"))],
            [
                Edit(ZERO_TEMPERATURE, ZERO_TEMPERATURE.replace("== 0", "< 5e-3")),
                Edit(GREEDY, GREEDY.replace("== 0", "< 5e-3")),
            ],
        ],
    ),
    Mistake(
        id="temperature_has_a_floor",
        sentence="You raise a small temperature to a limit, and the distribution becomes flatter.",
        why="logits may be as small as the temperature; only their quotient says what is near.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "What do logits of 0 and 0.0001 give at a temperature of 0.0001?",
            "A limit is only needed where float32 ends: at 1e-38, or nowhere in float64.",
            "Divide by the temperature that was asked for, without adding 1e-10 or taking a max.",
        ),
        ways=[
            [Edit(IN_RANGE, IN_RANGE.replace("FLOAT32.tiny", "1e-3"))],
            [Edit(IN_RANGE, "    temperature = min(temperature + 1e-10, FLOAT32.max)\n")],
        ],
    ),
    Mistake(
        id="temperature_overflows",
        sentence="A tiny temperature makes your logits infinite, and the probabilities NaN.",
        why="a schedule that lowers the temperature towards 0 ends in an error.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "How large is 90 / 1e-38, and how large may a float32 be?",
            "The largest quotient must stay finite; the others may go to minus infinity.",
            "Subtract the largest logit of each row first, then divide.",
        ),
        ways=[[Edit(TEMPERED, "softmax(logits / temperature, dim=-1)")]],
    ),
    Mistake(
        id="probabilities_in_half_precision",
        sentence="The probabilities of half-precision logits are computed or given in their dtype.",
        why="bfloat16 probabilities do not sum to 1, and their running sum gets stuck.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "What is the dtype of your result when the logits are bfloat16?",
            "The result is float32, and so is everything that leads to it.",
            "Begin with logits = logits.float(), and do not convert back.",
        ),
        ways=[
            [Edit(FLOAT32, "")],
            [Edit(FLOAT32, ""), Edit(ANSWER, "    return probabilities.float()\n")],
            [
                Edit(FLOAT32, "    dtype, logits = logits.dtype, logits.float()\n"),
                Edit(ANSWER, "    return probabilities.to(dtype)\n"),
            ],
        ],
    ),
    Mistake(
        id="temperature_changes_logits_in_place",
        sentence="You change the logits that you were given.",
        why="they are the caller's, who may want to look at them or use them again.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "What are the logits after your function has returned?",
            "float() copies nothing if the tensor is float32 already.",
            "Replace /=, -= and methods that end in _ by ones that make a new tensor.",
        ),
        ways=[
            [
                Edit(
                    TEMPERED,
                    "softmax(logits.sub_(logits.gather(-1, largest)).div_(temperature), dim=-1)",
                )
            ],
            [
                Edit(
                    f"    probabilities = {TEMPERED}\n",
                    "    logits /= temperature\n    probabilities = softmax(logits, dim=-1)\n",
                )
            ],
        ],
    ),
    Mistake(
        id="sampling_settings_not_refused",
        sentence="Your token_probabilities accepts settings that make no sense.",
        why="a top_p of 90 that was meant as 0.9 goes unnoticed, or ends in an odd error later.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "Which values of temperature, top_k and top_p does the docstring refuse?",
            "NaN fails every comparison, so ask whether a value is good, not whether it is bad.",
            "Raise ValueError unless temperature is finite and ≥ 0, top_k ≥ 1, 0 < top_p ≤ 1.",
        ),
        ways=[
            [Edit(CHECKED, FLOAT32)],
            [filters("if not (math.isfinite(temperature) and temperature >= 0):", "if False:")],
            [
                filters(
                    "if not (math.isfinite(temperature) and temperature >= 0):",
                    "if temperature < 0:",
                )
            ],
            [filters("if top_k is not None and top_k < 1:", "if False:")],
            [filters("if top_p is not None and not 0 < top_p <= 1:", "if False:")],
        ],
    ),
    Mistake(
        id="zero_means_off",
        sentence="You take a top_k or a top_p of 0 for off; the contract refuses it, None is off.",
        why="a 0 that came out of a calculation goes unnoticed, and no token is left out.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "What do you do with top_k=0, and what does the docstring say?",
            "0 counts as false in Python, as None does: `if top_k` cannot tell them apart.",
            "Ask `is not None`, and raise ValueError if top_k is below 1 or top_p not above 0.",
        ),
        ways=[
            ZERO_K_IS_OFF,
            ZERO_P_IS_OFF,
            [*ZERO_K_IS_OFF, *ZERO_P_IS_OFF],
        ],
    ),
    Mistake(
        id="filters_before_temperature",
        sentence="Your filters come before the temperature; it should change what they see.",
        why="a high temperature should let more tokens into the top-p set.",
        contract="token_probabilities",
        section="temperature",
        hints=(
            "In which order does the docstring list the three filters?",
            "The top-p set is chosen by the probabilities after the temperature.",
            "Divide by the temperature, take the softmax, and filter what comes out.",
        ),
        ways=[
            [
                Edit(TEMPERED, "softmax(logits, dim=-1)"),
                Edit(ANSWER, "    return softmax(probabilities.log() / temperature, dim=-1)\n"),
            ]
        ],
    ),
    Mistake(
        id="topp_before_topk",
        sentence="You apply top-p before top-k.",
        why="after top-k the probabilities are larger, so p is reached with fewer tokens.",
        contract="token_probabilities",
        section="top-p",
        hints=(
            "In which order does the docstring list the three filters?",
            "Top-p reads what top-k has left, made to sum to 1 again.",
            "Call the top-k filter first and hand its result to the top-p filter.",
        ),
        ways=[[Edit(BOTH_FILTERS, FILTERS_SWAPPED)]],
    ),
    Mistake(
        id="filters_not_renormalised",
        sentence="What a filter of yours keeps is not made to sum to 1 again.",
        why="multinomial hides it, but top-p after top-k then waits for mass that is gone.",
        contract="token_probabilities",
        section="top-k",
        hints=(
            "What is the sum of your probabilities after top-k, and after top-p?",
            "Each filter hands on a distribution, not a part of one.",
            "Divide what stays by its sum over the last axis, after each of the two filters.",
        ),
        ways=[
            [filters(f"_normalise({TOP_K_KEPT})", TOP_K_KEPT)],
            [filters(f"_normalise({BACK_TO_IDS})", BACK_TO_IDS)],
            [
                filters(f"_normalise({TOP_K_KEPT})", TOP_K_KEPT),
                filters(f"_normalise({BACK_TO_IDS})", BACK_TO_IDS),
            ],
        ],
    ),
    Mistake(
        id="filters_normalise_whole_batch",
        sentence="What your filters keep sums to 1 over all rows together, not in each row.",
        why="each row of a batch is a distribution of its own.",
        contract="token_probabilities",
        section="top-k",
        hints=(
            "What is the sum of each row when you give two of them?",
            "A sum without an axis adds up everything.",
            "Divide by the sum with dim=-1 and keepdim=True.",
        ),
        ways=[[filters("weights.sum(dim=-1, keepdim=True)", "weights.sum()")]],
    ),
    Mistake(
        id="topk_keeps_equals",
        sentence="Your top-k keeps all tokens that are as likely as the k-th, so more than k.",
        why="with k = 1 and two equal logits, decoding is no longer greedy.",
        contract="token_probabilities",
        section="top-k",
        hints=(
            "How many tokens stay for the logits 1, 2, 1, 2, 1, 1 with k = 3?",
            "A threshold cannot tell apart what stands exactly at it.",
            "Keep k ranks of a stable sort, or of those at the border only the first few.",
        ),
        ways=[
            [
                filters(
                    "keep = above | (level & (level.cumsum(dim=-1) <= room))",
                    "keep = above | level",
                )
            ]
        ],
    ),
    Mistake(
        id="topk_equals_as_they_come",
        sentence="Of equal tokens at the border of your top-k, those stay that the sort put first.",
        why="another version of torch sorts equals otherwise, and the same seed gives other text.",
        contract="token_probabilities",
        section="top-k",
        hints=(
            "Which tokens stay for the logits 1, 2, 1, 2, 1, 1 with k = 3?",
            "topk and argsort promise nothing about equals; turned around they favour later ids.",
            "Sort with stable=True and descending=True: equals keep the order of their ids.",
        ),
        ways=[
            [filters(KEPT, f"{TOP_IDS}probabilities.topk(k).indices, True)\n")],
            [filters(KEPT, f"{TOP_IDS}probabilities.argsort(dim=-1).flip(-1)[..., :k], True)\n")],
        ],
    ),
    Mistake(
        id="topk_fails_above_vocabulary",
        sentence="Your top-k fails when there are fewer than k tokens.",
        why="a top_k of 50 should work with every vocabulary, a vocabulary of bytes included.",
        contract="token_probabilities",
        section="top-k",
        hints=(
            "What should k = 50 do with 7 tokens?",
            "Nothing is left out if there are fewer tokens than k.",
            "Use min(k, size of the last axis) where you take the k-th value.",
        ),
        ways=[[filters("min(k, probabilities.shape[-1])", "k")]],
    ),
    Mistake(
        id="topk_keeps_one_more",
        sentence="Your top-k keeps k + 1 tokens.",
        why="with k = 1 the text should be the greedy one, and is not.",
        contract="token_probabilities",
        section="top-k",
        hints=(
            "How many tokens stay with k = 1?",
            "The k-th value of a sorted row has the index k - 1.",
            "Keep the ranks below k, or compare with the sorted value at k - 1.",
        ),
        ways=[
            [filters("    border = probabilities", "    k = k + 1\n    border = probabilities")],
            [
                filters(
                    "probabilities.topk(min(k, probabilities.shape[-1])).values[..., -1:]",
                    "probabilities.sort(dim=-1, descending=True).values[\n"
                    "        ..., min(k, probabilities.shape[-1] - 1), None\n    ]",
                ),
                filters("    keep = above | (level &", "    keep = above | level | (level &"),
            ],
        ],
    ),
    Mistake(
        id="topp_excludes_crossing",
        sentence="Your top-p leaves out the token that crosses p, so the set may be empty.",
        why="where one token has more than p, nothing is left and the sampler fails.",
        contract="token_probabilities",
        section="top-p",
        hints=(
            "Which tokens stay if the likeliest has .5 and p is .4?",
            "The set has to reach p, so the token that gets it there belongs to it.",
            "Keep a token if the sum before it, without itself, is below p.",
        ),
        ways=[
            [filters("mass_before >= p", "ranked.cumsum(dim=-1) > p")],
            [filters("mass_before >= p", "ranked.cumsum(dim=-1) >= p")],
        ],
    ),
    Mistake(
        id="topp_excludes_crossing_but_the_first",
        sentence="Your top-p leaves out the token that crosses p, unless it is the likeliest.",
        why="the set stays below p, and the text is safer than was asked for.",
        contract="token_probabilities",
        section="top-p",
        hints=(
            "With .5 and .3 first and p = .6, how many tokens reach p?",
            "Saving the first token mends the empty set, but not the set that is too small.",
            "Keep a token if the sum before it, without itself, is below p.",
        ),
        ways=[
            [
                filters(
                    LEFT_OUT,
                    f"    beyond = ranked.cumsum(dim=-1) {sign} p\n"
                    "    beyond[..., 0] = False\n"
                    "    kept = ranked.masked_fill(beyond, 0)\n",
                )
            ]
            for sign in (">", ">=")
        ],
    ),
    Mistake(
        id="topp_goes_on_where_reached",
        sentence="Where a sum is exactly p, your top-p keeps one more token.",
        why="the smallest set that reaches p is wanted, and p was reached.",
        contract="token_probabilities",
        section="top-p",
        hints=(
            "How many of eight equal tokens reach one half?",
            "Compare with the case in which the sum before a token equals p.",
            "Leave a token out if the sum before it is greater than or equal to p.",
        ),
        ways=[[filters("mass_before >= p", "mass_before > p")]],
    ),
    Mistake(
        id="topp_keeps_one_more",
        sentence="Your top-p keeps one token after the one that crosses p.",
        why="the set is no longer the smallest, and the tail is what top-p is there to cut.",
        contract="token_probabilities",
        section="top-p",
        hints=(
            "With .5 first and p = .4, how many tokens stay?",
            "Either shift the mask by one or use the sum before each token, not both.",
            "Leave a token out if the sum of those before it is at least p.",
        ),
        ways=[
            [
                filters(
                    LEFT_OUT,
                    "    beyond = mass_before >= p\n"
                    "    beyond[..., 1:] = beyond[..., :-1].clone()\n"
                    "    kept = ranked.masked_fill(beyond, 0)\n",
                )
            ]
        ],
    ),
    Mistake(
        id="topp_by_rank",
        sentence="Your top-p gives the probabilities in the order of ranks, not of ids.",
        why="the sampler then draws ranks; small ids are frequent pieces, and it nearly reads.",
        contract="token_probabilities",
        section="top-p",
        hints=(
            "Which token does place 0 of your result belong to?",
            "After sorting, place i is the i-th likeliest token, and has to be moved to its id.",
            "Scatter what you kept along the last axis to the ids that sort gave you.",
        ),
        ways=[[filters(BACK_TO_IDS, "kept")]],
    ),
    Mistake(
        id="topp_gathers_back",
        sentence="Your top-p brings probabilities back to their ids by gather, not by scatter.",
        why="gather with the ids of a sort applies the order once more, instead of undoing it.",
        contract="token_probabilities",
        section="top-p",
        hints=(
            "Follow one token: where does it stand sorted, and where at the end?",
            "gather reads from the place that an index names; scatter writes to it.",
            "Write zeros.scatter(-1, ids, kept), or gather with ids.argsort(dim=-1).",
        ),
        ways=[[filters(BACK_TO_IDS, "kept.gather(-1, ids)")]],
    ),
    Mistake(
        id="topp_ascending",
        sentence="Your top-p sorts ascending, and keeps the least likely tokens.",
        why="the absurd tokens are what stays.",
        contract="token_probabilities",
        section="top-p",
        hints=(
            "Which tokens stay if p is small?",
            "The sum has to begin with the likeliest token.",
            "Sort with descending=True.",
        ),
        ways=[[filters("descending=True, stable=True", "stable=True")]],
    ),
    Mistake(
        id="topp_takes_one_minus_p",
        sentence="Your top-p keeps a set of mass 1 - p.",
        why="a top_p of 0.9 then means 0.1, which is nearly greedy.",
        contract="token_probabilities",
        section="top-p",
        hints=(
            "Should more tokens stay with p = 0.9 or with p = 0.1?",
            "p is the mass that stays, not the mass that goes.",
            "Compare the sum before each token with p itself.",
        ),
        ways=[[filters("mass_before >= p", "mass_before >= 1 - p")]],
    ),
    Mistake(
        id="topp_one_loses_the_tail",
        sentence="With top_p = 1 your filter drops tokens, since a float32 sum reaches 1 too soon.",
        why="top_p 1 means that nothing is filtered.",
        contract="token_probabilities",
        section="top-p",
        hints=(
            "What is 1 + 1e-8 in float32?",
            "Rounding makes the running sum 1 before the last tokens have been counted.",
            "Return the probabilities as they are if p is 1.",
        ),
        ways=[
            [
                filters(
                    "    if p == 1:  #",
                    "    if p > 1:  #",
                )
            ]
        ],
    ),
    Mistake(
        id="topp_equals_higher_first",
        sentence="Of equally likely tokens your top-p keeps those of the higher ids.",
        why="the contract says lower, so that two implementations give the same text.",
        contract="token_probabilities",
        section="top-p",
        hints=(
            "Which of two equal tokens comes first in your sorted row?",
            "An ascending sort that is turned round turns the order of equals round as well.",
            "Sort with descending=True and stable=True instead of flipping.",
        ),
        ways=[
            [
                filters(
                    "ranked, ids = probabilities.sort(dim=-1, descending=True, stable=True)",
                    "ranked, ids = probabilities.sort(dim=-1, stable=True)\n"
                    "    ranked, ids = ranked.flip(-1), ids.flip(-1)",
                )
            ]
        ],
    ),
    Mistake(
        id="greedy_skips_checks",
        sentence="At temperature 0, sample_token accepts a top_k or top_p that makes no sense.",
        why="a wrong setting shows only once somebody raises the temperature.",
        contract="sample_token",
        section="drawing",
        hints=(
            "What does sample_token do with temperature 0 and top_p 1.5?",
            "The shortcut for temperature 0 must not come before the checks.",
            "Check all settings first, then return the argmax.",
        ),
        ways=[
            [
                Edit(
                    "        check_settings(temperature, top_k, top_p)\n        return logits.arg",
                    "        return logits.arg",
                )
            ]
        ],
    ),
    Mistake(
        id="greedy_draws",
        sentence="At temperature 0, sample_token uses up random numbers.",
        why="what is drawn afterwards then depends on how many greedy tokens came before.",
        contract="sample_token",
        section="drawing",
        hints=(
            "Is the generator in the same state before and after a greedy token?",
            "A distribution with a single token needs no draw, but multinomial makes one.",
            "Return the argmax of the logits if temperature is 0, before you draw.",
        ),
        ways=[
            [
                Edit(
                    "    if temperature == 0:\n"
                    "        check_settings(temperature, top_k, top_p)\n"
                    "        return logits.argmax(dim=-1)\n",
                    "",
                )
            ]
        ],
    ),
    Mistake(
        id="sample_takes_likeliest",
        sentence="Your sample_token always gives the likeliest token, and draws nothing.",
        why="temperature, top-k and top-p are then without effect.",
        contract="sample_token",
        section="drawing",
        hints=(
            "How often should a token with probability .3 come up in 1,000 draws?",
            "argmax is right at temperature 0 only.",
            "Draw with torch.multinomial from the probabilities.",
        ),
        ways=[[Edit(DRAWN, "rows.argmax(dim=-1)")]],
    ),
    Mistake(
        id="sample_rank_not_id",
        sentence="Your sample_token gives the rank of the drawn token, not its id.",
        why="small ids are frequent pieces, so the nonsense looks almost like text.",
        contract="sample_token",
        section="drawing",
        hints=(
            "With top_k = 1, is your answer the argmax or always 0?",
            "A place in a sorted row is a rank, which has to be looked up.",
            "Draw from unsorted probabilities, or gather the drawn place from the sorted ids.",
        ),
        ways=[[Edit(DRAWN, DRAWN.replace("rows,", "rows.sort(dim=-1, descending=True).values,"))]],
    ),
    Mistake(
        id="sample_ignores_generator",
        sentence="Your sample_token draws from the global generator, not from the one it is given.",
        why="a text cannot be made again from its seed, and other draws are disturbed.",
        contract="sample_token",
        section="drawing",
        hints=(
            "Do two generators with the same seed give you the same tokens?",
            "torch uses its global generator wherever it is not told otherwise.",
            "Pass generator=generator to the function that draws.",
        ),
        ways=[[Edit(DRAWN, DRAWN.replace(", generator=generator", ""))]],
    ),
    Mistake(
        id="sample_shares_one_number",
        sentence="Your sample_token draws the tokens of all rows with the same random number.",
        why="equal prompts in a batch give equal texts, and the rows are not independent.",
        contract="sample_token",
        section="drawing",
        hints=(
            "What do 50 equal rows give you in one call?",
            "Each row needs a random number of its own.",
            "Draw as many uniform numbers as there are rows.",
        ),
        ways=[
            [
                Edit(
                    DRAWN,
                    "(\n        rows.cumsum(dim=-1) < torch.rand(1, generator=generator)\n"
                    "    ).sum(dim=-1)",
                )
            ]
        ],
    ),
    Mistake(
        id="sample_first_row_for_all",
        sentence="Your sample_token draws all tokens from the distribution of the first row.",
        why="it is right for one prompt, and mixes the texts of a batch.",
        contract="sample_token",
        section="drawing",
        hints=(
            "Give two rows that allow different tokens; what comes out?",
            "num_samples draws several times from one row, it does not go through the rows.",
            "Give multinomial all rows and num_samples=1.",
        ),
        ways=[
            [
                Edit(
                    DRAWN,
                    "torch.multinomial(\n        rows[0], num_samples=len(rows), "
                    "replacement=True, generator=generator\n    )",
                )
            ]
        ],
    ),
    Mistake(
        id="sample_forgets_filter",
        sentence="Your sample_token does not hand every setting on to token_probabilities.",
        why="the filter is computed right and never used.",
        contract="sample_token",
        section="drawing",
        hints=(
            "Which tokens are drawn with top_k = 2, and which with top_p = 0.6?",
            "A keyword with a default can be forgotten without an error.",
            "Pass temperature, top_k and top_p to token_probabilities.",
        ),
        ways=[
            [Edit(DISTRIBUTION, DISTRIBUTION.replace(forgotten, ""))]
            for forgotten in (", top_k=top_k", ", top_p=top_p", ", top_k=top_k, top_p=top_p")
        ],
    ),
    Mistake(
        id="sample_restarts_generator",
        sentence="Your sample_token seeds its random numbers anew in every call.",
        why="every step of a text makes the same choice again.",
        contract="sample_token",
        section="drawing",
        hints=(
            "What do two draws in a row from flat logits give you?",
            "A seed belongs to the beginning of a text, not to each of its tokens.",
            "Leave the generator alone: no manual_seed in sample_token.",
        ),
        ways=[
            [
                Edit(
                    "        rows = rows.to(generator.device)\n",
                    "        rows = rows.to(generator.device)\n"
                    "        generator.manual_seed(generator.initial_seed())\n",
                )
            ]
        ],
    ),
    Mistake(
        id="cache_prefill_not_causal",
        sentence="In your mask, every new query may attend to all keys written with it.",
        why="a prompt's tokens see what follows them, which no training ever allowed.",
        contract="KVCache.update",
        section="the-cache",
        hints=(
            "May the first token of a prompt attend to the second?",
            "Each query has a position of its own, and sees the slots up to that.",
            "Compare the slots with the position of each query, not with the last one.",
        ),
        ways=[
            [
                Edit(
                    VISIBLE,
                    "(\n            torch.arange(keys.shape[2], device=k.device)\n"
                    "            <= positions.amax(dim=-1)[:, None, None, None]\n"
                    "        ).expand(-1, -1, seq, -1)",
                )
            ]
        ],
    ),
    Mistake(
        id="cache_mask_not_offset",
        sentence="Your mask is a triangle that begins at slot 0, wherever the queries stand.",
        why="a single new token then sees the first slot only, and forgets all the rest.",
        contract="KVCache.update",
        section="the-cache",
        hints=(
            "Which slots may a single query at position 5 see in your mask?",
            "tril of a mask with one row leaves one slot.",
            "Compare the slots with the positions: slot <= position.",
        ),
        ways=[
            [
                Edit(
                    VISIBLE,
                    "torch.ones(\n            batch, 1, seq, keys.shape[2], dtype=torch.bool, "
                    "device=k.device\n        ).tril()",
                )
            ]
        ],
    ),
    Mistake(
        id="cache_query_misses_itself",
        sentence="In your mask, a query may attend to the slots before its own, not to its own.",
        why="the newest token is the one that says most about the next.",
        contract="KVCache.update",
        section="the-cache",
        hints=(
            "How many slots may the query at position 0 see?",
            "A token attends to itself as well.",
            "Use <= and not < between slots and positions.",
        ),
        ways=[[Edit(VISIBLE, VISIBLE.replace("<=", "<"))]],
    ),
    Mistake(
        id="cache_mask_shows_everything",
        sentence="Your mask lets every query attend to every slot, empty ones included.",
        why="a slot of zeros has a score of 0, and takes its share of the attention.",
        contract="KVCache.update",
        section="the-cache",
        hints=(
            "What is the softmax of scores of which some belong to no token?",
            "Slots that hold nothing yet, padding and later tokens must be hidden.",
            "Let the query at position p see the slots 0 to p.",
        ),
        ways=[
            [
                Edit(
                    VISIBLE,
                    "torch.ones(\n            batch, 1, seq, keys.shape[2], dtype=torch.bool, "
                    "device=k.device\n        )",
                )
            ]
        ],
    ),
    Mistake(
        id="cache_step_sees_all_written",
        sentence="In your mask, a single new token sees all slots that were ever written.",
        why="it is right for one prompt; a shorter row sees its padding or an earlier text.",
        contract="KVCache.update",
        section="the-cache",
        hints=(
            "What lies in slot 3 of a row whose prompt had two tokens?",
            "How far the longest row has come says nothing about the others.",
            "Make the mask of a step as that of a prefill: slot <= position, for each row.",
        ),
        ways=[
            [
                Edit(f"        {VALUES}\n", f"        {VALUES}\n        self.length = 0\n"),
                Edit(
                    f"        visible = {VISIBLE}\n",
                    "        self.length = max(self.length, 1 + int(positions.max()))\n"
                    "        slots = torch.arange(keys.shape[2], device=k.device)\n"
                    "        visible = slots <= positions[:, None, :, None]\n"
                    "        if seq == 1:\n"
                    "            visible = (slots < self.length).expand(batch, 1, 1, -1)\n",
                ),
            ]
        ],
    ),
    Mistake(
        id="cache_returns_new_only",
        sentence="Your update returns the new keys and values only, and not those before them.",
        why="each new token attends to itself alone.",
        contract="KVCache.update",
        section="the-cache",
        hints=(
            "How many keys come back after a prefill of 5 and a step of 1?",
            "What was stored has to be read again.",
            "Return self.keys and self.values after you have written into them.",
        ),
        ways=[
            [
                Edit(
                    RETURNED,
                    "visible = torch.ones(seq, seq, dtype=torch.bool, device=k.device).tril()\n"
                    "        return k, v, visible.expand(batch, 1, -1, -1)",
                )
            ]
        ],
    ),
    Mistake(
        id="cache_ends_at_shortest_row",
        sentence="Your update returns slots only up to the position of the row that is behind.",
        why="the other rows lose their latest tokens, the one just written among them.",
        contract="KVCache.update",
        section="the-cache",
        hints=(
            "With one row at position 5 and one at 2, how many slots come back?",
            "What is returned is one tensor for all rows; the mask hides what a row may not see.",
            "Return all slots, or at least those up to the last that any row has written.",
        ),
        ways=[[Edit(LAST_SLOT, "end = int(positions.amax(dim=-1).min()) + 1")]],
    ),
    Mistake(
        id="cache_values_hold_keys",
        sentence="Your cache stores the keys in the place of the values.",
        why="the weights of the attention are right, and what they mix is not.",
        contract="KVCache.update",
        section="the-cache",
        hints=(
            "What do the returned values hold?",
            "Two lines that look alike differ in more than one place.",
            "Write v into self.values.",
        ),
        ways=[[Edit(WRITE_VALUES, WRITE_VALUES.replace("v.to(", "k.to("))]],
    ),
    Mistake(
        id="cache_counts_instead_of_positions",
        sentence="Your cache writes behind what it wrote last, and does not look at the positions.",
        why="rows of different lengths and new starts need a slot for each position.",
        contract="KVCache.update",
        section="the-cache",
        hints=(
            "Where does the next token of a row go whose prefill was padded?",
            "A counter for the whole batch knows only the longest row.",
            "Write each key into the slot that its position names.",
        ),
        ways=[
            [
                Edit(f"        {VALUES}\n", f"        {VALUES}\n        self.length = 0\n"),
                Edit(
                    ONE_ROW_OF_POSITIONS,
                    "positions = torch.arange(self.length, self.length + seq, device=k.device)\n"
                    "        self.length += seq\n"
                    "        positions = positions.expand(batch, seq)\n",
                ),
            ],
        ],
    ),
    Mistake(
        id="cache_uses_first_rows_positions",
        sentence="Your cache takes the positions of the first row for all rows.",
        why="it is right as long as all prompts are equally long.",
        contract="KVCache.update",
        section="the-cache",
        hints=(
            "What do you do with positions of shape (batch, seq)?",
            "positions is one row for all or one for each.",
            "Expand the positions to (batch, seq), and index with all of them.",
        ),
        ways=[
            [
                Edit(
                    ONE_ROW_OF_POSITIONS,
                    "positions = positions.reshape(-1, seq)[0].expand(batch, seq)\n",
                )
            ]
        ],
    ),
    Mistake(
        id="cache_ignores_device_or_dtype",
        sentence="Your KVCache does not use the device or the dtype that it is given.",
        why="a model on a GPU or in bfloat16 cannot attend to what lies elsewhere.",
        contract="KVCache",
        section="the-cache",
        hints=(
            "What are the device and the dtype of keys and of values?",
            "Two arguments of the constructor have to reach both tensors.",
            "Pass device=device, dtype=dtype to torch.zeros, twice.",
        ),
        ways=[
            [
                Edit(KEYS, KEYS.replace(forgotten, "")),
                Edit(VALUES, VALUES.replace(forgotten, "")),
            ]
            for forgotten in (", device=device", ", dtype=dtype", ", device=device, dtype=dtype")
        ],
    ),
    Mistake(
        id="cache_moves_to_new_memory",
        sentence="Your update makes new tensors for the whole cache, each time it is called.",
        why="every token then copies all tokens before it, which is the cost a cache should save.",
        contract="KVCache.update",
        section="the-cache",
        hints=(
            "Do the returned keys lie in the same memory after each step?",
            "torch.cat, torch.where and scatter make a new tensor of the full size.",
            "Take the memory in the constructor and write in place, as with scatter_.",
        ),
        ways=[
            [
                Edit(
                    WRITE_KEYS,
                    WRITE_KEYS.replace("self.keys.sc", "self.keys = self.keys.sc", 1).replace(
                        "scatter_", "scatter"
                    ),
                ),
                Edit(
                    WRITE_VALUES,
                    WRITE_VALUES.replace(
                        "self.values.sc", "self.values = self.values.sc", 1
                    ).replace("scatter_", "scatter"),
                ),
            ]
        ],
    ),
    Mistake(
        id="cache_not_zeroed",
        sentence="Your cache begins with memory that nobody has filled.",
        why="it may hold NaN, and a masked NaN is still NaN once it is multiplied by 0.",
        contract="KVCache",
        section="the-cache",
        hints=(
            "What do keys and values hold before the first update?",
            "torch.empty gives whatever was in the memory before.",
            "Use torch.zeros for both.",
        ),
        ways=[
            [
                Edit(KEYS, KEYS.replace("zeros", "empty")),
                Edit(VALUES, VALUES.replace("zeros", "empty")),
            ]
        ],
    ),
    Mistake(
        id="window_keeps_first_tokens",
        sentence="Beyond the context length your window keeps the first tokens, not the last.",
        why="the model sees the same text again and again, and repeats the same word.",
        contract="generate",
        section="the-window",
        hints=(
            "Which tokens does the model see once the row is longer than its context?",
            "The next word follows from the latest words.",
            "Cut with a negative start, window[-length:], not with window[:length].",
        ),
        ways=[
            [
                decoder(
                    "prompt[-window_length(len(prompt), self.context) :]",
                    "prompt[: window_length(len(prompt), self.context)]",
                )
            ],
            [decoder(f"            {APPEND_CUT}\n", "")],
            [
                decoder(
                    "prompt[-window_length(len(prompt), self.context) :]",
                    "prompt[: window_length(len(prompt), self.context)]",
                ),
                decoder(f"            {APPEND_CUT}\n", ""),
            ],
        ],
    ),
    Mistake(
        id="window_slides_by_one",
        sentence="Your window drops one token at a time, so that it is always full.",
        why="every new token then feeds a whole window anew, and the cache is of no use.",
        contract="generate",
        section="the-window",
        hints=(
            "How long is your window after the token that did not fit?",
            "A cut that happens seldom has to leave room for the next tokens.",
            "Cut to the last max(1, context_length // 2) tokens, and let it grow again.",
        ),
        ways=[[decoder("return max(1, context_length // 2)", "return context_length")]],
    ),
    Mistake(
        id="window_cut_one_too_long",
        sentence="After a cut your window has one token more than half the context.",
        why="the new token belongs to the half; another rule gives another text.",
        contract="generate",
        section="the-window",
        hints=(
            "With a context of 8, how many tokens does a row of 9 show?",
            "Cut first and then append, and there is one too many.",
            "Append the new token, then keep the last max(1, context_length // 2).",
        ),
        ways=[
            [
                decoder(
                    "kept = shortest_window(self.context) - 1",
                    "kept = shortest_window(self.context)",
                )
            ],
            [decoder("return max(1, context_length // 2)", "return context_length // 2 + 1")],
        ],
    ),
    Mistake(
        id="window_cut_when_full",
        sentence="You cut the window as soon as it is full, not at the token that does not fit.",
        why="the model never sees as many tokens as its context holds.",
        contract="generate",
        section="the-window",
        hints=(
            "With a context of 8, how many tokens does a row of 8 show?",
            "A full window still fits. It is the next token that does not.",
            "Cut where the window is longer than the context: > and not >=.",
        ),
        base="row_by_row",
        ways=[
            [Edit(CUT, CUT.replace(">", ">=", 1))],
            [Edit(CUT, CUT.replace(">", ">=", 1)), Edit(FIRST_CUT, FIRST_CUT.replace(">", ">="))],
        ],
    ),
    Mistake(
        id="window_half_rounded_up",
        sentence="Where the context length is odd, your cut keeps the larger half of it.",
        why="the rule says C // 2; another rule gives another text.",
        contract="generate",
        section="the-window",
        hints=(
            "With a context of 7, how long is the window of a row of 8 tokens?",
            "Half of an odd number is rounded down.",
            "Keep max(1, C // 2) tokens, not (C + 1) // 2.",
        ),
        ways=[
            [decoder("return max(1, context_length // 2)", "return (context_length + 1) // 2")],
        ],
    ),
    Mistake(
        id="window_of_long_prompt_full",
        sentence="You cut a prompt that is too long to the context length, not by the rule.",
        why="to go on from a text would give other tokens than to write it in one go.",
        contract="generate",
        section="the-window",
        hints=(
            "With a context of 8, how long is the window of a prompt of 9 tokens?",
            "A prompt follows the rule as if its tokens had been drawn one by one.",
            "Keep the last H + (n - C - 1) % (C - H + 1) of n > C tokens.",
        ),
        ways=[
            [
                decoder(
                    "return shortest + (length - context_length - 1) % "
                    "(context_length - shortest + 1)",
                    "return context_length",
                )
            ]
        ],
    ),
    Mistake(
        id="window_of_long_prompt_half",
        sentence="You cut every prompt that is too long to half the context, not by the rule.",
        why="to go on from a text would give other tokens than to write it in one go.",
        contract="generate",
        section="the-window",
        hints=(
            "With a context of 8, how long is the window of a prompt of 11 tokens?",
            "A prompt follows the rule as if its tokens had been drawn one by one.",
            "Keep the last H + (n - C - 1) % (C - H + 1) of n > C tokens.",
        ),
        ways=[
            [
                decoder(
                    "return shortest + (length - context_length - 1) % "
                    "(context_length - shortest + 1)",
                    "return shortest",
                )
            ]
        ],
    ),
    Mistake(
        id="window_never_cut",
        sentence="You feed the model more tokens, or later positions, than its context holds.",
        why="it has no positions beyond, so that no text can be longer than the context.",
        contract="generate",
        section="the-window",
        hints=(
            "What happens at the first token that does not fit into the context?",
            "The model sees a window of the row, and the window has to be cut.",
            "When the window is longer than C, keep its last max(1, C // 2) tokens.",
        ),
        base="row_by_row",
        ways=[
            [
                Edit(
                    "        if len(window) > context:\n"
                    "            window, caches, fed = window[-max(1, context // 2) :], None, 0\n",
                    "",
                ),
                Edit("_first_window(prompt, context), None, 0", "list(prompt), None, 0"),
            ]
        ],
    ),
    Mistake(
        id="window_cut_keeps_cache",
        sentence="After a cut you go on with the old cache, whose tokens have moved.",
        why="its keys stand at positions that are wrong now, and have seen tokens that are gone.",
        contract="generate",
        section="generate-with-the-cache",
        hints=(
            "Where in the cache is the token that is at position 0 after a cut?",
            "Moving the window moves every token, and the cache does not know of it.",
            "After a cut, feed the whole window anew from position 0.",
        ),
        ways=[[decoder("        if self.stale:\n", "        if not self.caches:\n")]],
    ),
    Mistake(
        id="cached_step_at_position_zero",
        sentence="In a cached step the new token stands at position 0, not at its own.",
        why="it overwrites the first token, and sees nothing but itself.",
        contract="generate",
        section="generate-with-the-cache",
        hints=(
            "Which positions does a model assume for a sequence of length 1?",
            "The model cannot know how many tokens the cache holds.",
            "Pass the position of the new token in every step.",
        ),
        ways=[
            [decoder(CACHED_STEP, CACHED_STEP.replace("positions=self.newest, ", ""))],
            [
                decoder(
                    CACHED_STEP,
                    CACHED_STEP.replace(
                        "positions=self.newest", "positions=torch.zeros_like(self.newest)"
                    ),
                )
            ],
        ],
    ),
    Mistake(
        id="cached_step_one_position_late",
        sentence="In a cached step the new token stands one position too late.",
        why="it leaves a slot of zeros behind, which every later token attends to.",
        contract="generate",
        section="generate-with-the-cache",
        hints=(
            "Which position has the first token after a prompt of 3?",
            "Positions begin at 0, so the newest of n tokens is at n - 1.",
            "Do not count the new token twice: its position is the number of tokens before it.",
        ),
        ways=[[decoder(CACHED_STEP, CACHED_STEP.replace("self.newest,", "self.newest + 1,"))]],
    ),
    Mistake(
        id="cached_step_at_longest_rows_position",
        sentence="In a cached step all rows stand at the position of the longest.",
        why="a shorter row then attends to its padding as if it were text.",
        contract="generate",
        section="generate-with-the-cache",
        hints=(
            "Two prompts of 4 and 2 tokens: at which positions are their next tokens?",
            "Each row has a length of its own.",
            "Pass positions of shape (rows, 1), one for each row.",
        ),
        ways=[
            [
                decoder(
                    CACHED_STEP,
                    CACHED_STEP.replace(
                        "positions=self.newest", "positions=self.newest.amax().reshape(1)"
                    ),
                )
            ]
        ],
    ),
    Mistake(
        id="cache_shared_by_layers",
        sentence="All layers of your model share one cache.",
        why="each layer overwrites the keys of the one before it.",
        contract="generate",
        section="generate-with-the-cache",
        hints=(
            "How many different caches are in your list?",
            "A list times n holds the same object n times.",
            "Make a new KVCache for each layer in a comprehension.",
        ),
        ways=[
            [
                Edit(
                    "        )\n        for _ in range(config.num_layers)\n    ]",
                    "        )\n    ] * config.num_layers",
                )
            ]
        ],
    ),
    Mistake(
        id="cached_step_feeds_window_again",
        sentence="With use_cache you feed more than the new token in every step.",
        why="the tokens are right, and the cache saves nothing.",
        contract="generate",
        section="generate-with-the-cache",
        hints=(
            "How many tokens is the model fed for one more token?",
            "What is in the cache need not be computed again.",
            "After the prefill, feed the newest token of each row only.",
        ),
        ways=[
            [
                decoder(
                    "        if self.stale:\n",
                    "        self.stale = list(range(len(self.filled)))\n        if self.stale:\n",
                )
            ]
        ],
    ),
    Mistake(
        id="use_cache_without_cache",
        sentence="With use_cache=True you decode without a cache.",
        why="the tokens are right, and each costs as much as the whole window.",
        contract="generate",
        section="generate-with-the-cache",
        hints=(
            "Is a cache among the arguments of the model's calls?",
            "An argument that is taken and not looked at changes nothing.",
            "If use_cache, make one KVCache for each layer and pass them as cache=.",
        ),
        ways=[[Edit(DECODER, "Decoder(model, prompt_ids, choose, None)")]],
    ),
    Mistake(
        id="uncached_with_cache",
        sentence="With use_cache=False you decode with a cache all the same.",
        why="the plain loop is the truth that the cache is held against.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "Is a cache among the arguments of the model's calls?",
            "An argument that is taken and not looked at changes nothing.",
            "Without use_cache, feed the whole window at every step and pass no cache.",
        ),
        ways=[[Edit(DECODER, DECODER.replace(" if use_cache else None", ""))]],
    ),
    Mistake(
        id="logits_of_first_position",
        sentence="Without a cache you take the logits at the first position.",
        why="they say what follows the first token, and are the same at every step.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "Which of the model's positions says what comes next?",
            "The logits at position p are about the token at p + 1.",
            "Take the logits at the last real token of each row.",
        ),
        ways=[[decoder(ROW_LOGITS, "logits[:, 0]")]],
    ),
    Mistake(
        id="logits_of_padding",
        sentence="Without a cache you take the logits at the last place, padding or not.",
        why="it is right for the longest row; the others go on from padding.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "What stands at the last place of a shorter row?",
            "[:, -1] is the end of the batch, not of each row.",
            "Take the logits of each row at its own length minus 1.",
        ),
        ways=[
            [
                decoder(
                    "min(self.context, 2 ** (max(self.filled) - 1).bit_length())",
                    "max(self.filled)",
                ),
                decoder(ROW_LOGITS, "logits[:, -1]"),
            ]
        ],
    ),
    Mistake(
        id="stop_id_in_the_answer",
        sentence="The stop id is part of your answer; it should be left out.",
        why="a text then ends in <|endoftext|>, which nobody wants to read.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "What is the last id of a row that stopped?",
            "Look at the token before you append it.",
            "End the row if the new token is a stop id, and append it otherwise.",
        ),
        ways=[
            [
                Edit(
                    f"    return {BEFORE_STOP}\n",
                    "    for token in tokens:\n        yield token\n"
                    "        if token in stop_ids:\n            return\n",
                )
            ]
        ],
    ),
    Mistake(
        id="stop_ids_ignored",
        sentence="No stop id ends a row of yours.",
        why="the model goes on with a new document after the end of the one you wanted.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "Where does your loop look at stop_ids?",
            "A row ends at the first new token that is a stop id.",
            "After each step, test every row's new token with `in stop_ids`.",
        ),
        ways=[
            [
                Edit(f"return {BEFORE_STOP}", "return iter(tokens)"),
                Edit("if stop_ids:  #", "if False:  #"),
            ]
        ],
    ),
    Mistake(
        id="stop_id_ends_all_rows",
        sentence="A stop id in one row ends all rows.",
        why="how long a text gets should not depend on its neighbours.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "What do the other rows do when one has stopped?",
            "A break leaves the loop for every row.",
            "Remember which rows have stopped, and end the loop when all have.",
        ),
        ways=[
            [
                Edit(
                    ENDED,
                    "if any(token in stop_ids for _, token in tokens):\n"
                    "                    break\n",
                )
            ]
        ],
    ),
    Mistake(
        id="stopped_rows_go_on",
        sentence="A row that has stopped goes on collecting tokens until all rows have stopped.",
        why="behind the end stands what the model makes up about something else.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "What does a row hold that stopped long before the others?",
            "A stopped row may still be computed, but not be added to.",
            "Cut each row before its first stop id.",
        ),
        ways=[[Edit(ROWS, "return rows")]],
    ),
    Mistake(
        id="generate_one_token_too_many",
        sentence="Your generate adds max_new_tokens + 1 tokens.",
        why="the caller asked for a number, and may have room for no more.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "How many tokens do you add for max_new_tokens = 1?",
            "The token that the prefill draws counts as well.",
            "Stop as soon as max_new_tokens have been drawn.",
        ),
        ways=[[Edit("len(steps) < max_new_tokens", "len(steps) <= max_new_tokens")]],
    ),
    Mistake(
        id="prompt_counts_as_new",
        sentence="The tokens of the prompt count towards your max_new_tokens.",
        why="a long prompt then gets a short answer, or none.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "How many tokens do you add to a prompt of 7 for max_new_tokens = 9?",
            "max_new_tokens is about new tokens, and not about the whole row.",
            "Compare the number of drawn tokens with max_new_tokens.",
        ),
        ways=[
            [
                Edit(
                    ROWS,
                    "return [\n"
                    "        list(_before_stop(row[: max(0, max_new_tokens - len(prompt))], "
                    "stop_ids))\n"
                    "        for row, prompt in zip(rows, prompt_ids, strict=True)\n    ]",
                )
            ]
        ],
    ),
    Mistake(
        id="prompt_in_the_answer",
        sentence="Your generate returns the prompt along with the new tokens.",
        why="whoever joins prompt and answer reads the prompt twice.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "What is the first id of your answer?",
            "The contract says: the tokens that the model adds, without the prompt.",
            "Return what comes after the first len(prompt) ids.",
        ),
        ways=[
            [
                Edit(
                    ROWS,
                    "return [\n        [*prompt, *_before_stop(row, stop_ids)]\n"
                    "        for row, prompt in zip(rows, prompt_ids, strict=True)\n    ]",
                )
            ]
        ],
    ),
    Mistake(
        id="prompts_grow",
        sentence="Your generate changes the prompts that it is given.",
        why="a second call with the same list goes on from the first one's answer.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "What is in the caller's list after the call?",
            "A list that is given another name is still the same list.",
            "Begin with list(prompt), and append to that.",
        ),
        ways=[
            [
                Edit(
                    f"    {ROWS}",
                    "    for prompt, row in zip(prompt_ids, rows, strict=True):\n"
                    f"        prompt += _before_stop(row, stop_ids)\n    {ROWS}",
                )
            ]
        ],
    ),
    Mistake(
        id="generate_setting_not_handed_on",
        sentence="Your generate does not hand every setting on to sample_token.",
        why="an argument with a default can be forgotten without an error.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "Which tokens come out with top_k = 2, and which with temperature 0.02?",
            "Compare your call of sample_token with the arguments of generate.",
            "Pass temperature, top_k, top_p and generator to sample_token.",
        ),
        ways=[
            [Edit(SETTINGS, SETTINGS.replace(forgotten, ""))]
            for forgotten in (
                "temperature=temperature, ",
                ", top_k=top_k",
                ", top_p=top_p",
                ", generator=generator",
            )
        ],
    ),
    Mistake(
        id="generate_requests_not_checked",
        sentence="Your generate does not refuse prompts or a count that no model could go on from.",
        why="a wrong id is an error deep inside the model, and on a GPU an unreadable one.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "What happens with an empty prompt, with the id -1, with a count of -1?",
            "The docstring lists what is refused, before the model runs.",
            "Raise ValueError for an empty prompt, an id outside the vocabulary, a count below 0.",
        ),
        ways=[
            [Edit("    check_request(model.config, prompt_ids, max_new_tokens)\n", "")],
            [decoder("if max_new_tokens < 0:", "if False:")],
            [decoder("if strange is not None:", "if False:")],
            [decoder("if not prompt:", "if False:")],
        ],
    ),
    Mistake(
        id="generate_eval_mode_forgotten",
        sentence="Your generate does not put the model into eval mode.",
        why="dropout, where a model has it, would disturb every token.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "What is model.training while generate runs?",
            "A model that has just been trained is in training mode.",
            "Call model.eval() before the first token.",
        ),
        ways=[[decoder("        module.training = False\n", "        pass\n")]],
    ),
    Mistake(
        id="generate_modes_not_put_back",
        sentence="After generate, the modules are not in the modes that they were in.",
        why="a sample in the middle of a training run would change the training.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "What is the training flag of each module before and after?",
            "Neither eval() nor train() knows what a part of the model was in before.",
            "Remember which modules were training, and give just those their flag back.",
        ),
        ways=[
            [decoder(MODES_BACK, "        pass\n")],
            [decoder(MODES_BACK, "        model.train()\n")],
            [decoder(MODES_BACK, "        model.train(model in training)\n")],
        ],
    ),
    Mistake(
        id="generate_modes_lost_on_error",
        sentence="If something fails in generate, the modules stay in eval mode.",
        why="a training run that survives the error goes on without dropout.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "What is model.training after an exception?",
            "Lines after the one that fails are not run.",
            "Put the modes back in a finally block.",
        ),
        ways=[
            [
                decoder(
                    "    try:\n        # Not inference_mode", "    if True:\n        # Not inf"
                ),
                decoder("    finally:\n", "    if True:\n"),
            ]
        ],
    ),
    Mistake(
        id="generate_gradients_recorded",
        sentence="Your generate runs the model with gradients switched on.",
        why="the memory grows with every token, for a backward pass that never comes.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "What does torch.is_grad_enabled() say while the model runs?",
            "eval() changes the mode of the modules, and has no part in gradients.",
            "Run the model inside of torch.no_grad().",
        ),
        ways=[[decoder("        with torch.no_grad():\n", "        if True:\n")]],
    ),
    Mistake(
        id="tensors_not_on_the_models_device",
        sentence="Your generate makes tensors without saying on which device.",
        why="it works on the CPU, and fails at once for a model on a GPU.",
        contract="generate",
        section="generate-without-a-cache",
        hints=(
            "Which device has a tensor that is made without one?",
            "Ids, positions and caches have to be where the model's weights are.",
            "Pass device=next(model.parameters()).device wherever you make a tensor.",
        ),
        ways=[
            [decoder("torch.tensor(padded, device=self.device)", "torch.tensor(padded)")],
        ],
    ),
    Mistake(
        id="caches_not_on_the_models_device",
        sentence="Your generate makes its caches without telling them the device of the model.",
        why="keys on the CPU cannot meet queries on a GPU.",
        contract="generate",
        section="generate-with-the-cache",
        hints=(
            "Which arguments do you give to KVCache?",
            "A KVCache is on the device that it is told.",
            "Pass the device of the model's weights to every KVCache.",
        ),
        ways=[[Edit("weight.device, weight.dtype", "None, weight.dtype")]],
    ),
    Mistake(
        id="caches_not_in_the_models_dtype",
        sentence="Your generate makes its caches in float32, whatever dtype the model has.",
        why="a bfloat16 model needs twice the memory, or fails where the two meet.",
        contract="generate",
        section="generate-with-the-cache",
        hints=(
            "Which arguments do you give to KVCache?",
            "A KVCache is float32 unless it is told otherwise.",
            "Pass the dtype of the model's weights to every KVCache.",
        ),
        ways=[[Edit("weight.device, weight.dtype", "weight.device")]],
    ),
    Mistake(
        id="stream_complains_late",
        sentence="Your stream checks its arguments when the first token is asked for.",
        why="the error comes up far from the call that caused it, or never.",
        contract="stream",
        section="stream",
        hints=(
            "What runs when a function with yield in it is called?",
            "Nothing of its body does, before somebody asks for the first value.",
            "Check in a plain function, and return an inner generator.",
        ),
        ways=[[Edit(STREAMED, "yield from _before_stop(tokens, stop_ids)")]],
    ),
    Mistake(
        id="stream_computes_ahead",
        sentence="Your stream computes all tokens before it gives the first.",
        why="the reader waits for the end, and pays for tokens that nobody asks for.",
        contract="stream",
        section="stream",
        hints=(
            "How often has the model run before the first token is asked for?",
            "A list is complete before it is handed on; a generator is not.",
            "Compute one token in each round of a loop, and yield it there.",
        ),
        ways=[
            [Edit(LATER, "tokens = [next_token() for _ in range(max_new_tokens)]\n")],
        ],
    ),
    Mistake(
        id="stream_keeps_the_mode",
        sentence="Between two tokens of your stream the model stays in eval mode.",
        why="the caller may train in between, without gradients and not knowing it.",
        contract="stream",
        section="stream",
        hints=(
            "What are model.training and is_grad_enabled() between two tokens?",
            "A with block around a yield is still open while the caller runs.",
            "Close the with block before each yield.",
        ),
        ways=[
            [
                Edit(
                    STREAMED,
                    "\n    def held() -> Iterator[int]:\n        with inference(model):\n"
                    "            yield from _before_stop(tokens, stop_ids)\n\n"
                    "    return held()",
                ),
                Edit("import Decoder, check_request", "import Decoder, check_request, inference"),
            ]
        ],
    ),
    Mistake(
        id="stream_ignores_stop_ids",
        sentence="Your stream does not end at a stop id.",
        why="generate and stream would give two different texts.",
        contract="stream",
        section="stream",
        hints=(
            "What does your stream give after a stop id?",
            "stop_ids means the same as in generate.",
            "Return if the new token is a stop id, before you yield it.",
        ),
        ways=[[Edit(STREAMED, "return tokens")]],
    ),
]
