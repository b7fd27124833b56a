"""What people get wrong in stage 04."""

from groundup.catalogue import Edit, Mistake

ATTEND = "x = x + self.attn(self.attn_norm(x), positions, cache)"
FEED = "return x + self.ffn(self.ffn_norm(x))"
POST_ATTEND = "x = self.attn_norm(x + self.attn(x, positions, cache))"
POST_FEED = "return self.ffn_norm(x + self.ffn(x))"
LAYERS = "zip(self.layers, caches, strict=True)"
LAYER = "x = layer(x, positions, its_cache)"
LOGITS = "return self.lm_head(self.norm(x))"
FINAL_NORM = '_norm(config, device, dtype) if config.norm == "pre" else nn.Sequential()'
BLOCKS = "TransformerBlock(config, rope, device, dtype) for _ in range(config.num_layers)"
COPIES = (
    "__import__('copy').deepcopy(block)"
    " for block in [TransformerBlock(config, rope, device, dtype)] * config.num_layers"
)
SEED = "torch.manual_seed(0)"
SEEDED = f"{BLOCKS} if {SEED}"
TIE = "self.embed_tokens.weight = self.lm_head.weight"
ROPE = "RotaryEmbedding(d_head, config.context_length, config.rope_theta, device)"

CONFIGURATION = [
    Mistake(
        id="config_asserts",
        sentence="ModelConfig refuses with an AssertionError, where the contract has a ValueError.",
        why="python -O strips assertions, and callers catch ValueError for what they did wrong.",
        contract="ModelConfig",
        section="configuration",
        hints=(
            "Who is at fault when num_heads does not divide d_model: your code or its caller?",
            "assert states what your own code guarantees; a caller's mistake is a ValueError.",
            "Write `if …: raise ValueError(…)` in the place of each assert.",
        ),
        ways=[
            [
                Edit(f"raise ValueError({message}", f"raise AssertionError({message}")
                for message in (
                    'f"{name} ({getattr(self, name)}) must be at least 1"',
                    'f"{name} ({getattr(self, name)}) must be positive"',
                    'f"{name} ({getattr(self, name)!r}) must be one of {allowed}"',
                    'f"{d_model} must be divisible by {heads}"',
                    'f"{d_model} / {heads} must be even',
                )
            ]
        ],
    ),
    Mistake(
        id="config_divides_before_sizes",
        sentence="ModelConfig divides by num_heads before it has checked that this is not 0.",
        why="whoever passes 0 reads of a ZeroDivisionError, and not which field to change.",
        contract="ModelConfig",
        section="configuration",
        hints=(
            "What does your check of the heads do with num_heads 0?",
            "A remainder needs a divisor that is at least 1, so that check has to come first.",
            "Move the loop over the sizes above the line with d_model % num_heads.",
        ),
        ways=[
            [
                Edit(
                    "    def __post_init__(self) -> None:\n",
                    "    def __post_init__(self) -> None:\n"
                    "        if self.d_model % self.num_heads:\n"
                    '            raise ValueError(f"d_model ({self.d_model}) must be divisible '
                    'by num_heads ({self.num_heads})")\n',
                )
            ]
        ],
    ),
    Mistake(
        id="config_size_zero_accepted",
        sentence="ModelConfig accepts sizes of 0; it refuses negative ones only.",
        why="a model of no layers or no width fails later, far from the number that caused it.",
        contract="ModelConfig",
        section="configuration",
        hints=(
            "What is the smallest vocabulary or width that makes a model?",
            "0 is not below 0, but it is below 1.",
            "Compare with `< 1`.",
        ),
        ways=[[Edit("if getattr(self, name) < 1:", "if getattr(self, name) < 0:")]],
    ),
    Mistake(
        id="config_nan_accepted",
        sentence="ModelConfig accepts NaN for rope_theta and norm_eps.",
        why="every comparison with NaN is false, and one NaN turns all logits into NaN.",
        contract="ModelConfig",
        section="configuration",
        hints=(
            'What does Python answer to `float("nan") <= 0`?',
            "Ask whether the value is right, and refuse if not: NaN is never right.",
            "Write `if not value > 0` instead of `if value <= 0`.",
        ),
        ways=[[Edit("if not getattr(self, name) > 0:", "if getattr(self, name) <= 0:")]],
    ),
    Mistake(
        id="config_heads_not_checked",
        sentence="ModelConfig accepts a d_model that num_heads does not divide.",
        why="the error comes only when a model is built, or as a reshape that does not fit.",
        contract="ModelConfig",
        section="configuration",
        hints=(
            "How wide is a head for d_model 10 and num_heads 4?",
            "d_model is shared out among the heads without a remainder.",
            "Raise ValueError if d_model % num_heads is not 0, with both numbers.",
        ),
        ways=[
            [
                Edit(
                    "        if self.d_model % self.num_heads:\n"
                    '            raise ValueError(f"{d_model} must be divisible by {heads}")\n',
                    "",
                )
            ]
        ],
    ),
    Mistake(
        id="config_odd_heads_accepted",
        sentence="ModelConfig accepts an odd d_model / num_heads together with RoPE.",
        why="RoPE turns pairs of coordinates, and the last of an odd number has no partner.",
        contract="ModelConfig",
        section="configuration",
        hints=(
            "What does RoPE do with a head of width 5?",
            "The width of one head has to be even, if there is RoPE.",
            'Raise ValueError if position is "rope" and d_model // num_heads % 2 is 1.',
        ),
        ways=[
            [
                Edit(
                    'if self.position == "rope" and self.d_model // self.num_heads % 2:',
                    "if False:",
                )
            ]
        ],
    ),
    Mistake(
        id="config_odd_heads_refused_without_rope",
        sentence='ModelConfig refuses an odd d_model / num_heads also where position is "none".',
        why="without RoPE nothing is turned in pairs, and such a model works.",
        contract="ModelConfig",
        section="configuration",
        hints=(
            "Which piece of the model needs the width of a head to be even?",
            "That piece can be left out, and its condition with it.",
            'Check for an even width only where position is "rope".',
        ),
        ways=[
            [
                Edit(
                    'if self.position == "rope" and self.d_model // self.num_heads % 2:',
                    "if self.d_model // self.num_heads % 2:",
                )
            ]
        ],
    ),
    Mistake(
        id="config_even_d_model",
        sentence="ModelConfig asks for an even d_model; it is d_model / num_heads that has to be.",
        why="18 is even, but each of 6 heads is 3 wide, and RoPE turns pairs within a head.",
        contract="ModelConfig",
        section="configuration",
        hints=(
            "How wide is a head for d_model 18 and num_heads 6?",
            "RoPE works within each head, so that its width counts and not the model's.",
            "Check d_model // num_heads % 2.",
        ),
        ways=[
            [
                Edit(
                    "and self.d_model // self.num_heads % 2:",
                    "and self.d_model % 2:",
                )
            ]
        ],
    ),
    Mistake(
        id="config_choices_not_checked",
        sentence="ModelConfig accepts values of norm, position and ffn that do not exist.",
        why='norm "layer" silently becomes whatever your last else is, and a sweep measures that.',
        contract="ModelConfig",
        section="configuration",
        hints=(
            'What model do you get for norm="layer"?',
            "Three fields are strings out of a short list; anything else is a typing error.",
            "Raise ValueError if the value is not in its list, and print the list.",
        ),
        ways=[[Edit("if getattr(self, name) not in choices:", "if False:")]],
    ),
    Mistake(
        id="config_refusal_is_vague",
        sentence="A refusal of ModelConfig does not say both fields with their values.",
        why="it is read by someone who just typed five numbers and wants to know which to change.",
        contract="ModelConfig",
        section="configuration",
        hints=(
            "Could you tell from the message alone what was passed?",
            "Both numbers belong in it, each with the name of its field.",
            'As in f"d_model ({self.d_model}) must be divisible by num_heads ({self.num_heads})".',
        ),
        ways=[
            [
                Edit(
                    'f"{d_model} must be divisible by {heads}"',
                    '"d_model must be divisible by num_heads"',
                )
            ],
            [
                Edit(
                    'f"{d_model} must be divisible by {heads}"',
                    '"d_model must be divisible by num_heads"',
                ),
                Edit('f"{d_model} / {heads} must be even,', '"d_head must be even,'),
            ],
            [Edit('f"{d_model} / {heads} must be even,', '"d_head must be even,')],
        ],
    ),
]

