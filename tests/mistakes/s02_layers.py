"""What people get wrong in stage 02."""

from groundup.catalogue import Edit, Mistake

LINEAR_EMPTY = "torch.empty(d_out, d_in, device=device, dtype=dtype)"
LINEAR_START = "nn.init.trunc_normal_(self.weight, std=std, a=-3 * std, b=3 * std)"
LINEAR_STD = "(2 / (d_in + d_out)) ** 0.5"
EMBEDDING_EMPTY = "torch.empty(vocab_size, d_model, device=device, dtype=dtype)"
EMBEDDING_START = "nn.init.trunc_normal_(self.weight, std=1.0, a=-3.0, b=3.0)"
GAIN_START = "torch.ones(d_model, device=device, dtype=dtype)"
RMSNORM = "(wide * torch.rsqrt(mean_square + self.eps) * self.weight.float()).to(x.dtype)"
MEAN_SQUARE = "torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square() / x.shape[-1]"
GATED = "silu(gate) * up"
GATE = "self.gate = Linear(d_model, d_ff, device=device, dtype=dtype)"
UP = "self.up = Linear(d_model, d_ff, device=device, dtype=dtype)"
DOWN = "self.down = Linear(d_ff, d_model, device=device, dtype=dtype)"
SILU = "x * torch.sigmoid(x)"
SOFTMAX_SHIFT = "x - x.detach().amax(dim=dim, keepdim=True)"
SOFTMAX_SUM = "exponentials.sum(dim=dim, keepdim=True)"
LOSS_SHIFT = "logits - logits.detach().amax(dim=-1, keepdim=True)"
PICK = 'einx.get_at("... [vocab], ... -> ...", shifted, targets)'
LOSS = "(shifted.exp().sum(dim=-1).log() - target_logits).mean()"