BLOCK = [
    Mistake(
        id="block_norms_the_sums",
        sentence='Your default block norms the sums, which is what norm "post" stands for.',
        why="a norm in the straight way shrinks the gradients of early layers.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "Is there a way from the block's output back to its input that meets no norm?",
            "In pre-norm a sublayer reads through a norm, and the stream passes it untouched.",
            "Write x + attn(attn_norm(x)), then y + ffn(ffn_norm(y)).",
        ),
        ways=[
            [
                Edit(ATTEND, POST_ATTEND),
                Edit(FEED, POST_FEED),
            ]
        ],
    ),
    Mistake(
        id="block_norms_what_sublayers_give",
        sentence="Your default block norms what a sublayer gives, not what it reads.",
        why="attention then reads a stream that nothing has ever normalised.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "What goes into attn, and what comes out of attn_norm?",
            "The norm stands in front of its sublayer, inside the brackets.",
            "Write attn(attn_norm(x)) instead of attn_norm(attn(x)), and ffn likewise.",
        ),
        ways=[
            [
                Edit(ATTEND, "x = x + self.attn_norm(self.attn(x, positions, cache))"),
                Edit(FEED, "return x + self.ffn_norm(self.ffn(x))"),
            ]
        ],
    ),
    Mistake(
        id="block_attention_reads_without_norm",
        sentence="Your attention reads the stream itself; attn_norm is left out.",
        why="the stream grows from block to block, and the scores with its square.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "Does attn_norm.weight get a gradient?",
            "Both sublayers read through a norm of their own.",
            "Give attn_norm(x) to the attention.",
        ),
        ways=[[Edit(ATTEND, "x = x + self.attn(x, positions, cache)")]],
    ),
    Mistake(
        id="block_ffn_reads_without_norm",
        sentence="Your feed-forward layer reads the stream itself; ffn_norm is left out.",
        why="SwiGLU multiplies two readings of the stream, so that its size counts twice.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "Does ffn_norm.weight get a gradient?",
            "Both sublayers read through a norm of their own.",
            "Give ffn_norm(x) to the feed-forward layer.",
        ),
        ways=[[Edit(FEED, "return x + self.ffn(x)")]],
    ),
    Mistake(
        id="block_attention_replaces_stream",
        sentence="What attention gives takes the place of the stream instead of being added to it.",
        why="without the sum the gradient reaches early layers only through every attention.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "What is left of a token's own vector after the first line of your forward?",
            "A sublayer adds to the stream; the derivative of x + f(x) keeps a 1.",
            "Write x = x + attn(attn_norm(x)).",
        ),
        ways=[[Edit(ATTEND, "x = self.attn(self.attn_norm(x), positions, cache)")]],
    ),
    Mistake(
        id="block_ffn_replaces_stream",
        sentence="What the feed-forward layer gives takes the place of the stream; add it instead.",
        why="without the sum whatever attention has gathered is lost but for what ffn keeps.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "Is there a plus in the last line of your forward?",
            "A sublayer adds to the stream; the derivative of x + f(x) keeps a 1.",
            "Return y + ffn(ffn_norm(y)).",
        ),
        ways=[[Edit(FEED, "return self.ffn(self.ffn_norm(x))")]],
    ),
    Mistake(
        id="block_adds_to_normed_stream",
        sentence="Your block adds a sublayer's output to the normed x, not to x.",
        why="the norm is back in the straight way, and the size of the stream is forgotten.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "Which x stands to the left of your plus?",
            "If the norm's result is called x as well, the stream itself is gone.",
            "Keep the norm inside the brackets: x + attn(attn_norm(x)).",
        ),
        ways=[
            [
                Edit(
                    ATTEND, "x = self.attn_norm(x)\n        x = x + self.attn(x, positions, cache)"
                ),
            ],
            [Edit(FEED, "x = self.ffn_norm(x)\n        return x + self.ffn(x)")],
            [
                Edit(
                    ATTEND, "x = self.attn_norm(x)\n        x = x + self.attn(x, positions, cache)"
                ),
                Edit(FEED, "x = self.ffn_norm(x)\n        return x + self.ffn(x)"),
            ],
        ],
    ),
    Mistake(
        id="block_ffn_adds_to_input",
        sentence="Your second sum goes back to the block's input, and attention's is lost.",
        why="what attention gathered reaches the next block only through the feed-forward layer.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "To which of the two streams, before or after attention, does ffn add?",
            "The second sum starts where the first one ended.",
            "With y = x + attn(attn_norm(x)), return y + ffn(ffn_norm(y)).",
        ),
        ways=[
            [
                Edit(ATTEND, ATTEND.replace("x = x", "y = x")),
                Edit(FEED, "return x + self.ffn(self.ffn_norm(y))"),
            ]
        ],
    ),
    Mistake(
        id="block_ffn_reads_input",
        sentence="Your feed-forward layer reads the block's input, not what attention made of it.",
        why="the two sublayers then work side by side, and a block is one step less deep.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "What does ffn_norm read, the stream before attention or after it?",
            "Attention first, then the feed-forward layer on its result.",
            "With y = x + attn(attn_norm(x)), it is ffn(ffn_norm(y)).",
        ),
        ways=[
            [
                Edit(ATTEND, ATTEND.replace("x = x", "y = x")),
                Edit(FEED, "return y + self.ffn(self.ffn_norm(x))"),
            ]
        ],
    ),
    Mistake(
        id="block_ffn_first",
        sentence="In your block the feed-forward layer comes before the attention.",
        why="the first layer then works on tokens that have not seen each other.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "Which of the two sublayers reads the block's input?",
            "First information moves between tokens, then each token is worked on.",
            "Write the line with attn above the line with ffn.",
        ),
        ways=[
            [
                Edit(ATTEND, "x = x + self.ffn(self.ffn_norm(x))"),
                Edit(FEED, "return x + self.attn(self.attn_norm(x), positions, cache)"),
            ]
        ],
    ),
    Mistake(
        id="block_input_added_twice",
        sentence="The block's input is in your result twice: in the first sum and once more.",
        why="the stream doubles in every block, and what the sublayers add drowns in it.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "How often does x stand in your result if both sublayers give 0?",
            "The first sum already holds x, and the second sum adds to it.",
            "With y = x + attn(…), return y + ffn(ffn_norm(y)) and no x besides.",
        ),
        ways=[
            [
                Edit(ATTEND, ATTEND.replace("x = x", "y = x")),
                Edit(FEED, "return x + y + self.ffn(self.ffn_norm(y))"),
            ]
        ],
    ),
    Mistake(
        id="block_norms_swapped",
        sentence="Your attn_norm and ffn_norm are exchanged: each feeds the other's sublayer.",
        why="on a fresh model it looks right, since all gains are 1; loaded weights go wrong.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "On a fresh model both norms do the same. Which one feeds which sublayer?",
            "A norm belongs to the sublayer it is named after.",
            "attn_norm goes inside attn(…), ffn_norm inside ffn(…).",
        ),
        ways=[
            [
                Edit(ATTEND, "x = x + self.attn(self.ffn_norm(x), positions, cache)"),
                Edit(FEED, "return x + self.ffn(self.attn_norm(x))"),
            ]
        ],
    ),
    Mistake(
        id="block_one_norm_for_both",
        sentence="Both sublayers of your block read through one and the same norm.",
        why="attention and the feed-forward layer each need gains of their own.",
        contract="TransformerBlock",
        section="the-block",
        hints=(
            "How many vectors of gains does one of your blocks learn?",
            "Each sublayer has an RMSNorm of its own, and reads through that.",
            "Make two, attn_norm and ffn_norm, and use each of them once.",
        ),
        ways=[
            [Edit(FEED, "return x + self.ffn(self.attn_norm(x))")],
            [
                Edit(
                    "self.ffn_norm = _norm(config, device, dtype)",
                    "self.ffn_norm = self.attn_norm",
                )
            ],
        ],
    ),
    Mistake(
        id="block_changes_its_input",
        sentence="Your block writes its result into the tensor it was given: += works in place.",
        why="the caller's x changes, and the backward pass misses what it had kept of it.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "Print x before and after a call of your block.",
            "x += y writes into the memory of x; x = x + y makes a new tensor.",
            "Replace += by x = x + ….",
        ),
        ways=[
            [
                Edit(ATTEND, ATTEND.replace("x = x +", "x +=")),
                Edit(FEED, "x += self.ffn(self.ffn_norm(x))\n        return x"),
            ],
        ],
    ),
    Mistake(
        id="block_drops_positions",
        sentence="Your block does not hand positions to its attention.",
        why="RoPE then counts 0, 1, 2, … in every call, and decoding with a cache goes wrong.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "Who reads the argument positions of your block?",
            "The block does nothing with it; its attention does.",
            "Write attn(attn_norm(x), positions, cache).",
        ),
        ways=[
            [Edit(ATTEND, ATTEND.replace("positions, cache", "cache=cache"))],
        ],
    ),
    Mistake(
        id="block_drops_cache",
        sentence="Your block does not hand its cache to its attention.",
        why="nothing is kept, and each new token attends to itself alone.",
        contract="TransformerBlock.forward",
        section="the-block",
        hints=(
            "Who reads the argument cache of your block?",
            "The block does nothing with it; its attention does.",
            "Write attn(attn_norm(x), positions, cache).",
        ),
        ways=[
            [Edit(ATTEND, ATTEND.replace("positions, cache", "positions"))],
        ],
    ),
    Mistake(
        id="block_post_norm_drops_arguments",
        sentence="With post-norm your block does not hand positions and cache to its attention.",
        why="the branch that is seldom run is the one in which nobody looks.",
        contract="TransformerBlock.forward",
        section="ablations",
        hints=(
            "Compare the two calls of attn in your forward.",
            "positions and cache mean the same, wherever the norm stands.",
            "Write attn_norm(x + attn(x, positions, cache)).",
        ),
        ways=[
            [Edit(POST_ATTEND, POST_ATTEND.replace("x, positions, cache", "x"))],
        ],
    ),
    Mistake(
        id="block_drops_rope",
        sentence="Your block does not hand its RotaryEmbedding to its attention.",
        why="attention then knows the order of tokens from the causal mask only.",
        contract="TransformerBlock",
        section="the-block",
        hints=(
            "What does your block do with its argument rope?",
            "Attention turns queries and keys, if it is given something that turns.",
            "Write CausalSelfAttention(d_model, num_heads, rope, device, dtype).",
        ),
        ways=[
            [
                Edit(
                    "CausalSelfAttention(d_model, config.num_heads, rope, device, dtype)",
                    "CausalSelfAttention(d_model, config.num_heads, None, device, dtype)",
                )
            ]
        ],
    ),
    Mistake(
        id="block_norm_eps_ignored",
        sentence="Your blocks build RMSNorm with its default eps, not with norm_eps.",
        why="a setting without effect is found weeks later, when weights from elsewhere need it.",
        contract="TransformerBlock",
        section="configuration",
        hints=(
            "Which fields of the configuration does your block read?",
            "RMSNorm takes an eps, and the configuration has one.",
            "Write RMSNorm(config.d_model, config.norm_eps, device, dtype).",
        ),
        ways=[
            [
                Edit(
                    "RMSNorm(config.d_model, config.norm_eps, device, dtype)",
                    "RMSNorm(config.d_model, device=device, dtype=dtype)",
                )
            ],
            [
                Edit(
                    "self.attn_norm = _norm(config, device, dtype)",
                    "norms = [nn.Sequential(), nn.Sequential()]\n"
                    '        if config.norm != "none":\n'
                    "            norms = [RMSNorm(d_model, device=device, dtype=dtype) "
                    "for _ in norms]\n"
                    "        self.attn_norm = norms[0]",
                ),
                Edit("self.ffn_norm = _norm(config, device, dtype)", "self.ffn_norm = norms[1]"),
            ],
        ],
    ),
    Mistake(
        id="block_d_ff_ignored",
        sentence="The feed-forward layer is as wide as a rule says, not d_ff wide.",
        why="the parameter count is no longer what the configuration promises.",
        contract="TransformerBlock",
        section="the-block",
        hints=(
            "Where does the number of rows of ffn.up.weight come from?",
            "Rules such as 4 d_model are for whoever writes the configuration.",
            "Take config.d_ff as it is.",
        ),
        ways=[
            [
                Edit(
                    "d_model, d_ff = config.d_model, config.d_ff",
                    "d_model, d_ff = config.d_model, 4 * config.d_model",
                )
            ],
            [
                Edit(
                    "d_model, d_ff = config.d_model, config.d_ff",
                    "d_model, d_ff = config.d_model, 8 * config.d_model // 3",
                )
            ],
        ],
    ),
    Mistake(
        id="block_device_dtype_dropped",
        sentence="Some layers of your block are built without the block's device and dtype.",
        why="they stay float32 on the CPU, and a model elsewhere fails in its first forward.",
        contract="TransformerBlock",
        section="the-block",
        hints=(
            'Build a block with device="meta" and list where its parameters are.',
            "Attention, feed-forward layer and norms all take device and dtype.",
            "Hand device and dtype to every layer you build.",
        ),
        ways=[
            [
                Edit(
                    "RMSNorm(config.d_model, config.norm_eps, device, dtype)",
                    "RMSNorm(config.d_model, config.norm_eps)",
                )
            ],
            [
                Edit(
                    "CausalSelfAttention(d_model, config.num_heads, rope, device, dtype)",
                    "CausalSelfAttention(d_model, config.num_heads, rope)",
                )
            ],
            [
                Edit(
                    "CausalSelfAttention(d_model, config.num_heads, rope, device, dtype)",
                    "CausalSelfAttention(d_model, config.num_heads, rope)",
                ),
                Edit(
                    "feed_forward(d_model, d_ff, device=device, dtype=dtype)",
                    "feed_forward(d_model, d_ff)",
                ),
                Edit(
                    "RMSNorm(config.d_model, config.norm_eps, device, dtype)",
                    "RMSNorm(config.d_model, config.norm_eps)",
                ),
            ],
        ],
    ),
]

ABLATIONS = [
    Mistake(
        id="ffn_silu_has_gate",
        sentence='With ffn "silu" your block still has a SwiGLU.',
        why="the ablation then compares a model with itself.",
        contract="TransformerBlock",
        section="ablations",
        hints=(
            "Which field decides between the two feed-forward layers?",
            'Without a gate there are two matrices, and ffn "silu" has no gate.',
            "Build down(silu(up(x))) where config.ffn is silu.",
        ),
        ways=[
            [
                Edit(
                    'feed_forward = SwiGLU if config.ffn == "swiglu" else SiLUFeedForward',
                    "feed_forward = SwiGLU",
                )
            ],
            [
                Edit(
                    "        self.up = Linear",
                    "        self.gate = Linear(d_model, d_ff, device=device, dtype=dtype)\n"
                    "        self.up = Linear",
                    "feed_forward.py",
                )
            ],
        ],
    ),
    Mistake(
        id="ffn_silu_is_linear",
        sentence='With ffn "silu" nothing bends between up and down: the silu is missing.',
        why="two matrices in a row are one matrix, whatever d_ff is.",
        contract="TransformerBlock",
        section="ablations",
        hints=(
            "What is W_down (W_up x) for two matrices?",
            "Between the two matrices stands a function that is not linear.",
            "Write down(silu(up(x))).",
        ),
        ways=[
            [
                Edit(
                    "self.down(silu(self.up(x)))",
                    "self.down(self.up(x))",
                    "feed_forward.py",
                )
            ]
        ],
    ),
    Mistake(
        id="ffn_silu_is_another_activation",
        sentence='With ffn "silu" your layer bends with another function, ReLU or GELU.',
        why="the ablation would change two things at once, the gate and the activation.",
        contract="TransformerBlock",
        section="ablations",
        hints=(
            "Which function does SwiGLU apply to its gate?",
            "Only the gate is taken away; the activation stays.",
            "Use silu of stage 02.",
        ),
        ways=[
            [Edit("silu(self.up(x))", "torch.relu(self.up(x))", "feed_forward.py")],
            [
                Edit(
                    "return self.down(silu(self.up(x)))",
                    "h = self.up(x)\n        return self.down(h * (1 + torch.erf(h / 2**0.5)) / 2)",
                    "feed_forward.py",
                )
            ],
        ],
    ),
    Mistake(
        id="post_norm_is_pre_norm",
        sentence='With norm "post" your block still norms what its sublayers read.',
        why="the ablation then measures a model without a final norm, and calls it post-norm.",
        contract="TransformerBlock.forward",
        section="ablations",
        hints=(
            "Which field does the forward of your block ask?",
            'With "post" the norm is applied to each sum.',
            "Write attn_norm(x + attn(x)), then ffn_norm(y + ffn(y)).",
        ),
        ways=[
            [Edit('self.norm_is_last = config.norm == "post"', "self.norm_is_last = False")],
        ],
    ),
    Mistake(
        id="post_norm_inside_the_sum",
        sentence='With norm "post" your block norms what a sublayer gives, not the sum.',
        why="the stream itself is then never normed, and nothing norms it at the end either.",
        contract="TransformerBlock.forward",
        section="ablations",
        hints=(
            "What is the mean square of what your post-norm block returns, with gains of 1?",
            "The residual sum comes first, and then the norm of it.",
            "Write attn_norm(x + attn(x)) instead of x + attn_norm(attn(x)).",
        ),
        ways=[
            [
                Edit(POST_ATTEND, "x = x + self.attn_norm(self.attn(x, positions, cache))"),
                Edit(POST_FEED, "return x + self.ffn_norm(self.ffn(x))"),
            ]
        ],
    ),
    Mistake(
        id="norm_none_keeps_norms",
        sentence='With norm "none" your blocks still have their norms.',
        why="parameters that should be missing are in the state dict, and in the count.",
        contract="TransformerBlock",
        section="ablations",
        hints=(
            'List the parameters of a block with norm "none".',
            "What the configuration leaves out is not built.",
            "An empty nn.Sequential() hands on its input and has no parameters.",
        ),
        ways=[
            [
                Edit(
                    '    if config.norm == "none":\n        return nn.Sequential()\n',
                    "",
                )
            ]
        ],
    ),
    Mistake(
        id="final_norm_unasked",
        sentence='Your model has a final norm also where norm is not "pre".',
        why="after post-norm the stream is normed already, and without norms it should not be.",
        contract="TransformerLM",
        section="ablations",
        hints=(
            "For which of the three values of norm is the stream still unnormed at the end?",
            'Only pre-norm leaves something to do, and "none" means none.',
            'Build the final norm only where config.norm is "pre".',
        ),
        ways=[
            [Edit(FINAL_NORM, "_norm(config, device, dtype)")],
            [
                Edit(
                    FINAL_NORM,
                    "RMSNorm(d_model, config.norm_eps, device, dtype) "
                    'if config.norm != "post" else nn.Sequential()',
                )
            ],
            [Edit(FINAL_NORM, "RMSNorm(d_model, config.norm_eps, device, dtype)")],
        ],
    ),
    Mistake(
        id="position_none_has_rope",
        sentence='With position "none" your model still turns queries and keys by RoPE.',
        why="the ablation then compares a model with itself.",
        contract="TransformerLM",
        section="ablations",
        hints=(
            "Which field decides whether there is a RotaryEmbedding?",
            'With "none" only the causal mask knows the order.',
            'Give the blocks rope=None where config.position is "none".',
        ),
        ways=[[Edit('if config.position == "rope":', "if True:")]],
    ),
]