MISTAKES = [
    Mistake(
        id="linear_std_is_variance",
        sentence="Your Linear starts with 2/(d_in + d_out) as standard deviation; it is σ².",
        why="the weights start many times too small; the model still learns, only badly.",
        contract="Linear",
        section="linear",
        hints=(
            "Does trunc_normal_ want a variance or a standard deviation?",
            "The formula 2 / (d_in + d_out) is the variance, and its root is what you need.",
            "Compute std = math.sqrt(2 / (d_in + d_out)) and give that to trunc_normal_.",
        ),
        ways=[[Edit(LINEAR_STD, "2 / (d_in + d_out)")]],
    ),
    Mistake(
        id="linear_std_root_of_sum_only",
        sentence="Your Linear starts with σ = 2/√(d_in + d_out); the 2 belongs under the root.",
        why="every weight is √2 too large, and over twelve layers that is a factor of 64.",
        contract="Linear",
        section="linear",
        hints=(
            "Which binds more tightly in Python, / or **?",
            "The root must be taken of the whole fraction, so the fraction needs parentheses.",
            "Write std = (2 / (d_in + d_out)) ** 0.5.",
        ),
        ways=[[Edit(LINEAR_STD, "2 / (d_in + d_out) ** 0.5")]],
    ),
    Mistake(
        id="linear_std_from_one_side",
        sentence="Your Linear's σ uses d_in or d_out alone; it should use the two of them.",
        why="one of the forward and the backward pass then grows or shrinks from layer to layer.",
        contract="Linear",
        section="linear",
        hints=(
            "Which direction does 1/d_in keep level, and which does 1/d_out?",
            "The compromise of both is the variance 2 / (d_in + d_out).",
            "Compute std = (2 / (d_in + d_out)) ** 0.5, with both sizes in it.",
        ),
        ways=[
            [Edit(LINEAR_STD, "d_in**-0.5")],
            [Edit(LINEAR_STD, "d_out**-0.5")],
            [Edit(LINEAR_STD, "(2 / d_in) ** 0.5")],
            [Edit(LINEAR_START, "nn.init.kaiming_normal_(self.weight)")],
        ],
    ),
    Mistake(
        id="linear_std_one",
        sentence="Your Linear starts with σ = 1, whatever its sizes are.",
        why="every layer multiplies the spread by √d_in, and the first loss is far above ln V.",
        contract="Linear",
        section="linear",
        hints=(
            "How large is a sum of d_in products of numbers of size 1?",
            "The weights of a wide layer have to be smaller than those of a narrow one.",
            "Give trunc_normal_ std=(2 / (d_in + d_out)) ** 0.5, and bounds of 3 times that.",
        ),
        ways=[
            [Edit(LINEAR_START, "nn.init.trunc_normal_(self.weight, a=-3, b=3)")],
            [Edit(LINEAR_START, "nn.init.trunc_normal_(self.weight)")],
            [Edit(LINEAR_START, "nn.init.normal_(self.weight)")],
        ],
    ),
    Mistake(
        id="linear_start_not_cut",
        sentence="Your Linear has the right σ at first, but its weights are not cut at 3σ.",
        why="a few weights of 4 or 5σ stand out from the start in every large matrix.",
        contract="Linear",
        section="linear",
        hints=(
            "Are the bounds of trunc_normal_ in units of σ?",
            "They are absolute numbers; against a σ of 0.03 a bound of 2 or 3 never cuts anything.",
            "Pass a=-3 * std and b=3 * std beside std=std.",
        ),
        ways=[
            [Edit("std=std, a=-3 * std, b=3 * std", "std=std, a=-3, b=3")],
            [Edit(LINEAR_START, "nn.init.normal_(self.weight, std=std)")],
            [Edit(LINEAR_START, "nn.init.xavier_normal_(self.weight)")],
        ],
    ),
    Mistake(
        id="linear_cut_at_two",
        sentence="Your Linear's initial weights are cut at 2σ, not at 3σ.",
        why="cutting at 2σ takes 12 % off the standard deviation, cutting at 3σ only 1.3 %.",
        contract="Linear",
        section="linear",
        hints=(
            "How many σ from the mean is your largest weight?",
            "The contract wants the normal distribution truncated at ±3σ.",
            "Pass a=-3 * std and b=3 * std to trunc_normal_.",
        ),
        ways=[[Edit("a=-3 * std, b=3 * std", "a=-2 * std, b=2 * std")]],
    ),
    Mistake(
        id="linear_start_uniform",
        sentence="Your Linear starts with a uniform distribution; it should be a cut normal one.",
        why="a later comparison of runs would compare initialisations, not models.",
        contract="Linear",
        section="linear",
        hints=(
            "Which distribution does the docstring name?",
            "kaiming_uniform_, which nn.Linear uses, and xavier_uniform_ draw from a uniform one.",
            "Use nn.init.trunc_normal_ with std, a=-3 * std and b=3 * std.",
        ),
        ways=[
            [Edit(LINEAR_START, "nn.init.kaiming_uniform_(self.weight, a=5**0.5)")],
            [Edit(LINEAR_START, "nn.init.xavier_uniform_(self.weight)")],
        ],
    ),
    Mistake(
        id="linear_not_transposed",
        sentence="Your Linear multiplies by its weight as it stands, without transposing it.",
        why="a square layer then gives wrong numbers without a word, as in attention.",
        contract="Linear.forward",
        section="linear",
        hints=(
            "What is the shape of the weight, and which of its axes must meet the last one of x?",
            "The weight is (d_out, d_in), so that d_in has to be brought to the front.",
            "Return x @ self.weight.T.",
        ),
        ways=[[Edit("x @ self.weight.T", "x @ self.weight")]],
    ),
    Mistake(
        id="linear_stored_transposed",
        sentence="Your Linear keeps its weight as (d_in, d_out); it should be (d_out, d_in).",
        why="no checkpoint of PyTorch or Llama loads, nor do those of the later stages.",
        contract="Linear",
        section="linear",
        hints=(
            "Print layer.weight.shape for Linear(5, 3), and read the docstring.",
            "The output size comes first in the stored weight.",
            "Make the parameter with torch.empty(d_out, d_in, …), and return x @ self.weight.T.",
        ),
        ways=[
            [
                Edit(LINEAR_EMPTY, "torch.empty(d_in, d_out, device=device, dtype=dtype)"),
                Edit("x @ self.weight.T", "x @ self.weight"),
            ]
        ],
    ),
    Mistake(
        id="linear_has_bias",
        sentence="Your Linear has a bias; the contract has none.",
        why="the state dict has names that no Llama checkpoint has, and parameters are miscounted.",
        contract="Linear",
        section="linear",
        hints=(
            "Which parameters does dict(layer.named_parameters()) list?",
            "y = x Wᵀ has one parameter only.",
            "Delete the parameter `bias` and the line that adds it.",
        ),
        ways=[
            [
                Edit(LINEAR_START, f"{LINEAR_START}\n        {bias}"),
                Edit("x @ self.weight.T", "x @ self.weight.T + self.bias"),
            ]
            for bias in (
                "self.bias = nn.Parameter(torch.zeros(d_out, device=device, dtype=dtype))",
                "self.bias = nn.Parameter(torch.zeros(d_out))",
            )
        ],
    ),
    Mistake(
        id="linear_ignores_device_dtype",
        sentence="Your Linear does not make its weight on the device or with the dtype given.",
        why="a model built for the GPU has weights on the CPU, and crashes at its first batch.",
        contract="Linear",
        section="linear",
        hints=(
            "Which of the arguments of __init__ do you never use?",
            "The tensor that you wrap in nn.Parameter must be made with device and dtype.",
            "Write torch.empty(d_out, d_in, device=device, dtype=dtype).",
        ),
        ways=[
            [Edit(LINEAR_EMPTY, "torch.empty(d_out, d_in)")],
            [Edit(LINEAR_EMPTY, "torch.empty(d_out, d_in, device=device)")],
            [Edit(LINEAR_EMPTY, "torch.empty(d_out, d_in, dtype=dtype)")],
        ],
    ),
    Mistake(
        id="linear_weight_not_parameter",
        sentence="The weight of your Linear is no nn.Parameter, so that nobody finds it.",
        why="parameters() is empty: no optimizer ever changes the weight, and it is not saved.",
        contract="Linear",
        section="linear",
        hints=(
            "What does list(layer.parameters()) show?",
            "A module finds tensors that are nn.Parameter; a plain tensor or a buffer it does not.",
            "Wrap it: self.weight = nn.Parameter(torch.empty(…)).",
        ),
        ways=[
            [Edit(f"nn.Parameter({LINEAR_EMPTY})", LINEAR_EMPTY)],
            [
                Edit(
                    f"self.weight = nn.Parameter({LINEAR_EMPTY})",
                    f'self.register_buffer("weight", {LINEAR_EMPTY})',
                )
            ],
        ],
    ),
    Mistake(
        id="linear_weight_without_gradient",
        sentence="Your Linear multiplies by a weight that is cut off from the gradient.",
        why="the weight gets no gradient, and stays as it was for the whole training.",
        contract="Linear.forward",
        section="linear",
        hints=(
            "Call backward on an output, and look at layer.weight.grad.",
            ".data and .detach() give a tensor of which autograd knows nothing.",
            "Use self.weight itself: x @ self.weight.T.",
        ),
        ways=[[Edit("x @ self.weight.T", "x @ self.weight.data.T")]],
    ),
    Mistake(
        id="linear_low_precision",
        sentence="Your Linear multiplies in bfloat16, although its input and weight are float32.",
        why="four of seven digits are gone after one layer; precision is the caller's choice.",
        contract="Linear.forward",
        section="linear",
        hints=(
            "To how many digits does your output agree?",
            "Somewhere x or the weight is converted to a narrower dtype.",
            "Multiply in the dtype that comes in: x @ self.weight.T, no conversion.",
        ),
        ways=[[Edit("x @ self.weight.T", "(x.bfloat16() @ self.weight.T.bfloat16()).to(x.dtype)")]],
    ),
    Mistake(
        id="embedding_std_small",
        sentence="Your Embedding starts with a small σ, such as 0.02; the contract says 1.",
        why="the first residuals are tiny beside what the layers add, and gradients are large.",
        contract="Embedding",
        section="embedding",
        hints=(
            "What is the standard deviation of a fresh Embedding's weight?",
            "A look-up sums nothing, so neither a width nor GPT-2's 0.02 belongs here.",
            "Call nn.init.trunc_normal_(self.weight, std=1.0, a=-3.0, b=3.0).",
        ),
        ways=[
            [Edit("std=1.0, a=-3.0, b=3.0", "std=0.02, a=-0.06, b=0.06")],
            [Edit("std=1.0, a=-3.0, b=3.0", "std=0.02")],
            [Edit("std=1.0, a=-3.0, b=3.0", "std=d_model**-0.5")],
        ],
    ),
    Mistake(
        id="embedding_std_of_linear",
        sentence="Your Embedding starts with Linear's σ² = 2/(vocab_size + d_model); it is 1.",
        why="a larger vocabulary would make every vector smaller, for no reason.",
        contract="Embedding",
        section="embedding",
        hints=(
            "Why does Linear's σ depend on its sizes, and is that so for a look-up?",
            "Each output is one entry of the table: nothing is summed that could grow.",
            "Use std=1.0 with the bounds a=-3.0 and b=3.0.",
        ),
        ways=[
            [
                Edit(
                    EMBEDDING_START,
                    "std = (2 / (vocab_size + d_model)) ** 0.5\n"
                    "        nn.init.trunc_normal_(self.weight, std=std, a=-3 * std, b=3 * std)",
                )
            ],
            [
                Edit(
                    EMBEDDING_START,
                    "std = (2 / (vocab_size + d_model)) ** 0.5\n"
                    "        nn.init.trunc_normal_(self.weight, std=std, a=-3, b=3)",
                )
            ],
        ],
    ),
    Mistake(
        id="embedding_start_not_cut",
        sentence="Your Embedding starts with σ = 1, but its entries are not cut at 3.",
        why="entries of 4 or 5 make a few tokens special before anything is learned.",
        contract="Embedding",
        section="embedding",
        hints=(
            "What is the largest entry of a fresh table?",
            "torch.randn and normal_ draw from the whole normal distribution.",
            "Call nn.init.trunc_normal_(self.weight, std=1.0, a=-3.0, b=3.0).",
        ),
        ways=[
            [Edit(EMBEDDING_START, "nn.init.normal_(self.weight)")],
            [
                Edit(EMBEDDING_EMPTY, EMBEDDING_EMPTY.replace("empty", "randn")),
                Edit(EMBEDDING_START, "self.weight.requires_grad_()"),
            ],
        ],
    ),
    Mistake(
        id="embedding_cut_at_two",
        sentence="Your Embedding's initial entries are cut at 2, which is trunc_normal_'s default.",
        why="the standard deviation starts at 0.88 and not near 1.",
        contract="Embedding",
        section="embedding",
        hints=(
            "What are a and b of trunc_normal_ if you do not give them?",
            "They are -2 and 2; the contract cuts at ±3.",
            "Pass a=-3.0 and b=3.0.",
        ),
        ways=[[Edit("std=1.0, a=-3.0, b=3.0", "std=1.0")]],
    ),
    Mistake(
        id="embedding_stored_transposed",
        sentence="Your Embedding keeps its table as (d_model, vocab_size), one column per token.",
        why="checkpoints do not load, and the output layer cannot share the table.",
        contract="Embedding",
        section="embedding",
        hints=(
            "Print table.weight.shape for Embedding(11, 4).",
            "Each token id has a row: the vocabulary is the first axis.",
            "Make the parameter with torch.empty(vocab_size, d_model, …).",
        ),
        ways=[
            [
                Edit(
                    EMBEDDING_EMPTY,
                    EMBEDDING_EMPTY.replace("vocab_size, d_model", "d_model, vocab_size"),
                ),
                Edit("self.weight[token_ids]", "self.weight.T[token_ids]"),
            ]
        ],
    ),
    Mistake(
        id="embedding_times_root_d",
        sentence="Your Embedding multiplies its vectors by √d_model.",
        why="that is the 2017 Transformer's; here an RMSNorm follows, and checkpoints differ.",
        contract="Embedding.forward",
        section="embedding",
        hints=(
            "Compare table(ids)[0] with table.weight[ids[0]].",
            "The original Transformer scales its embeddings; Llama and this contract do not.",
            "Return self.weight[token_ids], and nothing more.",
        ),
        ways=[
            [Edit("self.weight[token_ids]", "self.weight[token_ids] * self.weight.shape[1] ** 0.5")]
        ],
    ),
    Mistake(
        id="embedding_without_gradient",
        sentence="Your Embedding looks its vectors up in a table cut off from the gradient.",
        why="the table stays random for the whole training.",
        contract="Embedding.forward",
        section="embedding",
        hints=(
            "Call backward on an output, and look at table.weight.grad.",
            ".data and .detach() give a tensor of which autograd knows nothing.",
            "Index the parameter itself: self.weight[token_ids].",
        ),
        ways=[[Edit("self.weight[token_ids]", "self.weight.data[token_ids]")]],
    ),
    Mistake(
        id="embedding_low_precision",
        sentence="Your Embedding rounds its vectors to bfloat16.",
        why="tokens with similar vectors become alike; precision is the caller's choice.",
        contract="Embedding.forward",
        section="embedding",
        hints=(
            "To how many digits does a vector agree with its row of the table?",
            "Somewhere the table or the result is converted to a narrower dtype.",
            "Return self.weight[token_ids], without conversion.",
        ),
        ways=[
            [
                Edit(
                    "self.weight[token_ids]",
                    "self.weight.bfloat16()[token_ids].to(self.weight.dtype)",
                )
            ]
        ],
    ),
    Mistake(
        id="embedding_ignores_device_dtype",
        sentence="Your Embedding does not make its table on the device or with the dtype given.",
        why="a model built for the GPU has its table on the CPU, and crashes at its first batch.",
        contract="Embedding",
        section="embedding",
        hints=(
            "Which of the arguments of __init__ do you never use?",
            "The tensor that you wrap in nn.Parameter must be made with device and dtype.",
            "Write torch.empty(vocab_size, d_model, device=device, dtype=dtype).",
        ),
        ways=[
            [Edit(EMBEDDING_EMPTY, "torch.empty(vocab_size, d_model)")],
            [Edit(EMBEDDING_EMPTY, "torch.empty(vocab_size, d_model, device=device)")],
            [Edit(EMBEDDING_EMPTY, "torch.empty(vocab_size, d_model, dtype=dtype)")],
        ],
    ),
    Mistake(
        id="rmsnorm_eps_outside_root",
        sentence="Your RMSNorm adds eps to the root mean square; it belongs under the root.",
        why="for small inputs the result is another, and a Llama checkpoint drifts.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "Work out x = (0.001, 0.001) by hand, with eps on either side of the root.",
            "eps is added to the mean square, before the root is taken.",
            "Use torch.rsqrt(mean_square + self.eps).",
        ),
        ways=[[Edit("torch.rsqrt(mean_square + self.eps)", "1 / (mean_square.sqrt() + self.eps)")]],
    ),
    Mistake(
        id="rmsnorm_without_eps",
        sentence="Your RMSNorm leaves eps out.",
        why="a vector of zeros becomes NaN, and with it every loss from there on.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "What does your norm make of a vector of zeros?",
            "Something small has to keep the root from being 0.",
            "Use torch.rsqrt(mean_square + self.eps).",
        ),
        ways=[[Edit("mean_square + self.eps", "mean_square")]],
    ),
    Mistake(
        id="rmsnorm_eps_fixed",
        sentence="Your RMSNorm uses an eps of its own, and not the one it is given.",
        why="models state their eps; with another one a checkpoint gives other numbers.",
        contract="RMSNorm",
        section="rmsnorm",
        hints=(
            "What changes if you build RMSNorm with eps=0.1?",
            "The value passed to __init__ must be kept, and used in forward.",
            "Set self.eps = eps, and use self.eps under the root.",
        ),
        ways=[
            [Edit("mean_square + self.eps", "mean_square + 1e-5")],
            [Edit("mean_square + self.eps", "mean_square + 1e-6")],
            [Edit("mean_square + self.eps", "mean_square + 1e-8")],
        ],
    ),
    Mistake(
        id="rmsnorm_default_eps",
        sentence="Your RMSNorm has another default for eps than 1e-5.",
        why="whoever leaves eps out gets another model than the contract says.",
        contract="RMSNorm",
        section="rmsnorm",
        hints=(
            "What is RMSNorm(4).eps, and what does the contract's signature say?",
            "Llama 1 has 1e-6, torch the smallest step of the dtype; here it is 1e-5.",
            "Write eps: float = 1e-5 in the signature.",
        ),
        ways=[
            [Edit("eps: float = 1e-5", "eps: float = 1e-6")],
        ],
    ),
    Mistake(
        id="rmsnorm_eps_as_floor",
        sentence="Your RMSNorm takes eps as the least value of the root; it is added under it.",
        why="small inputs are then scaled by another factor, and the gradient has a kink.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "Does the formula take a maximum or a sum?",
            "eps is added to every mean square, also to those far above it.",
            "Use torch.rsqrt(mean_square + self.eps) in place of clamp or max.",
        ),
        ways=[
            [
                Edit(
                    "torch.rsqrt(mean_square + self.eps)",
                    "1 / mean_square.sqrt().clamp(min=self.eps)",
                )
            ],
            [
                Edit(
                    "torch.rsqrt(mean_square + self.eps)",
                    "torch.rsqrt(mean_square.clamp(min=self.eps))",
                )
            ],
        ],
    ),
    Mistake(
        id="rmsnorm_returns_float32",
        sentence="Your RMSNorm returns float32, whatever the dtype of its input.",
        why="from the first norm on, a bfloat16 model takes twice the time and memory.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "What is the dtype of norm(x) if x is bfloat16?",
            "You convert to float32 on the way in; on the way out you have to convert back.",
            "End with .to(x.dtype), after the gain.",
        ),
        ways=[[Edit(f"return {RMSNORM}", f"return {RMSNORM.removesuffix('.to(x.dtype)')}")]],
    ),
    Mistake(
        id="rmsnorm_gain_after_rounding",
        sentence="Your RMSNorm converts back to the input's dtype before it applies the gain.",
        why="every value is rounded twice, and a float32 gain makes the result float32.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "How often is a number rounded on its way through your norm?",
            "The gain belongs to the float32 part, and converting back comes last.",
            "Multiply by self.weight.float(), and only then call .to(x.dtype).",
        ),
        ways=[
            [
                Edit(
                    RMSNORM,
                    "(wide * torch.rsqrt(mean_square + self.eps)).to(x.dtype) * self.weight",
                )
            ],
            [
                Edit(
                    RMSNORM,
                    "((wide * torch.rsqrt(mean_square + self.eps)).to(x.dtype) * self.weight)"
                    ".to(x.dtype)",
                )
            ],
        ],
    ),
    Mistake(
        id="rmsnorm_in_input_dtype",
        sentence="Your RMSNorm squares in the dtype of its input, and not in float32.",
        why="float16 overflows above 256 and the result is 0; bfloat16 loses most of its digits.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "What is 300² in float16, whose largest number is 65504?",
            "Squares and their mean have to be taken in float32.",
            "Begin with wide = x.float(), and compute with wide.",
        ),
        ways=[[Edit("wide = x.float()", "wide = x")]],
    ),
    Mistake(
        id="rmsnorm_is_layernorm",
        sentence="Your RMSNorm subtracts the mean first: that is a LayerNorm.",
        why="weights of Llama were trained without it, and the mean costs time for nothing.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "What does your norm make of a vector whose entries are all 5?",
            "The formula divides by a root mean square; no mean is subtracted anywhere.",
            "Take wide.square().mean(dim=-1, keepdim=True) of the input as it is.",
        ),
        ways=[
            [Edit("x.float()", "x.float() - x.float().mean(dim=-1, keepdim=True)")],
            [
                Edit("x.float()", "x.float() - x.float().mean(dim=-1, keepdim=True)"),
                Edit(MEAN_SQUARE, "wide.var(dim=-1, keepdim=True)"),
            ],
        ],
    ),
    Mistake(
        id="rmsnorm_divides_by_std",
        sentence="Your RMSNorm divides by the standard deviation, not by the root mean square.",
        why="the two differ as soon as the mean is not 0, and equal entries divide by about 0.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "Is the variance of (5, 5, 5) its mean square?",
            "A variance subtracts the mean before it squares; the mean square does not.",
            "Use x.square().mean(…) in place of x.var(…).",
        ),
        ways=[
            [Edit(MEAN_SQUARE, "wide.var(dim=-1, keepdim=True, unbiased=False)")],
            [Edit(MEAN_SQUARE, "wide.var(dim=-1, keepdim=True)")],
        ],
    ),
    Mistake(
        id="rmsnorm_sum_of_squares",
        sentence="Your RMSNorm divides by the root of the sum of squares, not of their mean.",
        why="every output is √d_model too small, so that its size depends on the width.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "What is the M in RMS?",
            "Your vectors come out with length 1; they should come out with length √d_model.",
            "Take .mean(dim=-1, keepdim=True) of the squares, not .sum.",
        ),
        ways=[[Edit(MEAN_SQUARE, "wide.square().sum(dim=-1, keepdim=True)")]],
    ),
    Mistake(
        id="rmsnorm_without_root",
        sentence="Your RMSNorm divides by the mean square; the root is missing.",
        why="large inputs come out small and small ones large, in place of all the same size.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "If x doubles, what happens to your output, and what should?",
            "Between the mean and the division, one operation is missing.",
            "Divide by torch.sqrt(mean_square + self.eps).",
        ),
        ways=[[Edit("torch.rsqrt(mean_square + self.eps)", "1 / (mean_square + self.eps)")]],
    ),
    Mistake(
        id="rmsnorm_other_axis",
        sentence="Your RMSNorm takes its mean along another axis than the last.",
        why="positions or texts of a batch then change each other, and see the future.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "Which numbers does one mean run over in your code?",
            "One mean for each vector: over d_model, which is always the last axis.",
            "Pass dim=-1 and keepdim=True to mean.",
        ),
        ways=[
            [Edit(MEAN_SQUARE, "wide.square().mean(dim=-2, keepdim=True)")],
            [Edit(MEAN_SQUARE, "wide.square().mean(dim=0, keepdim=True)")],
        ],
    ),
    Mistake(
        id="rmsnorm_one_mean_for_all",
        sentence="Your RMSNorm divides the whole tensor by one root mean square.",
        why="a vector's result then depends on everything else that is in the batch.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "What is the shape of your mean?",
            "mean() without dim runs over all axes; there should be one mean for each vector.",
            "Pass dim=-1 and keepdim=True to mean.",
        ),
        ways=[[Edit(MEAN_SQUARE, "wide.square().mean()")]],
    ),
    Mistake(
        id="rmsnorm_without_gain",
        sentence="Your RMSNorm does not multiply by its gain.",
        why="the weight is there and is saved, and yet nothing is learned in it.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "Where does forward use self.weight?",
            "As long as the gain is 1, as it starts, you cannot see that it is missing.",
            "Multiply by self.weight.float() before you convert back.",
        ),
        ways=[[Edit(RMSNORM, "(wide * torch.rsqrt(mean_square + self.eps)).to(x.dtype)")]],
    ),
    Mistake(
        id="rmsnorm_one_plus_gain",
        sentence="Your RMSNorm multiplies by 1 + weight; here the weight is the gain itself.",
        why="that is Gemma's convention: with Llama's weights every norm is twice too strong.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "By what is a normalised vector multiplied when the weight is 1?",
            "Gemma stores gain − 1; Llama and this contract store the gain.",
            "Start the weight at 1, and multiply by it as it is.",
        ),
        ways=[
            [Edit("self.weight.float()", "(1 + self.weight.float())")],
            [
                Edit("self.weight.float()", "(1 + self.weight.float())"),
                Edit(GAIN_START, GAIN_START.replace("ones", "zeros")),
            ],
        ],
    ),
    Mistake(
        id="rmsnorm_gain_starts_at_zero",
        sentence="The gain of your RMSNorm starts at 0; it should start at 1.",
        why="everything behind the norm is 0 at first, and the weights there get no gradient.",
        contract="RMSNorm",
        section="rmsnorm",
        hints=(
            "What does a fresh RMSNorm give for any input?",
            "At the start a norm should only normalise, so its gain has to be neutral.",
            "Make the weight with torch.ones.",
        ),
        ways=[[Edit(GAIN_START, GAIN_START.replace("ones", "zeros"))]],
    ),
    Mistake(
        id="rmsnorm_gain_not_parameter",
        sentence="The gain of your RMSNorm is no nn.Parameter, so that nobody finds it.",
        why="parameters() is empty: the gain stays 1 for the whole training.",
        contract="RMSNorm",
        section="rmsnorm",
        hints=(
            "What does list(norm.parameters()) show?",
            "A module finds tensors that are nn.Parameter; a plain tensor or a buffer it does not.",
            "Wrap it: self.weight = nn.Parameter(torch.ones(…)).",
        ),
        ways=[
            [Edit(f"nn.Parameter({GAIN_START})", GAIN_START)],
            [
                Edit(
                    f"self.weight = nn.Parameter({GAIN_START})",
                    f'self.register_buffer("weight", {GAIN_START})',
                )
            ],
        ],
    ),
    Mistake(
        id="rmsnorm_ignores_device_dtype",
        sentence="Your RMSNorm does not make its gain on the device or with the dtype given.",
        why="a model built for the GPU has gains on the CPU, and crashes at its first batch.",
        contract="RMSNorm",
        section="rmsnorm",
        hints=(
            "Which of the arguments of __init__ do you never use?",
            "The tensor that you wrap in nn.Parameter must be made with device and dtype.",
            "Write torch.ones(d_model, device=device, dtype=dtype).",
        ),
        ways=[
            [Edit(GAIN_START, "torch.ones(d_model)")],
            [Edit(GAIN_START, "torch.ones(d_model, device=device)")],
            [Edit(GAIN_START, "torch.ones(d_model, dtype=dtype)")],
        ],
    ),
    Mistake(
        id="rmsnorm_changes_its_input",
        sentence="Your RMSNorm changes the tensor that it is given.",
        why="the residual stream still needs it: what is added back is then the normalised vector.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "Is x the same before and after the call?",
            "float() of a float32 tensor is no copy, so *= and /= write into the caller's tensor.",
            "Make a new tensor: wide * torch.rsqrt(…), not wide *= ….",
        ),
        ways=[
            [
                Edit(
                    f"return {RMSNORM}",
                    "wide *= torch.rsqrt(mean_square + self.eps)\n"
                    "        return (wide * self.weight.float()).to(x.dtype)",
                )
            ],
            [
                Edit(
                    f"return {RMSNORM}",
                    "wide *= torch.rsqrt(mean_square + self.eps)\n"
                    "        wide *= self.weight.detach().float()\n"
                    "        return wide.to(x.dtype)",
                )
            ],
        ],
    ),
    Mistake(
        id="rmsnorm_statistic_without_gradient",
        sentence="Your RMSNorm keeps its mean square out of the gradient.",
        why="the output is right and the gradient is not: the norm of x is taken for a constant.",
        contract="RMSNorm.forward",
        section="rmsnorm",
        hints=(
            "Compare the gradient for x with that of torch's rms_norm.",
            "Softmax's maximum may be detached, since it cancels; the mean square does not cancel.",
            "Take the mean square without detach() and outside of torch.no_grad().",
        ),
        ways=[[Edit("vector_norm(wide,", "vector_norm(wide.detach(),")]],
    ),
    Mistake(
        id="silu_overflows",
        sentence="Your silu takes an exponential that overflows far from 0.",
        why="the value or its gradient is NaN there, and one NaN ends the training.",
        contract="silu",
        section="silu-and-swiglu",
        hints=(
            "What is exp(200) in float32, and what is infinity divided by infinity?",
            "torch.sigmoid takes the exponential of negative numbers only, on either side.",
            "Return x * torch.sigmoid(x).",
        ),
        ways=[
            [Edit(SILU, "x / (1 + torch.exp(-x))")],
            [Edit(SILU, "x * (1 / (1 + torch.exp(-x)))")],
            [Edit(SILU, "x * torch.exp(x) / (1 + torch.exp(x))")],
        ],
    ),
    Mistake(
        id="silu_is_sigmoid",
        sentence="Your silu returns σ(x), without the factor x.",
        why="nothing negative and nothing above 1 comes out, and deep layers saturate.",
        contract="silu",
        section="silu-and-swiglu",
        hints=(
            "What should silu(10) be, roughly?",
            "SiLU is the sigmoid weighted by its own input.",
            "Return x * torch.sigmoid(x).",
        ),
        ways=[[Edit(SILU, "torch.sigmoid(x)")]],
    ),
    Mistake(
        id="silu_is_gelu",
        sentence="Your silu is GELU: x times the normal distribution function.",
        why="the curves look alike, but Llama's weights were trained with the other one.",
        contract="silu",
        section="silu-and-swiglu",
        hints=(
            "What is silu(1)? The guide's checkpoints say 0.7311.",
            "SiLU weights x by the logistic function, without erf or tanh of a cubic.",
            "Return x * torch.sigmoid(x).",
        ),
        ways=[
            [Edit(SILU, "0.5 * x * (1 + torch.erf(x / 2**0.5))")],
            [
                Edit(
                    SILU,
                    "0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))",
                )
            ],
        ],
    ),
    Mistake(
        id="silu_with_beta",
        sentence="Your silu is x · σ(1.702 x), which is the quick form of GELU.",
        why="the curve is steeper than SiLU; trained weights expect the other.",
        contract="silu",
        section="silu-and-swiglu",
        hints=(
            "Is there a constant in the formula?",
            "1.702 makes the logistic function look like the normal one; SiLU has no factor.",
            "Return x * torch.sigmoid(x).",
        ),
        ways=[[Edit(SILU, "x * torch.sigmoid(1.702 * x)")]],
    ),
    Mistake(
        id="silu_is_relu",
        sentence="Your silu is ReLU: 0 for negative numbers, x for positive ones.",
        why="half of the gradients are exactly 0, which SiLU avoids.",
        contract="silu",
        section="silu-and-swiglu",
        hints=(
            "What should silu(-1) be?",
            "SiLU is a smooth ReLU: a little below 0 for negative x.",
            "Return x * torch.sigmoid(x).",
        ),
        ways=[[Edit(SILU, "x.clamp(min=0)")]],
    ),
    Mistake(
        id="silu_of_minus_x",
        sentence="Your silu weights x by σ(−x): a sign in the exponential is turned round.",
        why="positive numbers are suppressed and negative ones pass, which is upside down.",
        contract="silu",
        section="silu-and-swiglu",
        hints=(
            "Does your σ go to 1 for large x?",
            "The logistic function is 1 / (1 + exp(−x)), with a minus.",
            "Return x * torch.sigmoid(x).",
        ),
        ways=[
            [Edit(SILU, "x * torch.sigmoid(-x)")],
            [Edit(SILU, "x / (1 + torch.exp(x))")],
        ],
    ),
    Mistake(
        id="silu_changes_its_input",
        sentence="Your silu changes the tensor that it is given.",
        why="the caller's values are gone, and backward stops with an error.",
        contract="silu",
        section="silu-and-swiglu",
        hints=(
            "Is x the same before and after the call?",
            "*= and names with _ at their end write into the caller's tensor.",
            "Return x * torch.sigmoid(x), a new tensor.",
        ),
        ways=[[Edit(SILU, "x.mul_(torch.sigmoid(x))")]],
    ),
    Mistake(
        id="swiglu_gate_and_up_swapped",
        sentence="Your SwiGLU puts the SiLU on `up`; it belongs on `gate`.",
        why="from scratch it learns as well, but checkpoints give nonsense.",
        contract="SwiGLU.forward",
        section="silu-and-swiglu",
        hints=(
            "Which of the two projections goes through silu in the docstring's formula?",
            "w1 and w3 are named the other way round in some sources; ours are gate and up.",
            "Return self.down(silu(self.gate(x)) * self.up(x)).",
        ),
        ways=[[Edit(GATED, "gate * silu(up)")]],
    ),
    Mistake(
        id="swiglu_silu_of_product",
        sentence="Your SwiGLU applies silu to the product of gate and up.",
        why="the gate no longer gates: `up` decides as much as it does.",
        contract="SwiGLU.forward",
        section="silu-and-swiglu",
        hints=(
            "What stands inside the parentheses of silu?",
            "silu is of the gate alone; the product comes after.",
            "Return self.down(silu(self.gate(x)) * self.up(x)).",
        ),
        ways=[[Edit(GATED, "silu(gate * up)")]],
    ),
    Mistake(
        id="swiglu_silu_on_both",
        sentence="Your SwiGLU applies silu to gate and to up.",
        why="the linear path, through which gradients pass unhindered, is gone.",
        contract="SwiGLU.forward",
        section="silu-and-swiglu",
        hints=(
            "How often does silu stand in the docstring's formula?",
            "One of the two projections stays linear.",
            "Return self.down(silu(self.gate(x)) * self.up(x)).",
        ),
        ways=[[Edit(GATED, "silu(gate) * silu(up)")]],
    ),
    Mistake(
        id="swiglu_without_up",
        sentence="Your SwiGLU leaves out one projection: it is a plain feed-forward layer.",
        why="a third of the parameters get no gradient, and the gating is what helps.",
        contract="SwiGLU.forward",
        section="silu-and-swiglu",
        hints=(
            "Does forward use all three layers?",
            "The gate is multiplied by a second projection before `down`.",
            "Return self.down(silu(self.gate(x)) * self.up(x)).",
        ),
        ways=[[Edit(GATED, "silu(gate)")], [Edit(GATED, "silu(up)")]],
    ),
    Mistake(
        id="swiglu_without_silu",
        sentence="Your SwiGLU multiplies gate and up without any activation.",
        why="that is Shazeer's bilinear layer: another model, which learns a little worse.",
        contract="SwiGLU.forward",
        section="silu-and-swiglu",
        hints=(
            "Where is the function that gives SwiGLU its first two letters?",
            "The gate goes through silu before the product.",
            "Return self.down(silu(self.gate(x)) * self.up(x)).",
        ),
        ways=[[Edit(GATED, "gate * up")]],
    ),
    Mistake(
        id="swiglu_gate_is_sigmoid",
        sentence="Your SwiGLU gates with a sigmoid: that is the original GLU.",
        why="it is another model than Llama's, and the contract's formula says silu.",
        contract="SwiGLU.forward",
        section="silu-and-swiglu",
        hints=(
            "Is your gate between 0 and 1?",
            "In GLU the gate is σ(gate); the Sw in SwiGLU says that it is silu(gate).",
            "Return self.down(silu(self.gate(x)) * self.up(x)).",
        ),
        ways=[[Edit(GATED, "torch.sigmoid(gate) * up")]],
    ),
    Mistake(
        id="swiglu_adds",
        sentence="Your SwiGLU adds gate and up; they are multiplied.",
        why="a sum cannot switch anything off, and so nothing is gated.",
        contract="SwiGLU.forward",
        section="silu-and-swiglu",
        hints=(
            "What does ⊙ in the formula stand for?",
            "Entry by entry, the activated gate is multiplied by up.",
            "Return self.down(silu(self.gate(x)) * self.up(x)).",
        ),
        ways=[[Edit(GATED, "silu(gate) + up")]],
    ),
    Mistake(
        id="swiglu_sizes_swapped",
        sentence="Your SwiGLU builds its layers with d_model and d_ff swapped.",
        why="it runs only while somebody puts weights of other shapes in from outside.",
        contract="SwiGLU",
        section="silu-and-swiglu",
        hints=(
            "Build SwiGLU(6, 10), and call it on a tensor whose last axis is 6.",
            "The arguments of Linear are d_in, d_out: gate and up lead from d_model to d_ff.",
            "Write Linear(d_model, d_ff, …) for gate and up, Linear(d_ff, d_model, …) for down.",
        ),
        ways=[
            [
                Edit(GATE, GATE.replace("d_model, d_ff", "d_ff, d_model")),
                Edit(UP, UP.replace("d_model, d_ff", "d_ff, d_model")),
                Edit(DOWN, DOWN.replace("d_ff, d_model", "d_model, d_ff")),
            ]
        ],
    ),
    Mistake(
        id="swiglu_layers_not_registered",
        sentence="The layers of your SwiGLU are in a list or dict, where no module finds them.",
        why="parameters() is empty: nothing is trained, saved or moved to the GPU.",
        contract="SwiGLU",
        section="silu-and-swiglu",
        hints=(
            "What does list(layer.parameters()) show?",
            "A module finds its submodules only if they are attributes of it themselves.",
            "Set self.gate, self.up and self.down, each a Linear.",
        ),
        ways=[
            [
                Edit(GATE, "self.layers = {}\n        " + GATE.replace(".gate", '.layers["gate"]')),
                Edit(UP, UP.replace(".up", '.layers["up"]')),
                Edit(DOWN, DOWN.replace(".down", '.layers["down"]')),
                Edit("self.gate(x), self.up(x)", 'self.layers["gate"](x), self.layers["up"](x)'),
                Edit(f"self.down({GATED})", f'self.layers["down"]({GATED})'),
            ]
        ],
    ),
    Mistake(
        id="swiglu_ignores_device_dtype",
        sentence="Your SwiGLU does not hand device and dtype to all three of its layers.",
        why="a model built for the GPU has weights on the CPU, and crashes at its first batch.",
        contract="SwiGLU",
        section="silu-and-swiglu",
        hints=(
            "Where do device and dtype go after they came into __init__?",
            "Each Linear has to be told where its weight shall be, and in which dtype.",
            "Pass device=device, dtype=dtype to gate, up and down.",
        ),
        ways=[
            [
                Edit(line, line.replace(", device=device, dtype=dtype", ""))
                for line in (GATE, UP, DOWN)
            ],
            [Edit(line, line.replace(", dtype=dtype", "")) for line in (GATE, UP, DOWN)],
            [Edit(DOWN, DOWN.replace(", device=device, dtype=dtype", ""))],
            [Edit(UP, UP.replace(", device=device, dtype=dtype", ""))],
        ],
    ),
    Mistake(
        id="softmax_without_maximum",
        sentence="Your softmax takes the exponential of its input as it is.",
        why="float32 overflows at 88.7, and logits of 89 are nothing unusual.",
        contract="softmax",
        section="softmax",
        hints=(
            "What is exp(100) in float32?",
            "Subtracting the same number from a whole row changes nothing but the size.",
            "Subtract x.amax(dim=dim, keepdim=True) before you call exp.",
        ),
        ways=[[Edit(SOFTMAX_SHIFT, "x")]],
    ),
    Mistake(
        id="softmax_one_maximum_for_all",
        sentence="Your softmax subtracts the largest number of the whole tensor from every row.",
        why="a row that lies 100 below the largest one becomes 0/0.",
        contract="softmax",
        section="softmax",
        hints=(
            "Of which numbers do you take the maximum?",
            "Each row needs its own: the largest of another row may be far away.",
            "Use x.amax(dim=dim, keepdim=True), not x.max().",
        ),
        ways=[[Edit(SOFTMAX_SHIFT, "x - x.max()")]],
    ),
    Mistake(
        id="softmax_maximum_of_sizes",
        sentence="Your softmax subtracts the largest absolute value, not the largest value.",
        why="a row of very negative numbers is moved further down, and becomes 0/0.",
        contract="softmax",
        section="softmax",
        hints=(
            "What do you subtract from a row that lies around -1000?",
            "The largest entry has to become 0, whatever its sign.",
            "Use x.amax(dim=dim, keepdim=True), without abs.",
        ),
        ways=[
            [Edit(SOFTMAX_SHIFT, "x - x.abs().amax(dim=dim, keepdim=True)")],
            [Edit(SOFTMAX_SHIFT, "x - x.abs().max()")],
        ],
    ),
    Mistake(
        id="softmax_one_sum_for_all",
        sentence="Your softmax divides by the sum over the whole tensor.",
        why="the tensor sums to 1 and its rows do not, so that attention loses most of its weight.",
        contract="softmax",
        section="softmax",
        hints=(
            "What does each row of your result sum to?",
            "The sum has to run along `dim` only.",
            "Divide by exponentials.sum(dim=dim, keepdim=True).",
        ),
        ways=[[Edit(SOFTMAX_SUM, "exponentials.sum()")]],
    ),
    Mistake(
        id="softmax_ignores_dim",
        sentence="Your softmax works along the last axis, whatever `dim` says.",
        why="nothing is seen until somebody asks for another axis.",
        contract="softmax",
        section="softmax",
        hints=(
            "Where does your code use dim?",
            "Maximum and sum both run along the axis that the caller names.",
            "Pass dim=dim, keepdim=True to amax and to sum.",
        ),
        ways=[
            [
                Edit(SOFTMAX_SHIFT, SOFTMAX_SHIFT.replace("dim=dim", "dim=-1")),
                Edit(SOFTMAX_SUM, SOFTMAX_SUM.replace("dim=dim", "dim=-1")),
            ],
            [Edit(SOFTMAX_SUM, SOFTMAX_SUM.replace("dim=dim", "dim=-1"))],
        ],
    ),
    Mistake(
        id="softmax_axis_not_kept",
        sentence="Your softmax loses the axis that it sums or maximises over.",
        why="shapes then do not fit, or they do by accident and pair the wrong numbers.",
        contract="softmax",
        section="softmax",
        hints=(
            "What is the shape of the sum beside that of the exponentials?",
            "The reduced axis has to stay, with size 1, so that it is broadcast along itself.",
            "Pass keepdim=True.",
        ),
        ways=[
            [Edit(SOFTMAX_SUM, "exponentials.sum(dim=dim)")],
            [Edit(SOFTMAX_SHIFT, "x - x.detach().amax(dim=dim)")],
            [
                Edit(SOFTMAX_SHIFT, "x - x.detach().amax(dim=dim)"),
                Edit(SOFTMAX_SUM, "exponentials.sum(dim=dim)"),
            ],
        ],
    ),
    Mistake(
        id="softmax_changes_its_input",
        sentence="Your softmax changes the tensor that it is given.",
        why="the caller's logits are gone, and what is computed from them next is wrong.",
        contract="softmax",
        section="softmax",
        hints=(
            "Is x the same before and after the call?",
            "-= writes into the caller's tensor.",
            "Make a new tensor: shifted = x - x.amax(dim=dim, keepdim=True).",
        ),
        ways=[
            [
                Edit(
                    f"shifted = {SOFTMAX_SHIFT}",
                    "x -= x.detach().amax(dim=dim, keepdim=True)\n    shifted = x",
                )
            ],
            [
                Edit(
                    f"shifted = {SOFTMAX_SHIFT}",
                    "shifted = x.sub_(x.detach().amax(dim=dim, keepdim=True))",
                ),
                Edit("exponentials = shifted.exp()", "exponentials = shifted.exp_()"),
            ],
        ],
    ),
    Mistake(
        id="ce_picks_first_positions",
        sentence="Your cross_entropy picks logits with unsqueeze(1), where (-1) was meant.",
        why="it starts at ln V and looks right, but only the first position of each text learns.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "Print the shape of what you picked for logits of (batch, seq, vocab).",
            "The index for gather needs its new axis at the end, where vocab is.",
            "Use targets.unsqueeze(-1), and squeeze(-1) afterwards.",
        ),
        ways=[
            [Edit(PICK, "shifted.gather(-1, targets.unsqueeze(1)).squeeze(1)")],
            [Edit(PICK, "shifted.gather(-1, targets.unsqueeze(1)).squeeze(-1)")],
            [
                Edit(PICK, "shifted - shifted.exp().sum(dim=-1, keepdim=True).log()"),
                Edit(LOSS, "-target_logits.gather(-1, targets.unsqueeze(1)).mean()"),
            ],
            [
                Edit(PICK, "shifted.gather(-1, targets.unsqueeze(1))"),
                Edit(
                    "shifted.exp().sum(dim=-1).log()", "shifted.exp().sum(-1, keepdim=True).log()"
                ),
            ],
        ],
    ),
    Mistake(
        id="ce_two_axes_only",
        sentence="Your cross_entropy picks with one arange: that is right for (batch, vocab) only.",
        why="with (batch, seq, vocab) it fails, or is silently wrong where batch equals seq.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "What does logits[torch.arange(n), targets] do if logits has three axes?",
            "Either make all leading axes into one first, or pick along the last axis with gather.",
            "Use logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1).",
        ),
        ways=[
            [Edit(PICK, "shifted[torch.arange(len(targets)), targets]")],
            [
                Edit(PICK, "shifted - shifted.exp().sum(dim=-1, keepdim=True).log()"),
                Edit(LOSS, "-target_logits[torch.arange(len(targets)), targets].mean()"),
            ],
        ],
    ),
    Mistake(
        id="ce_over_axis_one",
        sentence="Your cross_entropy normalises along axis 1, which is not always vocab.",
        why="with (batch, seq, vocab) positions compete with each other, and not tokens.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "Which axis is number 1 in (batch, seq, vocab)?",
            "vocab is the last axis, however many come before it.",
            "Use dim=-1 for the maximum and for the sum.",
        ),
        ways=[
            [
                Edit(PICK, "shifted - shifted.exp().sum(dim=1, keepdim=True).log()"),
                Edit(LOSS, "-target_logits.gather(-1, targets.unsqueeze(-1)).mean()"),
            ],
            [
                Edit(LOSS_SHIFT, "logits - logits.detach().amax(dim=1, keepdim=True)"),
                Edit(PICK, "shifted - shifted.exp().sum(dim=1, keepdim=True).log()"),
                Edit(LOSS, "-target_logits.gather(-1, targets.unsqueeze(-1)).mean()"),
            ],
        ],
    ),
    Mistake(
        id="ce_without_maximum",
        sentence="Your cross_entropy takes the exponential of the logits as they are.",
        why="float32 overflows at 88.7, and the loss is infinite or NaN.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "What is exp(100) in float32, and what the log of exp(-1000)?",
            "Subtract each row's maximum from all its logits; the loss stays the same.",
            "Begin with shifted = logits - logits.amax(dim=-1, keepdim=True).",
        ),
        ways=[[Edit(LOSS_SHIFT, "logits")]],
    ),
    Mistake(
        id="ce_one_maximum_for_all",
        sentence="Your cross_entropy subtracts one maximum from the logits of all positions.",
        why="a position that lies 100 below the largest one gives an infinite loss.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "Of which numbers do you take the maximum?",
            "Each position needs its own: that of another may be far away.",
            "Use logits.amax(dim=-1, keepdim=True), not logits.max().",
        ),
        ways=[[Edit(LOSS_SHIFT, "logits - logits.max()")]],
    ),
    Mistake(
        id="ce_log_of_softmax",
        sentence="Your cross_entropy takes the log of a softmax.",
        why="a probability below 1e-45 is 0 in float32, and the loss infinite.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "What is the log of your softmax for a logit 300 below the largest?",
            "The log and the exponential of the target's logit cancel on paper; let them.",
            "Compute log Σ exp(shifted) − shifted[target], with the row's maximum subtracted.",
        ),
        ways=[
            [
                Edit(PICK, "softmax(logits, -1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)"),
                Edit(LOSS, "-target_logits.log().mean()"),
            ],
        ],
    ),
    Mistake(
        id="ce_capped_by_eps",
        sentence="Your cross_entropy adds something small inside its log, or clamps it.",
        why="the loss is capped, at 20.7 for 1e-9, and a hopeless prediction gets no gradient.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "What is the largest loss that your function can give?",
            "The infinity that you silenced was right; another formula needs no small number.",
            "Compute log Σ exp(shifted) − shifted[target], with the row's maximum subtracted.",
        ),
        ways=[
            [
                Edit(PICK, "softmax(logits, -1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)"),
                Edit(LOSS, f"-{capped}.log().mean()"),
            ]
            for capped in (
                "(target_logits + 1e-9)",
                "target_logits.clamp(min=1e-9)",
                "(target_logits + 1e-10)",
                "(target_logits + 1e-12)",
            )
        ],
    ),
    Mistake(
        id="ce_sum",
        sentence="Your cross_entropy is the sum over all positions; the mean is wanted.",
        why="the gradient grows with the batch, and each batch size needs its own learning rate.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "What happens to your loss if the batch is doubled?",
            "Each position counts alike, and the number of positions should not matter.",
            "End with .mean(), not .sum().",
        ),
        ways=[[Edit(LOSS, LOSS.replace(".mean()", ".sum()"))]],
    ),
    Mistake(
        id="ce_mean_over_first_axis_only",
        sentence="Your cross_entropy divides by the size of the first axis only.",
        why="the loss grows with the length of the texts, and is no number of nats per token.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "By how much do you divide if targets is (batch, seq)?",
            "The mean runs over all leading axes, not only over the batch.",
            "Use .mean() without dim on the losses of all positions.",
        ),
        ways=[[Edit(LOSS, LOSS.replace(".mean()", ".sum() / len(targets)"))]],
    ),
    Mistake(
        id="ce_mean_over_vocab",
        sentence="Your cross_entropy takes its mean over vocab as well.",
        why="the loss and its gradient are too small by the size of the vocabulary.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "Over how many numbers does your mean run?",
            "A one-hot product has vocab entries per position, all but one of them 0.",
            "Sum over vocab first, or pick the target; then take the mean over positions.",
        ),
        ways=[[Edit(LOSS, LOSS.replace(".mean()", ".mean() / logits.shape[-1]"))]],
    ),
    Mistake(
        id="ce_in_bits",
        sentence="Your cross_entropy is in bits: it uses a logarithm to base 2.",
        why="loss and gradient are 1.44 times too large, and comparable with nobody's.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "What is your loss for equal logits over 10,000 tokens?",
            "The contract says nats, so the natural logarithm.",
            "Use torch.log, not torch.log2, and exp, not exp2.",
        ),
        ways=[
            [Edit(LOSS, LOSS + " / math.log(2)"), Edit("import einx", "import math\n\nimport einx")]
        ],
    ),
    Mistake(
        id="ce_of_probabilities",
        sentence="Your cross_entropy applies a softmax to the logits before it uses them.",
        why="two softmaxes flatten everything to nearly ln V, and training crawls.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "How many softmaxes lie between the logits and your loss?",
            "log Σ exp normalises already; what goes in must be the raw logits.",
            "Do not call softmax in cross_entropy.",
        ),
        ways=[
            [
                Edit(
                    f"shifted = {LOSS_SHIFT}",
                    f"logits = softmax(logits, -1)\n    shifted = {LOSS_SHIFT}",
                )
            ]
        ],
    ),
    Mistake(
        id="ce_maximum_on_one_side",
        sentence="Your cross_entropy subtracts the maximum in its sum only, not from the target.",
        why="the loss is off by the largest logit, and falls when all logits grow.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "Does your loss change if 10 is added to every logit?",
            "What is subtracted inside the log has to come off the target's logit as well.",
            "Pick the target from the shifted logits.",
        ),
        ways=[[Edit("shifted, targets)", "logits, targets)")]],
    ),
    Mistake(
        id="ce_sign",
        sentence="Your cross_entropy has the wrong sign.",
        why="minimising it makes the right token as improbable as possible.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "Is your loss positive?",
            "The log of a probability is negative; the loss is minus that.",
            "Return (log_sum - target_logit).mean(), in that order.",
        ),
        ways=[[Edit(LOSS, f"-{LOSS}")]],
    ),
    Mistake(
        id="ce_shifts_targets",
        sentence="Your cross_entropy shifts targets against logits by one position.",
        why="targets come shifted already, so the model learns the token after the next.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "Which logits belong to targets[..., 0]?",
            "Here targets[..., i] belongs to logits[..., i, :]; shifting is the data's affair.",
            "Use logits and targets as they come, without slicing.",
        ),
        ways=[
            [
                Edit(
                    f"shifted = {LOSS_SHIFT}",
                    "logits, targets = logits[..., :-1, :], targets[..., 1:]\n"
                    f"    shifted = {LOSS_SHIFT}",
                )
            ]
        ],
    ),
    Mistake(
        id="ce_changes_its_input",
        sentence="Your cross_entropy changes the logits that it is given.",
        why="whoever looks at the logits afterwards sees others, and backward may fail.",
        contract="cross_entropy",
        section="cross-entropy",
        hints=(
            "Are the logits the same before and after the call?",
            "-= writes into the caller's tensor.",
            "Make a new tensor: shifted = logits - logits.amax(dim=-1, keepdim=True).",
        ),
        ways=[
            [
                Edit(
                    f"shifted = {LOSS_SHIFT}",
                    "logits -= logits.detach().amax(dim=-1, keepdim=True)\n    shifted = logits",
                )
            ]
        ],
    ),
]