MODEL = [
    Mistake(
        id="layers_in_a_plain_list",
        sentence="Your blocks are in a plain list, where no optimizer and no state dict sees them.",
        why="the model runs, but most of its weights are never trained and never saved.",
        contract="TransformerLM",
        section="the-model",
        hints=(
            "How many parameters does your model have, and how many should it have?",
            "A Module registers modules and parameters, and nothing inside a Python list.",
            "Put the blocks into nn.ModuleList.",
        ),
        ways=[
            [
                Edit("self.layers = nn.ModuleList(", "self.layers = list("),
            ]
        ],
    ),
    Mistake(
        id="layers_are_one_block",
        sentence="All your layers are one block, used num_layers times.",
        why="the model is as deep as it should be, with the weights of a single layer.",
        contract="TransformerLM",
        section="the-model",
        hints=(
            "How many different blocks does your model hold?",
            "[block] * 3 is a list of one block, three times.",
            "Build a new TransformerBlock for every layer, in a comprehension.",
        ),
        ways=[
            [Edit(BLOCKS, "[TransformerBlock(config, rope, device, dtype)] * config.num_layers")]
        ],
    ),
    Mistake(
        id="layers_start_alike",
        sentence="All layers of your model start with the same weights.",
        why="what one layer has drawn says nothing new in the next: the start is less random.",
        contract="TransformerLM",
        section="the-model",
        hints=(
            "Compare the first row of q_proj in two layers.",
            "A copy has the weights of what it was made of; a seed gives the same ones again.",
            "Build a new TransformerBlock for every layer, and set no seed.",
        ),
        ways=[
            [Edit(BLOCKS, COPIES.replace("(block)", "(block, {id(rope): rope})"))],
            [Edit(BLOCKS, COPIES)],
            [Edit(BLOCKS, SEEDED)],
        ],
    ),
    Mistake(
        id="model_sets_a_seed",
        sentence="Your model sets a seed, so that every model starts with the same weights.",
        why="whoever makes the model chooses the seed; after it, all else is drawn anew as well.",
        contract="TransformerLM",
        section="the-model",
        hints=(
            "Do two models made one after the other have the same weights?",
            "torch.manual_seed changes the one generator that everybody draws from.",
            "Take it out of the constructor.",
        ),
        ways=[
            [Edit("self.layers = nn.ModuleList(", f"{SEED}\n        self.layers = nn.ModuleList(")]
        ],
    ),
    Mistake(
        id="layers_one_too_few",
        sentence="Your model has, or runs, one block fewer than num_layers.",
        why="it is smaller than its configuration says, and nothing else tells.",
        contract="TransformerLM",
        section="the-model",
        hints=(
            "Count the calls of a block in one forward.",
            "Look at both ends of the range, or of the slice, that makes or runs the layers.",
            "range(num_layers) makes num_layers blocks; run all of them.",
        ),
        ways=[
            [Edit(BLOCKS, BLOCKS.replace("num_layers", "num_layers - 1"))],
            [Edit(LAYERS, "zip(self.layers[:-1], caches[:-1], strict=True)")],
            [Edit(LAYERS, "zip(self.layers[1:], caches[1:], strict=True)")],
        ],
    ),
    Mistake(
        id="layers_reversed",
        sentence="Your model runs its blocks from the last to the first.",
        why="loaded weights stand in the wrong order, and layers.0 is not the first layer.",
        contract="TransformerLM.forward",
        section="the-model",
        hints=(
            "Which block reads the embedding?",
            "layers.0 comes first.",
            "Go through self.layers in their order.",
        ),
        ways=[[Edit(LAYERS, "zip(reversed(self.layers), caches, strict=True)")]],
    ),
    Mistake(
        id="final_norm_missing",
        sentence="Between your last block and lm_head there is no norm.",
        why="a pre-norm stream has never been normed, so that the first logits are too large.",
        contract="TransformerLM.forward",
        section="the-model",
        hints=(
            "What has normalised the stream when it reaches lm_head?",
            "With pre-norm, one norm more comes at the end.",
            "Return lm_head(norm(x)).",
        ),
        ways=[
            [Edit(LOGITS, "return self.lm_head(x)")],
            [Edit(FINAL_NORM, "nn.Sequential()")],
        ],
    ),
    Mistake(
        id="final_norm_after_every_layer",
        sentence="Your final norm is applied after every block, not once at the end.",
        why="it cuts the straight way from the loss to the first layer after every block.",
        contract="TransformerLM.forward",
        section="the-model",
        hints=(
            "How often does one forward call the final norm?",
            "It stands behind the loop, not in it.",
            "Leave the loop before you apply norm.",
        ),
        ways=[
            [Edit(LAYER, f"x = self.norm({LAYER[4:]})"), Edit(LOGITS, "return self.lm_head(x)")],
            [Edit(LAYER, f"x = self.norm({LAYER[4:]})")],
        ],
    ),
    Mistake(
        id="final_norm_eps_ignored",
        sentence="Your final norm has RMSNorm's default eps, not norm_eps.",
        why="a setting without effect is found weeks later, when weights from elsewhere need it.",
        contract="TransformerLM",
        section="configuration",
        hints=(
            "Where does the eps of the last norm come from?",
            "All norms of a model share one norm_eps.",
            "Write RMSNorm(config.d_model, config.norm_eps, device, dtype).",
        ),
        ways=[
            [
                Edit(
                    FINAL_NORM,
                    "RMSNorm(d_model, device=device, dtype=dtype) "
                    'if config.norm == "pre" else nn.Sequential()',
                )
            ]
        ],
    ),
    Mistake(
        id="logits_are_probabilities",
        sentence="Your model returns probabilities: the softmax of the logits.",
        why="cross-entropy applies its own softmax, and two of them leave almost no gradient.",
        contract="TransformerLM.forward",
        section="the-model",
        hints=(
            "What do your outputs sum to at each position?",
            "The softmax is a part of the loss, and of sampling.",
            "Return what lm_head gives.",
        ),
        ways=[
            [
                Edit("SwiGLU\n", "SwiGLU, softmax\n"),
                Edit(LOGITS, "return softmax(self.lm_head(self.norm(x)), dim=-1)"),
            ]
        ],
    ),
    Mistake(
        id="logits_are_log_probabilities",
        sentence="Your model returns the log-softmax of its logits.",
        why="training does not notice, but every output is paid for with one pass more.",
        contract="TransformerLM.forward",
        section="the-model",
        hints=(
            "What is the logsumexp of your outputs at each position?",
            "The log-softmax of a log-softmax is itself, so the loss looks right.",
            "Return what lm_head gives.",
        ),
        ways=[
            [
                Edit(
                    LOGITS,
                    "logits = self.lm_head(self.norm(x))\n"
                    "        return logits - logits.logsumexp(dim=-1, keepdim=True)",
                )
            ]
        ],
    ),
    Mistake(
        id="logits_of_last_position_only",
        sentence="Your model returns logits of the last position only.",
        why="training needs the prediction at every position: each of them has a target.",
        contract="TransformerLM.forward",
        section="the-model",
        hints=(
            "What is the shape of the logits for a batch of 2 and 7 tokens?",
            "Generation needs the last position only; training needs all.",
            "Give the whole x to norm and lm_head.",
        ),
        ways=[
            [Edit(LOGITS, "return self.lm_head(self.norm(x[:, -1:]))")],
            [Edit(LOGITS, "return self.lm_head(self.norm(x[:, -1]))")],
        ],
    ),
    Mistake(
        id="logits_without_last_token",
        sentence="Your model drops the last token before it runs, as if it were only a target.",
        why="inputs and targets are shifted where batches are made; twice is one too much.",
        contract="TransformerLM.forward",
        section="the-model",
        hints=(
            "For how many positions do you return logits?",
            "Your model is given inputs only; the targets are cut off by its caller.",
            "Embed all of token_ids.",
        ),
        ways=[
            [Edit("self.embed_tokens(token_ids)", "self.embed_tokens(token_ids[:, :-1])")],
        ],
    ),
    Mistake(
        id="logits_in_float32",
        sentence="Your model returns float32 logits, whatever its own dtype is.",
        why="logits are the largest tensor there is; whoever needs them wider can widen them.",
        contract="TransformerLM.forward",
        section="the-model",
        hints=(
            "What dtype do the logits of a bfloat16 model have?",
            "What widening is needed is done in the loss.",
            "Return what lm_head gives, without .float().",
        ),
        ways=[[Edit(LOGITS, "return self.lm_head(self.norm(x)).float()")]],
    ),
    Mistake(
        id="embedding_times_sqrt_d_model",
        sentence="Your embedding is multiplied by √d_model, as in Vaswani et al. 2017.",
        why="ours starts with σ = 1 already; a stream that large drowns what blocks add.",
        contract="TransformerLM.forward",
        section="the-model",
        hints=(
            "What is the size of x before the first block, and what is it in the table?",
            "That factor belongs to tables that start small, with σ = 1/√d_model.",
            "Give the rows of embed_tokens to the first block as they are.",
        ),
        ways=[
            [
                Edit(
                    "x = self.embed_tokens(token_ids)",
                    "x = self.embed_tokens(token_ids) * self.config.d_model**0.5",
                )
            ]
        ],
    ),
    Mistake(
        id="positions_in_a_table",
        sentence="Your model adds a learned table of positions to the embedding, as GPT-2 does.",
        why="RoPE tells positions already; the table is more parameters, and weights do not fit.",
        contract="TransformerLM",
        section="the-model",
        hints=(
            "Which names does your state dict have that the contract has not?",
            "The stream itself never hears of positions; RoPE acts inside each attention.",
            "Leave the table and its sum out.",
        ),
        ways=[
            [
                Edit(
                    "self.embed_tokens = Embedding(vocab_size, d_model, device, dtype)",
                    "self.embed_tokens = Embedding(vocab_size, d_model, device, dtype)\n"
                    "        self.embed_positions = "
                    "Embedding(config.context_length, d_model, device, dtype)",
                ),
                Edit(
                    "x = self.embed_tokens(token_ids)",
                    "order = torch.arange(seq, device=token_ids.device)\n"
                    "        x = self.embed_tokens(token_ids) + self.embed_positions(order)",
                ),
            ]
        ],
    ),
    Mistake(
        id="rope_for_every_layer",
        sentence="Every layer of your model has a RotaryEmbedding of its own.",
        why="the tables are the same in every layer, and long contexts make them large.",
        contract="TransformerLM",
        section="the-model",
        hints=(
            "How many tables of sines does your model hold?",
            "The turn depends on the position alone, not on the layer.",
            "Build one RotaryEmbedding before the blocks, and hand it to all of them.",
        ),
        ways=[
            [
                Edit(
                    BLOCKS,
                    "TransformerBlock(config, rope and "
                    + ROPE.replace("d_head", "rope.d_head")
                    + ", device, dtype) for _ in range(config.num_layers)",
                )
            ]
        ],
    ),
    Mistake(
        id="rope_not_handed_on",
        sentence="Your model does not hand its RotaryEmbedding to its blocks.",
        why="attention then knows the order of tokens from the causal mask only.",
        contract="TransformerLM",
        section="the-model",
        hints=(
            "What do your blocks get for rope?",
            "A RotaryEmbedding works only where an attention holds it.",
            "Write TransformerBlock(config, rope, device, dtype).",
        ),
        ways=[
            [Edit(BLOCKS, BLOCKS.replace("rope, device, dtype", "device=device, dtype=dtype"))],
            [
                Edit(BLOCKS, BLOCKS.replace("rope, device, dtype", "device=device, dtype=dtype")),
                Edit(f"rope = {ROPE}", f"self.rope = {ROPE}"),
            ],
        ],
    ),
    Mistake(
        id="rope_theta_ignored",
        sentence="Your RotaryEmbedding has its default base, not rope_theta.",
        why="a setting without effect is found weeks later, when weights from elsewhere need it.",
        contract="TransformerLM",
        section="configuration",
        hints=(
            "Which fields of the configuration does your model read?",
            "RotaryEmbedding takes a theta, and the configuration has one.",
            "Write RotaryEmbedding(d_head, context_length, rope_theta, device).",
        ),
        ways=[[Edit(ROPE, "RotaryEmbedding(d_head, config.context_length, device=device)")]],
    ),
    Mistake(
        id="model_device_dtype_dropped",
        sentence="Some parts of your model are built without the model's device and dtype.",
        why="they stay float32 on the CPU, and a model elsewhere fails in its first forward.",
        contract="TransformerLM",
        section="the-model",
        hints=(
            'Build a model with device="meta" and list where its parameters are.',
            "Embedding, blocks, final norm and lm_head all take device and dtype.",
            "Hand device and dtype to everything you build.",
        ),
        ways=[
            [
                Edit(
                    "Embedding(vocab_size, d_model, device, dtype)",
                    "Embedding(vocab_size, d_model)",
                )
            ],
            [Edit("Linear(d_model, vocab_size, device, dtype)", "Linear(d_model, vocab_size)")],
            [Edit(BLOCKS, BLOCKS.replace("rope, device, dtype", "rope"))],
            [
                Edit(
                    "Embedding(vocab_size, d_model, device, dtype)",
                    "Embedding(vocab_size, d_model)",
                ),
                Edit("Linear(d_model, vocab_size, device, dtype)", "Linear(d_model, vocab_size)"),
                Edit(BLOCKS, BLOCKS.replace("rope, device, dtype", "rope")),
                Edit(FINAL_NORM, FINAL_NORM.replace("device, dtype", "None, None")),
                Edit(ROPE, "RotaryEmbedding(d_head, config.context_length, config.rope_theta)"),
            ],
        ],
    ),
    Mistake(
        id="weights_start_like_gpt2",
        sentence="All your matrices start with σ = 0.02, as GPT-2's do.",
        why="0.02 suits GPT-2's width; a Linear and an Embedding here know their own spread.",
        contract="TransformerLM",
        section="does-it-learn",
        hints=(
            "What is the standard deviation of embed_tokens.weight in a new model?",
            "Linear and Embedding of stage 02 start as they should.",
            "Leave out whatever draws weights anew after the model is built.",
        ),
        ways=[
            [
                Edit(
                    f"            {TIE}",
                    f"            {TIE}\n"
                    "        for parameter in self.parameters():\n"
                    "            if parameter.ndim > 1:\n"
                    "                nn.init.normal_(parameter, std=0.02)",
                )
            ]
        ],
    ),
    Mistake(
        id="residual_weights_start_smaller",
        sentence="What adds to the stream (o_proj, down) starts smaller by 1/√(2 num_layers).",
        why="that is GPT-2's remedy; the contract's weights start as a Linear's do.",
        contract="TransformerLM",
        section="does-it-learn",
        hints=(
            "Compare the spread of o_proj.weight and q_proj.weight in a new model.",
            "Linear of stage 02 starts as it should, wherever it stands.",
            "Leave out whatever scales weights after the model is built.",
        ),
        ways=[
            [
                Edit(
                    f"            {TIE}",
                    f"            {TIE}\n"
                    "        for name, parameter in self.named_parameters():\n"
                    '            if name.endswith(("o_proj.weight", "down.weight")):\n'
                    "                parameter.data /= (2 * config.num_layers) ** 0.5",
                )
            ]
        ],
    ),
    Mistake(
        id="tied_unasked",
        sentence="Your embedding and lm_head share one matrix also where nobody asked for it.",
        why="untied is the default, and a model has V · d_model parameters more that way.",
        contract="TransformerLM",
        section="tied-embeddings",
        hints=(
            "Are embed_tokens.weight and lm_head.weight one tensor in your default model?",
            "Tying is a choice of the configuration, and off unless said.",
            "Tie only where config.tie_embeddings is true.",
        ),
        ways=[
            [Edit("if config.tie_embeddings:", "if True:")],
            [
                Edit("if config.tie_embeddings:", "if True:"),
                Edit(TIE, "self.lm_head.weight = self.embed_tokens.weight"),
            ],
        ],
    ),
    Mistake(
        id="tied_is_two_parameters",
        sentence="With tie_embeddings your embedding and lm_head are two parameters, not one.",
        why="what only starts equal drifts apart, and is counted and stepped twice.",
        contract="TransformerLM",
        section="tied-embeddings",
        hints=(
            "Is model.embed_tokens.weight the same object as model.lm_head.weight?",
            "Equal numbers, or shared memory, are not one parameter; one object is.",
            "Assign the parameter itself: embed_tokens.weight = lm_head.weight.",
        ),
        ways=[
            [Edit(TIE, "self.embed_tokens.weight.data.copy_(self.lm_head.weight.data)")],
            [Edit(TIE, "self.embed_tokens.weight.data = self.lm_head.weight.data")],
        ],
    ),
    Mistake(
        id="tying_ignored",
        sentence="Setting tie_embeddings has no effect: your two matrices are never tied.",
        why="the model has V · d_model parameters more than its configuration says.",
        contract="TransformerLM",
        section="tied-embeddings",
        hints=(
            "Which line of yours reads config.tie_embeddings?",
            "One parameter gets two names.",
            "If it is set, assign embed_tokens.weight = lm_head.weight.",
        ),
        ways=[[Edit("if config.tie_embeddings:", "if False:")]],
    ),
    Mistake(
        id="tied_starts_like_the_embedding",
        sentence="Your tied matrix starts with the embedding's σ = 1, not with a Linear's spread.",
        why="logits of size √d_model make the first loss far larger than ln(vocab_size).",
        contract="TransformerLM",
        section="tied-embeddings",
        hints=(
            "How large is a logit if both its vectors have entries of size 1?",
            "Of the two initial spreads, only the smaller gives small logits.",
            "Keep lm_head's parameter: embed_tokens.weight = lm_head.weight.",
        ),
        ways=[[Edit(TIE, "self.lm_head.weight = self.embed_tokens.weight")]],
    ),
    Mistake(
        id="tied_in_forward_only",
        sentence="Tied, your forward multiplies by the embedding, yet lm_head.weight still exists.",
        why="a matrix that nothing reads is counted, saved and never trained.",
        contract="TransformerLM",
        section="tied-embeddings",
        hints=(
            "Which parameters of a tied model get no gradient?",
            "One parameter under two names needs no second case in forward.",
            "Tie in __init__, and let forward call lm_head as always.",
        ),
        ways=[
            [
                Edit("if config.tie_embeddings:", "if False:"),
                Edit(
                    LOGITS,
                    "if self.config.tie_embeddings:\n"
                    "            return self.norm(x) @ self.embed_tokens.weight.T\n"
                    f"        {LOGITS}",
                ),
            ]
        ],
    ),
]

LIMITS = [
    Mistake(
        id="length_not_checked",
        sentence="Your model does not refuse a sequence longer than context_length.",
        why="with RoPE a table runs out with a riddle; without, the model guesses silently.",
        contract="TransformerLM.forward",
        section="limits-positions-caches",
        hints=(
            "What does a caller read who passes one token too many?",
            "A sequence that is too long is the caller's mistake: a ValueError.",
            "Compare token_ids.shape[-1] with context_length before anything else.",
        ),
        ways=[[Edit("if seq > longest:", "if False:")]],
    ),
    Mistake(
        id="length_off_by_one",
        sentence="Your model refuses a sequence of exactly context_length tokens.",
        why="training uses windows of just this length.",
        contract="TransformerLM.forward",
        section="limits-positions-caches",
        hints=(
            "context_length 16: may a sequence have 16 tokens?",
            "context_length is the longest sequence that is still right.",
            "Refuse with > and not with >=.",
        ),
        ways=[[Edit("if seq > longest:", "if seq >= longest:")]],
    ),
    Mistake(
        id="length_of_the_batch",
        sentence="Your model compares the batch size with context_length, not the sequence length.",
        why="large batches of short sequences are refused, and long sequences are not.",
        contract="TransformerLM.forward",
        section="limits-positions-caches",
        hints=(
            "What is len(token_ids) for 2 sequences of 7 tokens?",
            "token_ids has the axes batch and seq, in this order.",
            "Take token_ids.shape[-1].",
        ),
        ways=[
            [
                Edit(
                    "seq, longest = token_ids.shape[-1], self.config.context_length",
                    "seq, longest = len(token_ids), self.config.context_length",
                )
            ]
        ],
    ),
    Mistake(
        id="length_cut_silently",
        sentence="Your model cuts a sequence that is too long to its last context_length tokens.",
        why="the caller gets fewer logits than tokens, and is not told.",
        contract="TransformerLM.forward",
        section="limits-positions-caches",
        hints=(
            "How many positions do you return for one token more than context_length?",
            "Which tokens to forget is a decision of generation, in stage 07.",
            "Raise ValueError instead of slicing token_ids.",
        ),
        ways=[
            [
                Edit("if seq > longest:", "if False:"),
                Edit(
                    "x = self.embed_tokens(token_ids)",
                    "x = self.embed_tokens(token_ids[:, -longest:])",
                ),
            ]
        ],
    ),
    Mistake(
        id="model_drops_positions",
        sentence="Your model does not hand positions to its layers.",
        why="RoPE then counts 0, 1, 2, … in every call, and decoding with a cache goes wrong.",
        contract="TransformerLM.forward",
        section="limits-positions-caches",
        hints=(
            "What do your layers get for positions?",
            "The model does nothing with them but hand them to every layer.",
            "Write layer(x, positions, its_cache).",
        ),
        ways=[
            [Edit(LAYER, "x = layer(x, cache=its_cache)")],
        ],
    ),
    Mistake(
        id="positions_made_on_cpu",
        sentence="Your model makes its positions on the CPU, wherever the tokens are.",
        why="on a GPU each call then copies them, or fails where two devices meet.",
        contract="TransformerLM.forward",
        section="limits-positions-caches",
        hints=(
            "On which device is torch.arange(seq)?",
            "What a forward makes anew belongs on the device of its input.",
            "Write torch.arange(seq, device=token_ids.device), or leave it to attention.",
        ),
        ways=[
            [
                Edit(
                    "x = self.embed_tokens(token_ids)",
                    "x = self.embed_tokens(token_ids)\n"
                    "        positions = torch.arange(seq) if positions is None else positions",
                )
            ]
        ],
    ),
    Mistake(
        id="model_drops_cache",
        sentence="Your model does not hand the caches to its layers.",
        why="nothing is kept, and each new token attends to itself alone.",
        contract="TransformerLM.forward",
        section="limits-positions-caches",
        hints=(
            "What do your layers get for cache?",
            "cache holds one cache for each layer, in the order of the layers.",
            "Go through layers and caches together, and write layer(x, positions, its_cache).",
        ),
        ways=[[Edit(LAYER, "x = layer(x, positions)")]],
    ),
    Mistake(
        id="layers_share_a_cache",
        sentence="All your layers write to the first layer's cache.",
        why="each layer then attends to keys that other layers have written.",
        contract="TransformerLM.forward",
        section="limits-positions-caches",
        hints=(
            "Which cache does your second layer get?",
            "Keys of one layer mean nothing to another, so each has a cache of its own.",
            "zip the layers with the caches.",
        ),
        ways=[[Edit(LAYER, "x = layer(x, positions, caches[0])")]],
    ),
]

MISTAKES = [*CONFIGURATION, *BLOCK, *ABLATIONS, *MODEL, *LIMITS]
