"""What people get wrong in stage 08."""

from groundup.catalogue import Edit, Mistake

FFN = 'yield product("ffn", tokens, width, config.d_ff, layers * ffn_matrices(config))'
HEAD = 'yield product("lm_head", tokens, width, config.vocab_size, 1)'
BY_NAME = (
    "return {product.name: product.flops for product in operations.products(config, batch, seq)}"
)
FORWARD = "3 * sum(forward_flops(config, batch, seq).values())"


def in_operations(old: str, new: str) -> Edit:
    return Edit(old, new, file="operations.py")


def in_memory(old: str, new: str) -> Edit:
    return Edit(old, new, file="memory.py")


def in_measuring(old: str, new: str) -> Edit:
    return Edit(old, new, file="measuring.py")


def in_moments(old: str, new: str) -> Edit:
    return Edit(old, new, file="moments.py")


def in_budgets(old: str, new: str) -> Edit:
    return Edit(old, new, file="budgets.py")


def in_timing(old: str, new: str) -> Edit:
    return Edit(old, new, file="timing.py")


def in_devices(old: str, new: str) -> Edit:
    return Edit(old, new, file="devices.py")


def in_roofline(old: str, new: str) -> Edit:
    return Edit(old, new, file="roofline.py")


def in_sweeping(old: str, new: str) -> Edit:
    return Edit(old, new, file="sweeping.py")


def only_flops(value: str) -> Edit:
    """`value` in place of the FLOP of each `product`, in `forward_flops` alone."""
    return Edit(
        BY_NAME,
        "table = operations.products(config, batch, seq)\n"
        f"    return {{product.name: {value} for product in table}}",
    )


PARAMETERS = [
    Mistake(
        id="params_tied_matrix_counted_twice",
        sentence="You count the embedding and the output layer even where they are one matrix.",
        why="with a large vocabulary a tied model then seems far larger than it is.",
        contract="count_parameters",
        section="parameters",
        hints=(
            "Which switch of the configuration makes two matrices one?",
            "With tie_embeddings the output layer uses the embedding's matrix, counted already.",
            "Add vocab_size · d_model once if config.tie_embeddings, and twice if not.",
        ),
        ways=[
            [
                in_operations(
                    "0 if config.tie_embeddings else config.vocab_size * config.d_model",
                    "config.vocab_size * config.d_model",
                )
            ]
        ],
    ),
    Mistake(
        id="params_output_layer_left_out",
        sentence="You count one table of vocab_size · d_model even where there are two.",
        why="an untied output layer is learned like any other matrix, and is often the largest.",
        contract="count_parameters",
        section="parameters",
        hints=(
            "Which matrix gives the logits, and is it another one than the embedding?",
            "Without tie_embeddings the embedding and the output layer are two matrices.",
            "Add vocab_size · d_model twice, unless config.tie_embeddings.",
        ),
        ways=[
            [
                in_operations(
                    "0 if config.tie_embeddings else config.vocab_size * config.d_model", "0"
                )
            ]
        ],
    ),
    Mistake(
        id="params_final_norm_left_out",
        sentence="Your count leaves out the gain of the final norm of pre-norm models.",
        why="a count that is not exact hides the next difference, which may be a whole matrix.",
        contract="count_parameters",
        section="parameters",
        hints=(
            "By how much is your count too small, and what in the model has that size?",
            "Pre-norm blocks leave their sum as it is, so one more norm follows the last block.",
            "Count 2 · num_layers + 1 gains of d_model where config.norm is 'pre'.",
        ),
        ways=[
            [in_operations('"pre": 2 * config.num_layers + 1', '"pre": 2 * config.num_layers')],
            [
                in_operations(
                    "norms(config) * config.d_model",
                    "(norms(config) - (config.norm == 'pre')) * config.d_model",
                )
            ],
        ],
    ),
    Mistake(
        id="params_norm_switch_ignored",
        sentence="You count the gains of a pre-norm model whatever config.norm says.",
        why="an ablation is compared by its size, and the sizes of these three differ.",
        contract="count_parameters",
        section="parameters",
        hints=(
            "How many norms are there with 'pre', with 'post', and with 'none'?",
            "Post-norm blocks end with a norm, so nothing follows them; 'none' has no gains.",
            "Gains of d_model: 2 · num_layers + 1 for 'pre', 2 · num_layers for 'post', else 0.",
        ),
        ways=[
            [
                in_operations(
                    'return {"pre": 2 * config.num_layers + 1, "post": 2 * config.num_layers, '
                    '"none": 0}[config.norm]',
                    "return 2 * config.num_layers + 1",
                )
            ],
            [
                in_operations(
                    "norms(config) * config.d_model", "(2 * config.num_layers + 1) * config.d_model"
                )
            ],
        ],
    ),
    Mistake(
        id="params_gate_always_counted",
        sentence='You count three feed-forward matrices where ffn is "silu", which has no gate.',
        why="the ablation without a gate is then compared with a model of another size.",
        contract="count_parameters",
        section="parameters",
        hints=(
            "Which matrices does the feed-forward layer have without a gate?",
            'SwiGLU multiplies with gate, up and down; with ffn "silu" there are up and down.',
            'Count d_model · d_ff three times for "swiglu" and twice for "silu".',
        ),
        ways=[
            [in_operations('return 3 if config.ffn == "swiglu" else 2', "return 3")],
            [
                in_operations(
                    "ffn = ffn_matrices(config) * config.d_model",
                    "ffn = 3 * config.d_model",
                )
            ],
        ],
    ),
    Mistake(
        id="params_biases_counted",
        sentence="You count a bias for every matrix of the blocks; our Linear has none.",
        why="a count made for another model says nothing about this one.",
        contract="count_parameters",
        section="parameters",
        hints=(
            "What does your Linear of stage 02 learn?",
            "Formulas for GPT-2 count biases; the layers here have a weight and nothing else.",
            "Add the sizes of the matrices and of the norms' gains, and no more.",
        ),
        ways=[
            [
                in_operations(
                    "norms(config) * config.d_model",
                    "norms(config) * config.d_model + config.num_layers * (\n"
                    "        5 * config.d_model + (ffn_matrices(config) - 1) * config.d_ff)",
                )
            ]
        ],
    ),
]

FLOPS = [
    Mistake(
        id="flops_without_factor_2",
        sentence="Your FLOP are half of ours: you count multiplications without their additions.",
        why="the peaks of data sheets count both, so utilisation comes out at half its value.",
        contract="forward_flops",
        section="idea",
        hints=(
            "How many operations does it take to sum up k products?",
            "An entry of a product is k multiplications and k additions; you count pairs (MACs).",
            "An (m, k) with a (k, n) product is 2 · m · n · k.",
        ),
        ways=[
            [in_operations("times * 2 * m * n * k", "times * m * n * k")],
            [only_flops("product.flops // 2")],
        ],
    ),
    Mistake(
        id="flops_of_one_layer",
        sentence="You count the products of one block, not of num_layers blocks.",
        why="the shares come out wrong: the head, which is there once, seems to dominate.",
        contract="forward_flops",
        section="flop",
        hints=(
            "Which operations of your list happen more than once in a forward pass?",
            "Everything but lm_head is done in each block, and the contract sums over them.",
            "Multiply every operation but lm_head by config.num_layers.",
        ),
        ways=[
            [
                in_operations(
                    "layers, width, tokens = config.num_layers", "layers, width, tokens = 1"
                )
            ],
            [
                only_flops(
                    "product.flops // (1 if product.name == 'lm_head' else config.num_layers)"
                )
            ],
        ],
    ),
    Mistake(
        id="flops_of_one_sequence",
        sentence="Your FLOP are those of a single sequence: none of them grows with the batch.",
        why="a step pays for its whole batch, so utilisation comes out too small by that factor.",
        contract="forward_flops",
        section="flop",
        hints=(
            "What happens to your FLOP when you double the batch?",
            "All sequences of a batch go through every product.",
            "Use batch · seq tokens for the projections, and batch times as many attentions.",
        ),
        ways=[
            [
                in_operations("config.d_model, batch * seq", "config.d_model, seq"),
                in_operations("layers * batch * config.num_heads", "layers * config.num_heads"),
            ],
            [only_flops("product.flops // batch")],
        ],
    ),
    Mistake(
        id="flops_of_attention_without_batch",
        sentence="Your scores and weighted values are counted for one sequence, not for the batch.",
        why="attention then looks free, however long the sequences are.",
        contract="forward_flops",
        section="flop",
        hints=(
            "Do tokens of different sequences attend to each other?",
            "Each sequence has a (seq, seq) matrix of scores of its own in every head.",
            "There are num_layers · batch · num_heads products of each of the two kinds.",
        ),
        ways=[
            [in_operations("layers * batch * config.num_heads", "layers * config.num_heads")],
            [
                only_flops(
                    "product.flops // (\n"
                    "        batch if product.name in ('scores', 'weighted_values') else 1)"
                )
            ],
        ],
    ),
    Mistake(
        id="flops_of_one_head",
        sentence="Your scores and weighted values are those of one head.",
        why="attention seems num_heads times cheaper than it is.",
        contract="forward_flops",
        section="flop",
        hints=(
            "Which size is summed over in a score: d_model or d_head?",
            "You take d_head for the inner size, so all the heads have to be counted.",
            "There are num_layers · batch · num_heads products of each of the two kinds.",
        ),
        ways=[
            [in_operations("layers * batch * config.num_heads", "layers * batch")],
            [
                only_flops(
                    "product.flops // (\n        config.num_heads "
                    "if product.name in ('scores', 'weighted_values') else 1)"
                )
            ],
        ],
    ),
    Mistake(
        id="flops_heads_of_full_width",
        sentence="You count every head of attention as if it were d_model wide.",
        why="attention seems num_heads times dearer than it is.",
        contract="forward_flops",
        section="flop",
        hints=(
            "How many numbers has the query of one head?",
            "The heads share d_model, so each of them works on d_model / num_heads numbers.",
            "Take d_head for the inner size of scores, and for the width of weighted values.",
        ),
        ways=[
            [in_operations("d_head = width // config.num_heads", "d_head = width")],
            [
                only_flops(
                    "product.flops * (\n        config.num_heads "
                    "if product.name in ('scores', 'weighted_values') else 1)"
                )
            ],
        ],
    ),
    Mistake(
        id="flops_masked_half_left_out",
        sentence="You leave out the FLOP of the masked half of attention, which are done as well.",
        why="a count of what one wishes were done makes the time left over look like waste.",
        contract="forward_flops",
        section="flop",
        hints=(
            "When does your attention of stage 03 learn which scores are masked?",
            "The whole (seq, seq) product is computed; the mask only overwrites half of it.",
            "Count scores and weighted values with seq · seq, not with half of it.",
        ),
        ways=[
            [
                only_flops(
                    "product.flops // (2 if product.name in ('scores', 'weighted_values') else 1)"
                )
            ],
            [
                Edit(
                    BY_NAME,
                    "flops = {p.name: p.flops for p in operations.products(config, batch, seq)}\n"
                    "    for name in ('scores', 'weighted_values'):\n"
                    "        flops[name] = flops[name] * (seq + 1) // (2 * seq)\n"
                    "    return flops",
                )
            ],
        ],
    ),
    Mistake(
        id="flops_head_left_out",
        sentence="You leave out the product of the output layer.",
        why="in a small model with a large vocabulary it is more than a quarter of all FLOP.",
        contract="forward_flops",
        section="flop",
        hints=(
            "How do hidden vectors become logits?",
            "The output layer multiplies every token with a (d_model, vocab_size) matrix.",
            "lm_head is 2 · batch · seq · d_model · vocab_size, once.",
        ),
        ways=[
            [in_operations(HEAD, HEAD.replace(" 1)", " 0)"))],
            [in_operations("    " + HEAD + "\n", "")],
            [Edit(BY_NAME, BY_NAME.replace("seq)}", 'seq) if product.name != "lm_head"}'))],
        ],
    ),
    Mistake(
        id="flops_tied_head_free",
        sentence="You count no FLOP for the output layer where it shares the embedding's matrix.",
        why="tying saves parameters and no operation: the product is the same.",
        contract="forward_flops",
        section="flop",
        hints=(
            "What does tying save: memory, operations or both?",
            "A tied output layer still multiplies each token with the whole matrix.",
            "lm_head is 2 · batch · seq · d_model · vocab_size, tied or not.",
        ),
        ways=[
            [in_operations(HEAD, HEAD.replace(" 1)", " int(not config.tie_embeddings))"))],
            [
                only_flops(
                    "product.flops * (\n"
                    "        product.name != 'lm_head' or not config.tie_embeddings)"
                )
            ],
        ],
    ),
    Mistake(
        id="flops_head_of_the_last_position",
        sentence="Your output layer works on the last position of each sequence only.",
        why="that is decoding: in training every position has a target, so all have logits.",
        contract="forward_flops",
        section="flop",
        hints=(
            "For how many positions of a sequence does the model of stage 04 give logits?",
            "The loss compares a prediction with the next token at every position.",
            "lm_head is 2 · batch · seq · d_model · vocab_size.",
        ),
        ways=[
            [in_operations(HEAD, HEAD.replace("tokens", "batch"))],
            [only_flops("product.flops // (seq if product.name == 'lm_head' else 1)")],
        ],
    ),
    Mistake(
        id="flops_embedding_as_product",
        sentence="You count the embedding as a product; it is a look-up and does no FLOP.",
        why="operations that nobody does raise the utilisation you report.",
        contract="forward_flops",
        section="flop",
        hints=(
            "How does your Embedding of stage 02 get from an id to its vector?",
            "It picks rows. A product with one-hot vectors gives the same, but nobody computes it.",
            "Of the two tables of vocab_size · d_model only lm_head has FLOP.",
        ),
        ways=[
            [
                Edit(
                    BY_NAME,
                    "embedding = 2 * batch * seq * config.vocab_size * config.d_model\n"
                    "    table = operations.products(config, batch, seq)\n"
                    '    return {"embedding": embedding} | {p.name: p.flops for p in table}',
                )
            ],
            [in_operations(HEAD, HEAD.replace(" 1)", " 2)"))],
            [only_flops("product.flops * (2 if product.name == 'lm_head' else 1)")],
        ],
    ),
    Mistake(
        id="flops_gate_left_out",
        sentence="You count two products for the feed-forward layer of SwiGLU, which has three.",
        why="the feed-forward layer is most of a block, and a third of it is missing.",
        contract="forward_flops",
        section="flop",
        hints=(
            "Which matrices does your SwiGLU of stage 02 have?",
            "gate and up both lead from d_model to d_ff, and down leads back.",
            'Count 2 · batch · seq · d_model · d_ff three times for "swiglu", twice for "silu".',
        ),
        ways=[
            [in_operations(FFN, FFN.replace("ffn_matrices(config)", "2"))],
            [
                only_flops(
                    "2 * product.flops // operations.ffn_matrices(config)\n"
                    "        if product.name == 'ffn' else product.flops"
                )
            ],
        ],
    ),
    Mistake(
        id="flops_gate_always_counted",
        sentence='You count three products for the feed-forward layer where ffn is "silu".',
        why="the ablation without a gate then seems to cost what SwiGLU costs.",
        contract="forward_flops",
        section="flop",
        hints=(
            "Which product is missing from a feed-forward layer without a gate?",
            'With ffn "silu" there are up and down, and no gate.',
            'Count 2 · batch · seq · d_model · d_ff three times for "swiglu", twice for "silu".',
        ),
        ways=[
            [in_operations(FFN, FFN.replace("ffn_matrices(config)", "3"))],
            [
                only_flops(
                    "3 * product.flops // operations.ffn_matrices(config)\n"
                    "        if product.name == 'ffn' else product.flops"
                )
            ],
        ],
    ),
    Mistake(
        id="flops_of_full_context",
        sentence="You count with config.context_length and not with the length you are given.",
        why="a step with shorter sequences seems to do work that it does not do.",
        contract="forward_flops",
        section="flop",
        hints=(
            "What is the third argument for?",
            "context_length is the longest sequence that the model can take, seq the one it takes.",
            "Use seq wherever your formulas have context_length.",
        ),
        ways=[
            [
                Edit(
                    BY_NAME,
                    BY_NAME.replace(
                        "(config, batch, seq)", "(config, batch, config.context_length)"
                    ),
                )
            ],
            [
                in_operations(
                    "layers, width, tokens = config",
                    "seq = config.context_length\n    layers, width, tokens = config",
                )
            ],
        ],
    ),
]

TRAINING_FLOPS = [
    Mistake(
        id="training_flops_6nd",
        sentence="Your FLOP of a step are 6 · parameters · tokens with the embedding among them.",
        why="in small models the embedding is a large share, and it does not multiply anything.",
        contract="training_flops",
        section="idea",
        hints=(
            "Which of the parameters takes part in no product?",
            "The rule counts the look-up as a product, and leaves out scores and weighted values.",
            "Add up forward_flops and take the sum three times.",
        ),
        ways=[[Edit(FORWARD, "6 * count_parameters(config) * batch * seq")]],
    ),
    Mistake(
        id="training_flops_attention_left_out",
        sentence="Your FLOP of a step are 6 · parameters without embedding · tokens.",
        why="the products of attention have no parameters, and with long sequences they dominate.",
        contract="training_flops",
        section="idea",
        hints=(
            "Which products multiply two activations and no weight?",
            "Scores and weighted values have no parameters, so a rule for parameters misses them.",
            "Add up forward_flops and take the sum three times.",
        ),
        ways=[
            [Edit(FORWARD, "6 * operations.weights_of_products(config) * batch * seq")],
            [
                Edit(
                    FORWARD,
                    "6 * batch * seq * (\n        count_parameters(config)\n"
                    "        - (not config.tie_embeddings) * config.vocab_size * config.d_model)",
                )
            ],
        ],
    ),
    Mistake(
        id="training_flops_forward_only",
        sentence="Your FLOP of a step are those of its forward pass.",
        why="utilisation of a training step then comes out at a third of its value.",
        contract="training_flops",
        section="idea",
        hints=(
            "What does a training step do after the forward pass?",
            "For every product of the forward pass the backward pass does two as dear.",
            "Three times the sum of forward_flops.",
        ),
        ways=[[Edit(FORWARD, FORWARD.removeprefix("3 * "))]],
    ),
    Mistake(
        id="training_flops_backward_like_forward",
        sentence="You count the backward pass as dear as the forward pass; it costs twice as much.",
        why="a third of the step's operations is missing, and so a third of its utilisation.",
        contract="training_flops",
        section="idea",
        hints=(
            "Which two gradients does a product y = x Wᵀ need?",
            "dx = dy W and dW = dyᵀ x are two products, each with the same three sides as y.",
            "One forward pass and two of them backward: three times the sum of forward_flops.",
        ),
        ways=[[Edit(FORWARD, "2" + FORWARD.removeprefix("3"))]],
    ),
]

INPUTS = "inputs = 3 if size == 4 else 3 + ffn_matrices(config)"
KEPT_BY_NORMS = "norms(config) * 2 * stream * 4"

MEMORY = [
    Mistake(
        id="memory_copies_left_out",
        sentence="You leave out the bfloat16 copies of the weights that autocast makes.",
        why="mixed precision needs more memory for weights than float32, not the same.",
        contract="training_memory",
        section="memory",
        hints=(
            "In which dtype are the weights in a product under autocast, and where are they?",
            "The float32 weights stay for the optimizer; a 2-byte copy stands beside each matrix.",
            "With bfloat16 add 2 bytes for each weight that takes part in a product.",
        ),
        ways=[
            [
                in_memory(
                    'copies = 2 * weights_of_products(config) if dtype == "bfloat16" else 0',
                    "copies = 0",
                )
            ]
        ],
    ),
    Mistake(
        id="memory_copies_of_everything",
        sentence="You count a bfloat16 copy of every parameter, also of those in no product.",
        why="autocast copies what it multiplies: gains and a look-up table stay as they are.",
        contract="training_memory",
        section="memory",
        hints=(
            "What makes autocast copy a parameter?",
            "It casts the operands of products. Norms and look-ups work on the float32 originals.",
            "Leave the gains out of the copies, and the embedding unless it is tied.",
        ),
        ways=[[in_memory("2 * weights_of_products(config) if", "2 * learned if")]],
    ),
    Mistake(
        id="memory_pure_bfloat16",
        sentence="You count parameters, gradients and moments with 2 bytes; here they keep 4.",
        why="updates of a thousandth would round to nothing in bfloat16, so float32 is kept.",
        contract="training_memory",
        section="memory",
        hints=(
            "In which dtype are model.parameters() under torch.autocast?",
            "Mixed precision changes what enters the products. What the optimizer holds stays.",
            "4 bytes for a parameter, 4 for its gradient, 8 for the moments, whatever the dtype.",
        ),
        ways=[
            [
                in_memory("4 * learned + copies", "BYTES[dtype] * learned"),
                in_memory('"gradients": 4 * learned', '"gradients": BYTES[dtype] * learned'),
                in_memory("8 * learned", "2 * BYTES[dtype] * learned"),
            ]
        ],
    ),
    Mistake(
        id="memory_bfloat16_gradients",
        sentence="You count 2 bytes for each gradient in mixed precision; they have 4.",
        why="a gradient has the dtype of its parameter, and those are float32 here.",
        contract="training_memory",
        section="memory",
        hints=(
            "Which dtype has parameter.grad after a step under torch.autocast?",
            "The gradient of a 2-byte copy is cast back to the dtype of its parameter.",
            "Gradients are 4 bytes for each parameter with both dtypes.",
        ),
        ways=[[in_memory('"gradients": 4 * learned', '"gradients": BYTES[dtype] * learned')]],
    ),
    Mistake(
        id="memory_one_moment",
        sentence="You count one moment of the optimizer; AdamW keeps two.",
        why="optimizer state is half of the memory for parameters, and a quarter is missing.",
        contract="training_memory",
        section="memory",
        hints=(
            "What does your AdamW of stage 05 keep from step to step?",
            "It keeps a mean of the gradients and a mean of their squares, both in float32.",
            "optimizer_state is 8 bytes for each parameter.",
        ),
        ways=[[in_memory("8 * learned", "4 * learned")]],
    ),
    Mistake(
        id="memory_scores_kept_once",
        sentence="You count one array of attention's size; softmax leaves two of them.",
        why="with long sequences these arrays are most of the memory, and half is missing.",
        contract="training_memory",
        section="memory",
        hints=(
            "Which arrays of shape (seq, seq) does the backward pass of attention need?",
            "Softmax keeps its exponentials, and the product with the values keeps the weights.",
            "In each layer: batch · num_heads · seq² numbers of 4 bytes, and as many of b bytes.",
        ),
        ways=[
            [in_memory("+ scores) * size + scores * 4", "+ scores) * size")],
            [in_memory("+ scores) * size + scores * 4", ") * size + scores * 4")],
        ],
    ),
    Mistake(
        id="memory_scores_of_one_head",
        sentence="You count the scores of one head; each head has its own.",
        why="attention's arrays are what grows fastest, and num_heads is missing from them.",
        contract="training_memory",
        section="memory",
        hints=(
            "What is the shape of the attention weights in your stage 03?",
            "Heads share d_model, but each has a (seq, seq) array of its own.",
            "A is batch · num_heads · seq².",
        ),
        ways=[[in_memory("scores = batch * config.num_heads * seq", "scores = batch * seq")]],
    ),
    Mistake(
        id="memory_loss_left_out",
        sentence="You leave out what the loss keeps: the exponentials of all logits.",
        why="with a large vocabulary they are the largest array of the whole step.",
        contract="training_memory",
        section="memory",
        hints=(
            "What is the largest array of a training step?",
            "The gradient of the loss needs the softmax, so the exponentials of the logits stay.",
            "Add 4 · batch · seq · vocab_size bytes at the end.",
        ),
        ways=[[in_memory("stream * size + batch * seq * config.vocab_size * 4", "stream * size")]],
    ),
    Mistake(
        id="memory_activations_all_in_bfloat16",
        sentence="You count all activations with 2 bytes; norms, exponentials and loss keep 4.",
        why="mixed precision saves less than half, and what is missing may not fit.",
        contract="training_memory",
        section="memory",
        hints=(
            "Which operations does autocast leave in float32, and why?",
            "Sums of many squares or exponentials need float32: norms, softmax and the loss.",
            "b is 2 for what enters a product; the rows of the contract with · 4 do not change.",
        ),
        ways=[
            [
                in_memory("+ scores) * size + scores * 4", "+ 2 * scores) * size"),
                in_memory("config.vocab_size * 4", "config.vocab_size * size"),
                in_memory("2 * stream * 4", "2 * stream * size"),
            ]
        ],
    ),
    Mistake(
        id="memory_autocast_inputs_shared",
        sentence="In bfloat16 you count one copy of an input for several products; each keeps one.",
        why="q, k and v cast the same vector three times, and all three copies are kept.",
        contract="training_memory",
        section="memory",
        hints=(
            "How often does autocast cast the vector that q, k and v read?",
            "It remembers casts of weights, not of activations: each product casts its input anew.",
            'In bfloat16 the first row is 6 T d_model · b, or 5 where ffn is "silu".',
        ),
        ways=[[in_memory("inputs = 3 if size == 4 else 3 + ffn_matrices(config)", "inputs = 3")]],
    ),
    Mistake(
        id="memory_inside_of_silu_left_out",
        sentence="Inside the feed-forward layer you count only what its matrices give and take.",
        why="the arrays that silu and the gate keep are of width d_ff, the widest of the block.",
        contract="training_memory",
        section="memory",
        hints=(
            "What does the backward pass of z · σ(z), and of a product of two arrays, need?",
            "A multiplication keeps both of its factors: σ(gate) and silu(gate) stay as well.",
            'Count 5 T d_ff for "swiglu" and 3 T d_ff for "silu".',
        ),
        ways=[
            [in_memory("(2 * ffn_matrices(config) - 1) * batch", "ffn_matrices(config) * batch")]
        ],
    ),
    Mistake(
        id="memory_gate_always_counted",
        sentence='Your activations have those of a gate also where ffn is "silu", which has none.',
        why="the ablation without a gate then seems to need as much memory as the one with it.",
        contract="training_memory",
        section="memory",
        hints=(
            "Which of the arrays of the feed-forward layer are there without a gate?",
            "Without a gate there are no gate and no silu(gate) · up, and no copy for its product.",
            'With ffn "silu" count 3 T d_ff for 5, and 5 T d_model · b for 6 in bfloat16.',
        ),
        ways=[
            [in_memory("(2 * ffn_matrices(config) - 1) * batch", "5 * batch")],
            [in_memory(INPUTS, INPUTS.replace("3 + ffn_matrices(config)", "6"))],
            [
                in_memory("(2 * ffn_matrices(config) - 1) * batch", "5 * batch"),
                in_memory(INPUTS, INPUTS.replace("3 + ffn_matrices(config)", "6")),
            ],
        ],
    ),
    Mistake(
        id="memory_norm_switch_ignored",
        sentence="You count activations of norms whatever config.norm says.",
        why="an ablation without norms needs less memory, and your count does not show it.",
        contract="training_memory",
        section="memory",
        hints=(
            "How many norms are there with 'pre', with 'post', and with 'none'?",
            "Only pre-norm blocks are followed by one more norm, and 'none' has no norm at all.",
            "Norms: 2 · num_layers + 1 for 'pre', 2 · num_layers for 'post', else 0.",
        ),
        ways=[
            [in_memory(KEPT_BY_NORMS, "(2 * config.num_layers + 1) * 2 * stream * 4")],
            [
                in_memory(
                    KEPT_BY_NORMS,
                    "(2 * config.num_layers + (config.norm == 'pre')) * 2 * stream * 4",
                )
            ],
        ],
    ),
    Mistake(
        id="memory_final_norm_left_out",
        sentence="Your activations leave out the final norm of pre-norm models.",
        why="the final norm keeps two float32 arrays of T d_model like every other norm.",
        contract="training_memory",
        section="memory",
        hints=(
            "By how much is your count too small, and what keeps so many numbers?",
            "Pre-norm blocks are followed by one more norm, which keeps its two arrays too.",
            "Where config.norm is 'pre', count 2 T d_model · 4 bytes 2 · num_layers + 1 times.",
        ),
        ways=[
            [in_memory(KEPT_BY_NORMS, "(norms(config) - (config.norm == 'pre')) * 2 * stream * 4")]
        ],
    ),
]

SYNC_BEFORE = "        synchronize()\n        start = clock()\n"
SYNC_AFTER = "        synchronize()\n        seconds.append(clock() - start)"
WARM_UP = "    for _ in range(warmup):\n        step()\n"
MEASURED = (
    f"{WARM_UP}    seconds = []\n    for _ in range(repeats):\n"
    f"{SYNC_BEFORE}        step()\n{SYNC_AFTER}"
)
PERCENTILES = "np.percentile(seconds, [10, 50, 90])"

TIMING = [
    Mistake(
        id="timing_without_synchronize",
        sentence="You never call synchronize, so you time how fast work is queued.",
        why="a GPU seems to do anything in no time, until something waits for it.",
        contract="time_steps",
        section="timing",
        hints=(
            "What has been done on a GPU when a call in Python returns?",
            "The call only puts work into a queue. The clock has to wait until it is done.",
            "Call synchronize() before each reading of the clock, at the start and at the end.",
        ),
        ways=[
            [
                in_timing(SYNC_BEFORE, "        start = clock()\n"),
                in_timing(SYNC_AFTER, "        seconds.append(clock() - start)"),
            ]
        ],
    ),
    Mistake(
        id="timing_end_not_synchronized",
        sentence="You read the clock after a step without waiting for its work to be done.",
        why="what is queued and not done is missing from the time: on a GPU, most of the step.",
        contract="time_steps",
        section="timing",
        hints=(
            "Is the work done when your second reading comes?",
            "Waiting before the step is half of it: step() returns when its work is queued.",
            "Call synchronize() between step() and the reading of the clock after it.",
        ),
        ways=[[in_timing(SYNC_AFTER, "        seconds.append(clock() - start)")]],
    ),
    Mistake(
        id="timing_start_not_synchronized",
        sentence="You start the clock while earlier work is still in the queue.",
        why="the first timed step then pays for the warm-up, and for all that was queued before.",
        contract="time_steps",
        section="timing",
        hints=(
            "Which work does your first timed step wait for?",
            "The warm-up returns as soon as it is queued; the step's own work comes after it.",
            "Call synchronize() before the reading with which a step starts, too.",
        ),
        ways=[[in_timing(SYNC_BEFORE, "        start = clock()\n")]],
    ),
    Mistake(
        id="timing_warm_up_timed",
        sentence="The warm-up steps are timed with the others.",
        why="the first steps allocate memory and choose kernels: they say nothing about the rest.",
        contract="time_steps",
        section="timing",
        hints=(
            "How many times are your percentiles taken from?",
            "The warm-up is there so that its slow steps do not count.",
            "Call step() warmup times first, and start to note times after that.",
        ),
        ways=[
            [in_timing(WARM_UP, ""), in_timing("in range(repeats)", "in range(warmup + repeats)")],
            [
                in_timing(WARM_UP, ""),
                in_timing("in range(repeats)", "in range(repeats + warmup)"),
                in_timing(
                    "p10, median, p90 = np",
                    "seconds.sort()\n    p10, median, p90 = np",
                ),
            ],
        ],
    ),
    Mistake(
        id="timing_without_warm_up",
        sentence="You do not run the warm-up steps.",
        why="the first steps allocate memory and choose kernels, and now they are timed.",
        contract="time_steps",
        section="timing",
        hints=(
            "How often does your time_steps call step?",
            "It is called warmup + repeats times, and only the last ones are timed.",
            "Before the timed loop, call step() warmup times.",
        ),
        ways=[[in_timing(WARM_UP, "")]],
    ),
    Mistake(
        id="timing_warm_up_taken_from_repeats",
        sentence="Your warm-up steps are the first of the repeats, so fewer steps are timed.",
        why="percentiles of fewer steps than asked for are less sure than they seem.",
        contract="time_steps",
        section="timing",
        hints=(
            "How often does your time_steps call step?",
            "Warm-up steps come on top: repeats is how many are timed.",
            "Call step() warmup times, and then time repeats more.",
        ),
        ways=[
            [
                in_timing(WARM_UP, ""),
                in_timing(
                    "return percentiles(seconds)", "return percentiles(seconds[warmup:] or [0.0])"
                ),
            ]
        ],
    ),
    Mistake(
        id="timing_mean_for_median",
        sentence="Your median is the mean.",
        why="a single slow step, from another process, moves the mean and leaves the median.",
        contract="time_steps",
        section="timing",
        hints=(
            "What does one step that takes ten times as long do to your number?",
            "The median is the middle of the sorted times, however slow the slowest was.",
            "Take the 50th percentile of the times.",
        ),
        ways=[
            [in_timing("StepTimes(median=median", "StepTimes(median=sum(seconds) / len(seconds)")]
        ],
    ),
    Mistake(
        id="timing_percentiles_not_interpolated",
        sentence="Your percentiles are one of the measured times, not interpolated between two.",
        why="with few repeats p10 and p90 jump by a whole gap from run to run.",
        contract="time_steps",
        section="timing",
        hints=(
            "Between which of four sorted times does their median lie?",
            "Percentile p lies at place p / 100 · (n - 1) of the sorted times, also between two.",
            "Use numpy.percentile with its default method.",
        ),
        ways=[
            [in_timing(PERCENTILES, 'np.percentile(seconds, [10, 50, 90], method="lower")')],
            [in_timing(PERCENTILES, 'np.percentile(seconds, [10, 50, 90], method="nearest")')],
            [
                in_timing(
                    PERCENTILES,
                    "np.sort(seconds)[[len(seconds) * p // 100 for p in (10, 50, 90)]]",
                )
            ],
        ],
    ),
    Mistake(
        id="timing_extremes_for_percentiles",
        sentence="Your p10 and p90 are the fastest and the slowest step.",
        why="the slowest step is an accident; the range without it says what is usual.",
        contract="time_steps",
        section="timing",
        hints=(
            "How many of a hundred steps are slower than your p90?",
            "A tenth of the steps lies below p10 and a tenth above p90.",
            "Take the 10th and the 90th percentile in place of minimum and maximum.",
        ),
        ways=[[in_timing("[10, 50, 90]", "[0, 50, 100]")]],
    ),
    Mistake(
        id="timing_p10_and_p90_exchanged",
        sentence="Your p10 and p90 have changed places.",
        why="a range that ends before it begins is read as noise, or makes a bar of minus height.",
        contract="time_steps",
        section="timing",
        hints=(
            "Which of your p10 and p90 is larger?",
            "A tenth of the steps takes at most p10: it is the short end.",
            "Hand the 10th percentile on as p10 and the 90th as p90, by keyword.",
        ),
        ways=[
            [in_timing("p10=p10, p90=p90", "p10=p90, p90=p10")],
            [
                in_timing(
                    "    return percentiles(seconds)\n",
                    "    found = percentiles(seconds)\n"
                    "    return StepTimes(median=found.median, p10=found.p90, p90=found.p10)\n",
                )
            ],
        ],
    ),
    Mistake(
        id="timing_loop_as_a_whole",
        sentence="You time all repeats together and divide, so all percentiles are the mean.",
        why="one slow step moves the number, and nothing shows that it happened.",
        contract="time_steps",
        section="timing",
        hints=(
            "How do you know which of the steps was slow?",
            "For percentiles there has to be a time of each step.",
            "Inside the loop: synchronize, clock, step, synchronize, clock; note the difference.",
        ),
        ways=[
            [
                in_timing(
                    MEASURED,
                    f"{WARM_UP}    synchronize()\n    start = clock()\n"
                    "    for _ in range(repeats):\n        step()\n    synchronize()\n"
                    "    seconds = [(clock() - start) / repeats]",
                )
            ]
        ],
    ),
    Mistake(
        id="timing_clock_not_used",
        sentence="Your time_steps reads another clock than the one that it is given.",
        why="a clock that can be replaced is what makes the timing testable without a GPU.",
        contract="time_steps",
        section="timing",
        hints=(
            "What is the argument clock for?",
            "time.perf_counter is only its default; callers may pass another one.",
            "Read the time with clock() wherever you have time.perf_counter().",
        ),
        ways=[
            [
                in_timing("import numpy as np", "import time\n\nimport numpy as np"),
                in_timing("start = clock()", "start = time.perf_counter()"),
                in_timing("(clock() - start)", "(time.perf_counter() - start)"),
            ]
        ],
    ),
]

UTILISATION = [
    Mistake(
        id="utilisation_in_percent",
        sentence="Your utilisation is a percentage; the contract asks for a share of 1.",
        why="28 and 0.28 in one table are soon taken for each other.",
        contract="utilisation",
        section="utilisation",
        hints=(
            "What should utilisation be for a step that reaches the peak?",
            "A share of the peak is 1 at most. Percent belong into the printing.",
            "Return flops / seconds / peak.",
        ),
        ways=[[Edit("return flops / seconds / peak", "return 100 * flops / seconds / peak")]],
    ),
    Mistake(
        id="utilisation_of_a_fixed_peak",
        sentence="You divide by the peak of one certain device, not by the one you are given.",
        why="against the peak of another device the number means nothing.",
        contract="utilisation",
        section="utilisation",
        hints=(
            "What is the argument peak for?",
            "312e12 is an A100 and 989e12 an H100, both in bfloat16; yours may be neither.",
            "Return flops / seconds / peak.",
        ),
        ways=[
            [Edit("return flops / seconds / peak", "return flops / seconds / 312e12")],
            [Edit("return flops / seconds / peak", "return flops / seconds / 989.4e12")],
        ],
    ),
    Mistake(
        id="utilisation_times_three",
        sentence="Your utilisation multiplies the FLOP by 3 for the backward pass once more.",
        why="training_flops has the backward pass in it, so a third would seem to be full use.",
        contract="utilisation",
        section="utilisation",
        hints=(
            "Whose FLOP does a caller pass: of the forward pass or of all that was timed?",
            "The factor of 3 stands in training_flops; a forward pass alone can be timed as well.",
            "Return flops / seconds / peak, without a factor.",
        ),
        ways=[[Edit("return flops / seconds / peak", "return 3 * flops / seconds / peak")]],
    ),
    Mistake(
        id="utilisation_cut_at_1",
        sentence="You cut utilisation off at 1.",
        why="a value above 1 is the sign of a wrong measurement, and now nobody sees it.",
        contract="utilisation",
        section="utilisation",
        hints=(
            "What would a utilisation of 2.5 tell you?",
            "It is impossible, so the time, the FLOP or the peak is wrong: let it be seen.",
            "Return flops / seconds / peak as it is.",
        ),
        ways=[[Edit("return flops / seconds / peak", "return min(1.0, flops / seconds / peak)")]],
    ),
    Mistake(
        id="device_peak_with_sparsity",
        sentence="A peak in your DEVICES is that with sparsity, twice what dense products reach.",
        why="you train dense: against that peak every utilisation is half of what it is.",
        contract="Device",
        section="utilisation",
        hints=(
            "Which footnote stands beside the figure in the data sheet?",
            "Some give only the figure with 2:4 sparsity, where half of the weights are zero.",
            "Dense in bfloat16: 165.2 · 10¹² for the RTX 4090, 312 for the A100, 989.4 the H100.",
        ),
        ways=[
            [in_devices('"bfloat16": 165.2e12', '"bfloat16": 330.3e12')],
            [in_devices('"bfloat16": 165.2e12', '"bfloat16": 330e12')],
            [
                in_devices(
                    '"tf32": 494.7e12, "bfloat16": 989.4e12', '"tf32": 989e12, "bfloat16": 1979e12'
                )
            ],
            [
                in_devices(
                    '"tf32": 156e12, "bfloat16": 312e12', '"tf32": 312e12, "bfloat16": 624e12'
                )
            ],
        ],
    ),
]

MEASURING = [
    Mistake(
        id="measured_peak_without_factor_2",
        sentence="Your measured peak counts a multiplication and its addition as one operation.",
        why="it is then half of what the FLOP of your steps are counted in.",
        contract="measure_device",
        section="utilisation",
        hints=(
            "In which unit did you count the FLOP of a step?",
            "A product of two (n, n) matrices has n² results, each of n products and n additions.",
            "The peak is 2 · size³ divided by the seconds.",
        ),
        ways=[[in_measuring("return 2 * size**3", "return size**3")]],
    ),
    Mistake(
        id="measured_bandwidth_one_way",
        sentence="Your measured bandwidth counts only one of a copy's two ways.",
        why="a copy reads and writes each byte, and both cross the bus.",
        contract="measure_device",
        section="utilisation",
        hints=(
            "What crosses the bus when a tensor is copied?",
            "Every byte is read from one tensor and written to the other.",
            "The bandwidth is 2 · copied_bytes divided by the seconds.",
        ),
        ways=[[in_measuring("return 2 * copied_bytes", "return copied_bytes")]],
    ),
    Mistake(
        id="measured_products_all_in_float32",
        sentence="You measure products in float32 whatever dtype is asked for.",
        why="on most devices bfloat16 is many times faster, or many times slower.",
        contract="measure_device",
        section="utilisation",
        hints=(
            "Which dtype have the matrices that you multiply?",
            "torch makes float32 unless it is told otherwise; a name is in torch as an attribute.",
            "Make the matrices with dtype=getattr(torch, dtype).",
        ),
        ways=[[in_measuring("device=device, dtype=getattr(torch, dtype)", "device=device")]],
    ),
    Mistake(
        id="measured_copy_of_numbers",
        sentence="You copy a tensor of copied_bytes numbers, not bytes.",
        why="four times as many bytes move as you count, so the bandwidth is a quarter.",
        contract="measure_device",
        section="utilisation",
        hints=(
            "How many bytes has one number of your tensor?",
            "A float32 has 4 bytes, and torch makes float32 unless it is told otherwise.",
            "Make copied_bytes numbers of torch.uint8, which have one byte each.",
        ),
        ways=[
            [
                in_measuring(
                    "torch.zeros(copied_bytes, device=device, dtype=torch.uint8)",
                    "torch.zeros(copied_bytes, device=device)",
                )
            ]
        ],
    ),
]

CUDA_PEAK = "    return torch.cuda.max_memory_allocated(device) - before"

ACTIVITIES = "    activities = [torch.profiler.ProfilerActivity.CPU]\n"
EVENTS_FILE = "    with tempfile.TemporaryDirectory() as folder:\n"

PEAK_MEMORY = [
    Mistake(
        id="peak_not_reset",
        sentence="On CUDA you read the highest peak since the program began, not since the step.",
        why="whatever was larger before, such as loading a checkpoint, is taken for the step.",
        contract="peak_memory",
        section="peak-memory",
        hints=(
            "Since when does CUDA keep its maximum?",
            "It is the maximum since the program began, or since somebody reset it.",
            "Call torch.cuda.reset_peak_memory_stats before the step.",
        ),
        ways=[[in_measuring("    torch.cuda.reset_peak_memory_stats(device)\n", "")]],
    ),
    Mistake(
        id="peak_with_what_was_before",
        sentence="Your peak has in it what was allocated before the step.",
        why="the same step then costs more the more is there, and steps cannot be compared.",
        contract="peak_memory",
        section="peak-memory",
        hints=(
            "What would you get for a step that does nothing?",
            "The contract asks for what the step held beyond what was there before it.",
            "Read the allocated bytes before the step, and subtract them from the peak.",
        ),
        ways=[
            [in_measuring(CUDA_PEAK, CUDA_PEAK.removesuffix(" - before"))],
            [
                in_measuring(
                    "return torch.mps.driver_allocated_memory() - before",
                    "return torch.mps.driver_allocated_memory()",
                )
            ],
            [
                in_measuring(CUDA_PEAK, CUDA_PEAK.removesuffix(" - before")),
                in_measuring(
                    "return torch.mps.driver_allocated_memory() - before",
                    "return torch.mps.driver_allocated_memory()",
                ),
            ],
        ],
    ),
    Mistake(
        id="peak_not_synchronized",
        sentence="You read the memory before the work of the step is done.",
        why="what the device still has to do is missing from the number.",
        contract="peak_memory",
        section="peak-memory",
        hints=(
            "What has been done when step() returns on a GPU?",
            "The call returns when the work is queued, and its memory may not be taken yet.",
            "Synchronise the device between step() and the reading.",
        ),
        ways=[
            [in_measuring("    torch.cuda.synchronize(device)\n" + CUDA_PEAK, CUDA_PEAK)],
            [
                in_measuring(
                    "    torch.mps.synchronize()\n    return torch.mps.driver",
                    "    return torch.mps.driver",
                )
            ],
            [
                in_measuring("    torch.cuda.synchronize(device)\n" + CUDA_PEAK, CUDA_PEAK),
                in_measuring(
                    "    torch.mps.synchronize()\n    return torch.mps.driver",
                    "    return torch.mps.driver",
                ),
            ],
        ],
    ),
    Mistake(
        id="peak_at_the_end",
        sentence="You report what the step still holds at its end, not the most it ever held.",
        why="whether a step fits is decided at its worst moment, in the middle.",
        contract="peak_memory",
        section="peak-memory",
        hints=(
            "When during a training step is most memory taken?",
            "Activations are largest between forward and backward pass, and gone at the end.",
            "Keep the maximum on the way: max_memory_allocated on CUDA, a running sum on the CPU.",
        ),
        ways=[
            [in_measuring(CUDA_PEAK, CUDA_PEAK.replace("max_memory", "memory"))],
            [in_measuring("return highest", "return held")],
            [
                in_measuring(CUDA_PEAK, CUDA_PEAK.replace("max_memory", "memory")),
                in_measuring("return highest", "return held"),
            ],
        ],
    ),
    Mistake(
        id="peak_frees_ignored",
        sentence="On the CPU you add up all allocations and never subtract what is freed.",
        why="a step that reuses its memory then seems to need all of it at once.",
        contract="peak_memory",
        section="peak-memory",
        hints=(
            "What happens to your sum when a tensor is freed?",
            "The profiler records frees as well, as negative numbers of bytes.",
            "Add every change in the order of time, and keep the highest sum on the way.",
        ),
        ways=[
            [
                in_measuring(
                    'held += change["args"]["Bytes"]', 'held += max(0, change["args"]["Bytes"])'
                )
            ]
        ],
    ),
    Mistake(
        id="peak_of_one_operation",
        sentence="On the CPU you report the operation that allocated most, not what was held.",
        why="what one operation makes says nothing of what the others still hold beside it.",
        contract="peak_memory",
        section="peak-memory",
        hints=(
            "What would you get for two operations that make 4 MiB each, both of them kept?",
            "The profiler lists what each operation allocated; a peak is a sum over time.",
            "Sort all changes by their time, add them up, and keep the highest sum on the way.",
        ),
        ways=[
            [
                in_measuring(
                    EVENTS_FILE,
                    "    each = profile.key_averages()\n"
                    "    return max(0, *(event.self_cpu_memory_usage for event in each), 0)\n"
                    f"{EVENTS_FILE}",
                )
            ],
            [
                in_measuring(
                    EVENTS_FILE,
                    "    each = profile.events()\n"
                    "    return max(0, *(event.self_cpu_memory_usage for event in each), 0)\n"
                    f"{EVENTS_FILE}",
                )
            ],
        ],
    ),
    Mistake(
        id="peak_without_tensors",
        sentence="On the CPU your peak sees no tensors: perhaps the process, or Python's heap.",
        why="torch takes memory past Python's heap, and a process keeps what tensors have freed.",
        contract="peak_memory",
        section="peak-memory",
        hints=(
            "What do you get for a step that makes one tensor of 16 MiB?",
            "tracemalloc sees Python's objects, getrusage pages of the process that were touched; "
            "of profile.events() those called [memory] are frees alone.",
            "Export the profiler's trace: its [memory] events have the Bytes of each change.",
        ),
        ways=[
            [
                in_measuring(
                    ACTIVITIES,
                    "    import resource\n\n"
                    "    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
                    "    step()\n"
                    "    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
                    f"    return 1024 * (after - before)\n{ACTIVITIES}",
                )
            ],
            [
                in_measuring(
                    ACTIVITIES,
                    "    import tracemalloc\n\n"
                    "    tracemalloc.start()\n    step()\n"
                    "    highest = tracemalloc.get_traced_memory()[1]\n"
                    f"    tracemalloc.stop()\n    return highest\n{ACTIVITIES}",
                )
            ],
            [
                in_measuring(
                    EVENTS_FILE,
                    "    held = highest = 0\n"
                    "    for event in profile.events():\n"
                    '        if event.name == "[memory]":\n'
                    "            held += event.self_cpu_memory_usage\n"
                    "            highest = max(highest, held)\n"
                    f"    return highest\n{EVENTS_FILE}",
                )
            ],
        ],
    ),
    Mistake(
        id="peak_pool_not_emptied",
        sentence="On MPS you do not empty the pool before the step.",
        why="what the pool has in reserve serves the step, and its growth is too small.",
        contract="peak_memory",
        section="peak-memory",
        hints=(
            "Where does a step on MPS take its memory from first?",
            "The driver's figure counts the pool, and the pool keeps what was freed before.",
            "Call torch.mps.empty_cache() before the first reading.",
        ),
        ways=[[in_measuring("    torch.mps.empty_cache()\n", "")]],
    ),
    Mistake(
        id="peak_on_mps_of_what_is_left",
        sentence="On MPS you read what is allocated at the moment, which is no peak.",
        why="at the end of a step its activations are gone: the figure is far below CUDA's.",
        contract="peak_memory",
        section="peak-memory",
        hints=(
            "When during a step is most memory taken, and when do you read?",
            "torch.mps.current_allocated_memory knows only now; the pool has grown and stays.",
            "Take the growth of torch.mps.driver_allocated_memory.",
        ),
        ways=[
            [
                in_measuring(
                    "before = torch.mps.driver_allocated_memory()",
                    "before = torch.mps.current_allocated_memory()",
                ),
                in_measuring(
                    "return torch.mps.driver_allocated_memory() - before",
                    "return torch.mps.current_allocated_memory() - before",
                ),
            ]
        ],
    ),
    Mistake(
        id="peak_step_run_twice",
        sentence="You run the step more than once.",
        why="a training step changes the weights: measuring it must not train twice.",
        contract="peak_memory",
        section="peak-memory",
        hints=(
            "How often does your peak_memory call step?",
            "A warm-up is for clocks. Here every call of the step changes what follows.",
            "Call step() once, between the two readings.",
        ),
        ways=[
            [
                in_measuring(
                    "    return ways[device.type](step, device)",
                    "    step()\n    return ways[device.type](step, device)",
                )
            ]
        ],
    ),
]

LONGER = "max(compute.get(name, 0.0), traffic[name])"
BOUND = '"compute" if seconds[name] > traffic[name] else "memory"'
FLOP_TIME = "3 * product.flops / peaks[dtype]"
BYTE_TIME = "3 * product.elements * BYTES[dtype] / bandwidth"

ROOFLINE = [
    Mistake(
        id="roofline_times_added",
        sentence="You add the time of the FLOP and the time of the bytes; the longer one is meant.",
        why="a device computes and moves at the same time, so the sum is no lower bound.",
        contract="predict_step",
        section="roofline",
        hints=(
            "Can a device multiply while it loads the next operands?",
            "It does both at once, and the one that takes longer hides the other.",
            "An operation takes max(FLOP / peak, bytes / bandwidth).",
        ),
        ways=[
            [
                in_roofline(LONGER, "compute.get(name, 0.0) + traffic[name]"),
                in_roofline(BOUND, BOUND.replace("seconds[name]", "compute.get(name, 0.0)")),
            ],
            [in_roofline(LONGER, "compute.get(name, 0.0) + traffic[name]")],
        ],
    ),
    Mistake(
        id="roofline_bound_swapped",
        sentence='You say "compute" where memory takes longer, and "memory" where compute does.',
        why="the name says what to improve, and sends you to the wrong end.",
        contract="predict_step",
        section="roofline",
        hints=(
            "Which of its two times does an operation take?",
            "What takes longer is what the operation waits for, so it is bound by that.",
            '"compute" if FLOP / peak is longer than bytes / bandwidth, else "memory".',
        ),
        ways=[
            [in_roofline(BOUND, '"memory" if seconds[name] > traffic[name] else "compute"')],
        ],
    ),
    Mistake(
        id="roofline_forward_only",
        sentence="You predict the products of a forward pass; a step has three times as many.",
        why="two thirds of the products are missing, so every measured step looks hopeless.",
        contract="predict_step",
        section="roofline",
        hints=(
            "How many products does a step do for each one of its forward pass?",
            "The backward pass does two more, with operands of the same sizes.",
            "Take FLOP and bytes of each product three times.",
        ),
        ways=[
            [
                in_roofline(FLOP_TIME, FLOP_TIME.removeprefix("3 * ")),
                in_roofline(BYTE_TIME, BYTE_TIME.removeprefix("3 * ")),
            ]
        ],
    ),
    Mistake(
        id="roofline_bytes_of_forward_only",
        sentence="You take the FLOP of a product three times, but its bytes once.",
        why="the two products of the backward pass have to load and store as well.",
        contract="predict_step",
        section="roofline",
        hints=(
            "What do the two products of the backward pass read and write?",
            "Each of the three products moves its own operands and result across the bus once.",
            "Take the bytes of each product three times, as its FLOP.",
        ),
        ways=[[in_roofline(BYTE_TIME, BYTE_TIME.removeprefix("3 * "))]],
    ),
    Mistake(
        id="roofline_results_not_moved",
        sentence="Your bytes of a product are those of its operands; its result is missing.",
        why="for the scores the result is by far the largest of the three.",
        contract="predict_step",
        section="roofline",
        hints=(
            "Where is the result of a product when it is done?",
            "Two matrices are read and one is written; all three cross the bus.",
            "An (m, k) with a (k, n) product moves mk + kn + mn numbers.",
        ),
        ways=[[in_operations("times * (m * k + k * n + m * n)", "times * (m * k + k * n)")]],
    ),
    Mistake(
        id="roofline_four_bytes_always",
        sentence="You count 4 bytes for each number of a product, also in bfloat16.",
        why="half as many bytes is half of why bfloat16 is faster.",
        contract="predict_step",
        section="roofline",
        hints=(
            "How many bytes has a number that enters a product under autocast?",
            "Operands and results of products are bfloat16 there, of 2 bytes.",
            "Multiply the numbers by 4 for float32 and tf32, and by 2 for bfloat16.",
        ),
        ways=[[in_roofline("product.elements * BYTES[dtype]", "product.elements * 4")]],
    ),
    Mistake(
        id="roofline_peak_of_float32",
        sentence="You use the device's peak in float32 whatever dtype is asked for.",
        why="between the peaks of one device in two dtypes lies a factor of 2 to 16.",
        contract="predict_step",
        section="roofline",
        hints=(
            "Which entry of device.peak_flops do you divide by?",
            "peak_flops is a mapping by dtype, because products of each have their own units.",
            "Divide by device.peak_flops[dtype].",
        ),
        ways=[
            [in_roofline("product.flops / peaks[dtype]", 'product.flops / peaks["float32"]')],
            [
                in_roofline(
                    "product.flops / peaks[dtype]",
                    "product.flops / peaks.get('float32', peaks[dtype])",
                )
            ],
        ],
    ),
    Mistake(
        id="roofline_activations_moved_once",
        sentence='Your "elementwise" only writes the activations; the backward pass reads them.',
        why="work without FLOP is a third of the least time of a step: half of it is missing.",
        contract="predict_step",
        section="roofline",
        hints=(
            "What are activations kept for?",
            "They cross the bus when they are written, and again for the backward pass.",
            "Divide twice the activations of training_memory by the bandwidth.",
        ),
        ways=[[in_roofline("2 * kept / bandwidth", "kept / bandwidth")]],
    ),
    Mistake(
        id="roofline_optimizer_only_reads",
        sentence="Your optimizer reads its four numbers of a parameter, and writes none.",
        why="with small batches the optimizer is a large part of the step.",
        contract="predict_step",
        section="roofline",
        hints=(
            "Which of the numbers that AdamW reads has it changed when it is done?",
            "Weight and both moments are written back; only the gradient is not.",
            "Four numbers read and three written are 28 bytes for each parameter.",
        ),
        ways=[[in_roofline("OPTIMIZER_BYTES = 28", "OPTIMIZER_BYTES = 16")]],
    ),
    Mistake(
        id="roofline_missing_peak_not_refused",
        sentence="A dtype without a known peak on the device is not refused with a ValueError.",
        why="a peak that is made up gives a prediction that looks like any other.",
        contract="predict_step",
        section="roofline",
        hints=(
            "What does your function do for DEVICES['m4'], whose peak nobody states?",
            "A missing entry means unknown. The caller needs to hear that measuring would help.",
            "Raise a ValueError if the dtype is not in device.peak_flops, before all else.",
        ),
        ways=[
            [in_roofline("if dtype not in peaks or dtype not in BYTES", "if dtype not in BYTES")],
            [
                in_roofline("if dtype not in peaks or dtype not in BYTES", "if dtype not in BYTES"),
                in_roofline(
                    "product.flops / peaks[dtype]",
                    "product.flops / peaks.get(dtype, peaks.get('float32'))",
                ),
            ],
            [
                in_roofline("if dtype not in peaks or dtype not in BYTES", "if dtype not in BYTES"),
                in_roofline(
                    "product.flops / peaks[dtype]",
                    "product.flops / peaks.get(dtype, float('inf'))",
                ),
            ],
        ],
    ),
    Mistake(
        id="prediction_total_is_the_longest",
        sentence="Your total is the time of the longest operation, not of all together.",
        why="operations wait for each other, so their times add up.",
        contract="Prediction.total",
        section="roofline",
        hints=(
            "Can the feed-forward layer begin before attention is done?",
            "Within an operation the longer time counts; from one operation to the next they add.",
            "Return the sum of self.seconds.values().",
        ),
        ways=[[Edit("return sum(self.seconds.values())", "return max(self.seconds.values())")]],
    ),
]

FOLDER_FOLLOWS = (
    '    if described and "run_dir" not in changes and hasattr(base, "run_dir"):\n'
    '        following["run_dir"] = Path(base.run_dir) / described\n'
)
WARM_UP_FOLLOWS = (
    'if "steps" in changes and "warmup_steps" not in changes and hasattr(base, "warmup_steps")'
)

SWEEP = [
    Mistake(
        id="sweep_lists_in_parallel",
        sentence="You take the first values of all lists, then the second, and so on.",
        why="most combinations are never run, and values that move together cannot be told apart.",
        contract="sweep",
        section="sweeps",
        hints=(
            "How many runs should three learning rates with two seeds give?",
            "Every value of a name belongs with every value of the others: 3 · 2 runs.",
            "Use itertools.product where you have zip.",
        ),
        ways=[[in_sweeping("itertools.product(*axes)", "zip(*axes, strict=False)")]],
    ),
    Mistake(
        id="sweep_first_name_fastest",
        sentence="In your order the first name of the grid changes fastest.",
        why="a result is found by its place in the list, and would stand at another run's.",
        contract="sweep",
        section="sweeps",
        hints=(
            "Which value differs between your first two configurations?",
            "Write it as nested loops: the first name outside, the last one inside.",
            "itertools.product over the lists in the order of the grid has the last one fastest.",
        ),
        ways=[
            [
                in_sweeping(
                    "    for combination in itertools.product(*axes):\n",
                    "    for backwards in itertools.product(*axes[::-1]):\n"
                    "        combination = backwards[::-1]\n",
                )
            ]
        ],
    ),
    Mistake(
        id="sweep_one_name_at_a_time",
        sentence="You change one name at a time and leave all others as in the base.",
        why="whether two settings depend on each other is what a grid is there to find.",
        contract="sweep",
        section="sweeps",
        hints=(
            "Is there a run in your list in which two names differ from the base?",
            "A grid has every combination, not every value by itself.",
            "Use itertools.product over the lists, and set all names of a combination.",
        ),
        ways=[
            [
                in_sweeping(
                    "    for combination in itertools.product(*axes):\n"
                    "        chosen = dict(zip(grid, combination, strict=True))\n",
                    "    for chosen in [\n"
                    "        {name: each} for name, axis in zip(grid, axes, strict=True)"
                    " for each in axis\n"
                    "    ]:\n",
                )
            ]
        ],
    ),
    Mistake(
        id="sweep_nested_neighbours_reset",
        sentence="Fields beside a nested one that changes fall back to their defaults.",
        why="a sweep of the width then changes depth and heads without saying so.",
        contract="sweep",
        section="sweeps",
        hints=(
            "What happens to model.num_heads when you sweep model.d_model?",
            "A new nested configuration has defaults; a changed copy of the base's has its values.",
            "Use dataclasses.replace on the nested object of the base.",
        ),
        ways=[
            [
                in_sweeping(
                    "_replace(whole.get(outer, getattr(config, outer)), inside)",
                    "type(getattr(config, outer))(**inside)",
                )
            ]
        ],
    ),
    Mistake(
        id="sweep_set_one_after_another",
        sentence="You set the values one after another, so what lies between has to be valid too.",
        why="right combinations are refused, depending on the order of the names.",
        contract="sweep",
        section="sweeps",
        hints=(
            "Is d_model 10 with the base's 3 heads valid, on the way to 5 heads?",
            "Every replace validates. Collect the changes of an object, then replace it once.",
            "One dataclasses.replace for each object, with all of its changes.",
        ),
        ways=[
            [
                in_sweeping(
                    "configs.append(_replace("
                    "base, changes | _followers(base, changes, described)))",
                    "config = base\n"
                    "            following = _followers(base, changes, described)\n"
                    "            for name, value in (changes | following).items():\n"
                    "                config = _replace(config, {name: value})\n"
                    "            configs.append(config)",
                )
            ]
        ],
    ),
    Mistake(
        id="sweep_warm_up_stays",
        sentence="The warm-up keeps its length when the number of steps varies.",
        why="a short run then spends most of its steps in the warm-up: two things changed at once.",
        contract="sweep",
        section="sweeps",
        hints=(
            "How long is the warm-up of a run of a tenth of the steps?",
            "The contract lets warmup_steps keep its share of steps.",
            "round(base.warmup_steps * steps / base.steps), unless the grid names warmup_steps.",
        ),
        ways=[[in_sweeping(WARM_UP_FOLLOWS, "if False")]],
    ),
    Mistake(
        id="sweep_warm_up_cut_off",
        sentence="The length of the warm-up is cut off to a whole number, not rounded.",
        why="two programs that split the same budget should not differ by a step.",
        contract="sweep",
        section="sweeps",
        hints=(
            "What becomes of a warm-up of 41.9 steps?",
            "int() and // drop what is behind the point; the contract says rounded.",
            "Use round(base.warmup_steps * steps / base.steps).",
        ),
        ways=[
            [in_sweeping("= round(base.warmup_steps", "= int(base.warmup_steps")],
            [
                in_sweeping(
                    'round(base.warmup_steps * changes["steps"] / base.steps)',
                    'base.warmup_steps * changes["steps"] // base.steps',
                )
            ],
        ],
    ),
    Mistake(
        id="sweep_named_warm_up_overruled",
        sentence="A warm-up that the grid names is replaced by one that follows the steps.",
        why="the run does something else than its configuration was asked to do.",
        contract="sweep",
        section="sweeps",
        hints=(
            "What does your sweep give for a grid with both steps and warmup_steps?",
            "What the grid names is taken as it is. Only what it does not name may follow.",
            "Scale warmup_steps only if it is not in the grid.",
        ),
        ways=[[in_sweeping('and "warmup_steps" not in changes ', "")]],
    ),
    Mistake(
        id="sweep_folder_shared",
        sentence="All runs keep the folder of the base.",
        why='the second run finds the checkpoint of the first, "resumes", and is done at once.',
        contract="sweep",
        section="sweeps",
        hints=(
            "Where do the checkpoints of the second run go?",
            "Each run needs a run_dir of its own, inside the one of the base.",
            "Set run_dir to base.run_dir / a name made of the values of the combination.",
        ),
        ways=[[in_sweeping(FOLDER_FOLLOWS, "")]],
    ),
    Mistake(
        id="sweep_folder_outside_of_base",
        sentence="The folders of the runs are not inside the folder of the base.",
        why="two sweeps with different bases then write into the same folders.",
        contract="sweep",
        section="sweeps",
        hints=(
            "Where are the runs of a base whose run_dir is runs/lr?",
            "The base's folder says which sweep it is; the runs lie inside it.",
            "Path(base.run_dir) / the name of the run.",
        ),
        ways=[
            [in_sweeping("Path(base.run_dir) / described", 'Path("runs") / described')],
            [in_sweeping("Path(base.run_dir) / described", "Path(described)")],
            [in_sweeping("Path(base.run_dir) / described", 'Path(f"{base.run_dir}_{described}")')],
            [
                in_sweeping(
                    "Path(base.run_dir) / described", "Path(base.run_dir).parent / described"
                )
            ],
        ],
    ),
    Mistake(
        id="sweep_folder_of_raw_values",
        sentence="Values stand in the names of folders as they are, legal there or not.",
        why="a slash makes a subfolder, some systems refuse a colon, none takes 300 characters.",
        contract="sweep",
        section="sweeps",
        hints=(
            "Which folder does the value 'a/b' give, and which one 300 times 'x'?",
            "Replace what is not a letter, digit, dot, plus, dash or underscore; then look again.",
            "Where names would be long or alike, use the value's place in its list.",
        ),
        ways=[
            [
                in_sweeping(
                    '[UNSAFE_IN_FILE_NAMES.sub("_", str(value)) for value in values]',
                    "[str(value) for value in values]",
                ),
                in_sweeping(
                    "return labels if different and short else "
                    "[str(place) for place in range(len(labels))]",
                    "return labels",
                ),
            ],
        ],
    ),
    Mistake(
        id="sweep_named_folder_overruled",
        sentence="A run_dir that the grid names is replaced by one that you make.",
        why="the caller looks for the results in the folder that was asked for.",
        contract="sweep",
        section="sweeps",
        hints=(
            "What does your sweep give for a grid with run_dir?",
            "What the grid names is taken as it is. Only what it does not name may follow.",
            "Make a run_dir only if it is not in the grid.",
        ),
        ways=[[in_sweeping('described and "run_dir" not in changes', "described")]],
    ),
    Mistake(
        id="sweep_unknown_field_not_refused",
        sentence="You do not refuse a field that the configuration does not have.",
        why="a misspelt name would give many equal runs, or an error from deep inside.",
        contract="sweep",
        section="sweeps",
        hints=(
            "What does your sweep do with 'max_rl'?",
            "dataclasses.fields says which names there are, also inside nested configurations.",
            "Raise a ValueError that names close ones (difflib.get_close_matches).",
        ),
        ways=[
            [in_sweeping("if name not in known:", "if False:")],
            [
                in_sweeping("if name not in known:", "if False:"),
                in_sweeping(
                    "    whole = {name: value",
                    "    known = _field_names(config)\n"
                    "    changes = {name: changes[name] for name in changes if name in known}\n"
                    "    whole = {name: value",
                ),
            ],
        ],
    ),
    Mistake(
        id="sweep_string_as_list",
        sentence="You take a string for a list of values: each of its characters gives a run.",
        why='"789" was meant as one value, and three runs of nonsense start.',
        contract="sweep",
        section="sweeps",
        hints=(
            "What does your sweep do with {'seed': '789'}?",
            "A str is a sequence too, of characters.",
            "Raise a ValueError if the values are a str.",
        ),
        ways=[[in_sweeping("isinstance(values, str) or not isinstance", "not isinstance")]],
    ),
    Mistake(
        id="sweep_equal_values_not_refused",
        sentence="You accept one value twice in a list.",
        why="the same run is done again, or two runs share a folder.",
        contract="sweep",
        section="sweeps",
        hints=(
            "In what do the runs for the values 1, 2 and 1 differ?",
            "A value that stands twice is a slip of the one who wrote the grid: say so.",
            "Raise a ValueError if a value is equal to one before it.",
        ),
        ways=[[in_sweeping("if value in values[:place]:", "if False:")]],
    ),
    Mistake(
        id="sweep_invalid_left_out",
        sentence="You leave out the combinations that the configuration refuses, and say nothing.",
        why="a table with holes nobody knows of leads to wrong conclusions.",
        contract="sweep",
        section="sweeps",
        hints=(
            "How would a caller learn that a combination is missing?",
            "The contract wants a ValueError for it; the grid is the caller's to mend.",
            "Raise a ValueError that says which combination is refused, and why.",
        ),
        ways=[
            [
                in_sweeping(
                    'raise ValueError(f"the combination {described} is not valid: {error}") '
                    "from error",
                    "del error",
                )
            ]
        ],
    ),
]

MOVED = "each.elements * size for each"
BY_SEQUENCE = [
    (line, line.replace("tokens", "seq").replace(last + ")", f"{last} * batch)"))
    for line, last in (
        ("yield product(name, tokens, width, width, layers)", "layers"),
        ('yield product("o_proj", tokens, width, width, layers)', "layers"),
        (FFN, "ffn_matrices(config)"),
        (HEAD, " 1"),
    )
]

BYTES = [
    Mistake(
        id="moved_bytes_in_numbers",
        sentence="Your bytes moved are numbers: they are not multiplied by the size of one.",
        why="a bandwidth is in bytes, so every time that is computed from it is too short.",
        contract="moved_bytes",
        section="flop",
        hints=(
            "In which unit is a bandwidth?",
            "A float32 has 4 bytes and a bfloat16 has 2.",
            "Multiply mk + kn + mn by 4 for float32 and tf32, and by 2 for bfloat16.",
        ),
        ways=[[Edit(MOVED, "each.elements for each")]],
    ),
    Mistake(
        id="moved_bytes_of_float32",
        sentence="You count 4 bytes for each number that is moved, whatever the dtype.",
        why="half as many bytes is half of why bfloat16 is faster.",
        contract="moved_bytes",
        section="flop",
        hints=(
            "How many bytes has a number that enters a product under autocast?",
            "Operands and results of products are bfloat16 there.",
            "Multiply by 4 for float32 and tf32, and by 2 for bfloat16.",
        ),
        ways=[[Edit(MOVED, "each.elements * 4 for each")]],
    ),
    Mistake(
        id="moved_bytes_of_a_step",
        sentence="You count the bytes of a whole step; the contract asks for its forward pass.",
        why="divided into the FLOP of a forward pass they give a third of the intensity.",
        contract="moved_bytes",
        section="flop",
        hints=(
            "Which FLOP will your bytes be compared with?",
            "forward_flops counts one pass, and so do these; predict_step takes both three times.",
            "Leave out the factor of 3.",
        ),
        ways=[[Edit(MOVED, "3 * each.elements * size for each")]],
    ),
    Mistake(
        id="moved_bytes_weights_for_each_sequence",
        sentence="You move the weights once for each sequence; a product reads them once for all.",
        why="sharing weights is what a batch is for: without it no product reaches the peak.",
        contract="moved_bytes",
        section="flop",
        hints=(
            "How often are the weights of a projection read for a batch of 7 sequences?",
            "All tokens of the batch are rows of one matrix, and its product is one product.",
            "A projection is (batch · seq, d_model) times a matrix: m = batch · seq, once.",
        ),
        ways=[
            [in_operations(*each) for each in BY_SEQUENCE[:2]],
            [in_operations(*each) for each in BY_SEQUENCE],
        ],
    ),
]

LOSS_MOMENT = 'sum(kinds.values()) - kinds["gradients"] + LOGITS[mixed] * numbers'
ONE_BLOCK = '(kinds["activations"] - 4 * numbers) // config.num_layers'

MOMENTS = [
    Mistake(
        id="moments_gradients_at_the_loss",
        sentence="You add all kinds of memory for the loss; there are no gradients yet.",
        why="activations and gradients are never there in full at the same time.",
        contract="memory_by_moment",
        section="memory",
        hints=(
            "When does the first gradient of a parameter appear?",
            "zero_grad gave the old gradients away, and the backward pass has not begun.",
            "At the loss leave out the gradients.",
        ),
        ways=[
            [in_moments(LOSS_MOMENT, "sum(kinds.values()) + LOGITS[mixed] * numbers")],
        ],
    ),
    Mistake(
        id="moments_logits_left_out",
        sentence="At the loss you leave out the logits, which are there twice.",
        why="with a large vocabulary they are the largest arrays of the step, and decide its peak.",
        contract="memory_by_moment",
        section="memory",
        hints=(
            "Which arrays are alive inside cross_entropy, beside what autograd keeps?",
            "The logits that were passed in, and the logits less their maximum.",
            "Add 8 bytes for each of T · vocab_size logits, 10 in bfloat16.",
        ),
        ways=[[in_moments(LOSS_MOMENT, LOSS_MOMENT.removesuffix(" + LOGITS[mixed] * numbers"))]],
    ),
    Mistake(
        id="moments_logits_counted_once",
        sentence="At the loss you count the logits once; a second copy has the maximum subtracted.",
        why="one such array can be the difference between a step that fits and one that does not.",
        contract="memory_by_moment",
        section="memory",
        hints=(
            "What does your cross_entropy of stage 02 make out of its argument first?",
            "The subtraction gives a new array, while the caller still holds the first one.",
            "Add 8 bytes for each of T · vocab_size logits, 10 in bfloat16.",
        ),
        ways=[
            [in_moments("{False: 4 + 4, True: 2 + 4 + 4}", "{False: 4, True: 4}")],
            [in_moments("{False: 4 + 4, True: 2 + 4 + 4}", "{False: 4, True: 2 + 4}")],
        ],
    ),
    Mistake(
        id="moments_logits_alike_in_bfloat16",
        sentence="You count 8 bytes for each logit also in bfloat16, where there are 10.",
        why="the 2-byte logits stay while the loss works on a 4-byte copy of them.",
        contract="memory_by_moment",
        section="memory",
        hints=(
            "In which dtype do the logits leave autocast, and in which is the loss computed?",
            "bfloat16 logits, their float32 copy, and that copy less its maximum: three arrays.",
            "2 + 4 + 4 bytes for each logit in bfloat16.",
        ),
        ways=[[in_moments("True: 2 + 4 + 4", "True: 4 + 4")]],
    ),
    Mistake(
        id="moments_all_activations_at_the_end",
        sentence="As the backward pass ends you still count the activations of all blocks.",
        why="each block's activations are freed as it is done, while the gradients grow.",
        contract="memory_by_moment",
        section="memory",
        hints=(
            "Which activations are left when the backward pass reaches the first block?",
            "It goes from the last block to the first, and frees what it has used.",
            "Count (activations - 4 T vocab_size) // num_layers.",
        ),
        ways=[
            [in_moments("- 4 * numbers) // config.num_layers", "- 4 * numbers)")],
            [in_moments(ONE_BLOCK, 'kinds["activations"]')],
        ],
    ),
    Mistake(
        id="moments_exponentials_at_the_end",
        sentence="As the backward pass ends you still count a share of the loss's exponentials.",
        why="the loss is the first thing the backward pass is done with, and the largest array.",
        contract="memory_by_moment",
        section="memory",
        hints=(
            "Which of the activations belong to no block?",
            "The exponentials of the logits are freed before the pass reaches the last block.",
            "Subtract 4 T vocab_size before you divide by num_layers.",
        ),
        ways=[[in_moments(ONE_BLOCK, 'kinds["activations"] // config.num_layers')]],
    ),
    Mistake(
        id="moments_update_without_denominator",
        sentence="In the update you count no temporary array; AdamW makes one for each parameter.",
        why="in a model with a large vocabulary the largest matrix may be half of all of it.",
        contract="memory_by_moment",
        section="memory",
        hints=(
            "What does your AdamW allocate for a parameter beside its moments?",
            "√v̂ + eps is a new tensor, as large as the parameter, and one at a time.",
            "Add 4 bytes for each number of the largest matrix.",
        ),
        ways=[[in_moments("learned + 4 * largest_matrix", "learned")]],
    ),
    Mistake(
        id="moments_update_of_all_parameters",
        sentence="In the update you count AdamW's denominators of all parameters at once.",
        why="the peak seems a quarter higher than it is where the update decides it.",
        contract="memory_by_moment",
        section="memory",
        hints=(
            "How many of AdamW's denominators are there at the same time?",
            "The loop works on one parameter after the other, and the last one's are gone.",
            "Add 4 bytes for each number of the largest matrix, not of all parameters.",
        ),
        ways=[[in_moments("learned + 4 * largest_matrix", 'learned + kinds["gradients"]')]],
    ),
]

NEEDED = "max(memory_by_moment(config, batch, seq, dtype).values())"
NOT_KNOWN = "    if device.memory is None:"
TOO_LARGE = "needed(high) <= device.memory"

LARGEST_BATCH = [
    Mistake(
        id="largest_batch_one_too_many",
        sentence="Your largest batch is the first that does not fit.",
        why="the run starts, allocates, and dies in its first step.",
        contract="largest_batch",
        section="memory",
        hints=(
            "Do the bytes of your answer fit into the memory?",
            "A search ends between the last that fits and the first that does not.",
            "Return the number for which the bytes are at most the memory.",
        ),
        ways=[
            [in_budgets("    return low\n", "    return high\n")],
        ],
    ),
    Mistake(
        id="largest_batch_only_powers_of_two",
        sentence="You try powers of two only.",
        why="nearly half of the memory can stay empty.",
        contract="largest_batch",
        section="memory",
        hints=(
            "Is there a batch between your answer and its double that fits?",
            "Doubling finds a range; the answer lies anywhere in it.",
            "Search between the last power that fits and the next one, halving the range.",
        ),
        ways=[[in_budgets("while high - low > 1:", "while False:")]],
    ),
    Mistake(
        id="largest_batch_memory_has_to_be_left",
        sentence="You refuse a batch that needs exactly the memory there is.",
        why="at most means that equal is allowed: a limit should mean the same everywhere.",
        contract="largest_batch",
        section="memory",
        hints=(
            "What is your answer where a batch of 5 needs the memory to the byte?",
            "The bytes fit if they are at most the memory.",
            "Compare with <=.",
        ),
        ways=[
            [
                in_budgets(TOO_LARGE, TOO_LARGE.replace("<=", "<")),
                in_budgets("if needed(middle) <= device", "if needed(middle) < device"),
            ]
        ],
    ),
    Mistake(
        id="largest_batch_at_least_one",
        sentence="You answer 1 where not even one sequence fits.",
        why="the answer says that the model can be trained there, and it cannot.",
        contract="largest_batch",
        section="memory",
        hints=(
            "What do you return where the parameters alone are larger than the memory?",
            "The contract asks for 0 there.",
            "Let the search begin at 0, which always fits.",
        ),
        ways=[[in_budgets("    return low\n", "    return max(1, low)\n")]],
    ),
    Mistake(
        id="largest_batch_of_the_sum",
        sentence="Your largest batch is to have room for what is never there all at once.",
        why="gradients grow while activations go: the sum of both leaves memory empty.",
        contract="largest_batch",
        section="memory",
        hints=(
            "Which of the bytes that you add up are there at the same moment?",
            "A step fits if its worst moment fits.",
            "Compare max(memory_by_moment(…).values()) with the memory.",
        ),
        ways=[
            [Edit(NEEDED, "sum(training_memory(config, batch, seq, dtype).values())")],
            [Edit(NEEDED, NEEDED.replace("max", "sum"))],
        ],
    ),
    Mistake(
        id="largest_batch_by_the_loss_alone",
        sentence="You let a batch fit by the memory at the loss; another moment may need more.",
        why="with small batches or long vocabularies the run dies in the backward pass or update.",
        contract="largest_batch",
        section="memory",
        hints=(
            "Which moment needs most if the batch is 1?",
            "With few tokens gradients outweigh activations, so the worst moment comes later.",
            "Compare the largest of all three moments with the memory.",
        ),
        ways=[
            [Edit(NEEDED, 'memory_by_moment(config, batch, seq, dtype)["loss"]')],
        ],
    ),
    Mistake(
        id="largest_batch_of_unknown_memory",
        sentence="You give an answer for a device whose memory nobody knows.",
        why="a made-up limit looks like any other number.",
        contract="largest_batch",
        section="memory",
        hints=(
            "What is device.memory of a Mac in DEVICES?",
            "None means that it depends on the machine, so the caller has to say.",
            "Raise a ValueError if device.memory is None.",
        ),
        ways=[
            [
                in_budgets(
                    NOT_KNOWN, "    if device.memory is None:\n        return 0\n    if False:"
                )
            ],
            [
                in_budgets(
                    NOT_KNOWN,
                    "    if device.memory is None:\n"
                    "        device = Device(\n"
                    '            name="", peak_flops={}, bandwidth=1.0, source="", '
                    "memory=8 * 2**30\n"
                    "        )\n    if False:",
                )
            ],
        ],
    ),
]

BUDGET = [
    Mistake(
        id="budget_last_step_dropped",
        sentence="You round the number of steps down, and train on fewer tokens than asked for.",
        why="a step is whole, so what is left over takes one more.",
        contract="training_budget",
        section="budget",
        hints=(
            "How many steps of 60 tokens do 61 tokens take?",
            "At least the tokens that were asked for: round up.",
            "math.ceil(tokens / (batch · seq)).",
        ),
        ways=[
            [in_budgets("math.ceil(tokens / (batch * seq))", "tokens // (batch * seq)")],
            [in_budgets("math.ceil(tokens / (batch * seq))", "round(tokens / (batch * seq))")],
        ],
    ),
    Mistake(
        id="budget_one_step_too_many",
        sentence="You add a step also where the tokens are a whole number of steps.",
        why="rounding up adds nothing to what is whole already.",
        contract="training_budget",
        section="budget",
        hints=(
            "How many steps of 60 tokens do 600 tokens take?",
            "Only what is left over after the whole steps takes one more.",
            "math.ceil(tokens / (batch · seq)), not tokens // (batch · seq) + 1.",
        ),
        ways=[[in_budgets("math.ceil(tokens / (batch * seq))", "tokens // (batch * seq) + 1")]],
    ),
    Mistake(
        id="budget_sequences_for_tokens",
        sentence="You take a step for batch tokens; it trains on batch · seq.",
        why="time and cost come out seq times too large.",
        contract="training_budget",
        section="budget",
        hints=(
            "On how many tokens does one step train?",
            "Every position of every sequence of the batch is a target.",
            "A step has batch · seq tokens, for the number of steps and for tokens per second.",
        ),
        ways=[
            [
                in_budgets("tokens / (batch * seq)", "tokens / batch"),
                in_budgets("tokens_per_second=batch * seq", "tokens_per_second=batch"),
            ],
            [in_budgets("tokens / (batch * seq)", "tokens / batch")],
        ],
    ),
    Mistake(
        id="budget_price_of_a_second",
        sentence="You multiply the seconds by the price of an hour.",
        why="the cost is 3,600 times too high.",
        contract="training_budget",
        section="budget",
        hints=(
            "For how long does one pay price_per_hour?",
            "The time is in seconds, and the price is for 3,600 of them.",
            "seconds / 3600 · price_per_hour.",
        ),
        ways=[[in_budgets("seconds / 3600 * price_per_hour", "seconds * price_per_hour")]],
    ),
    Mistake(
        id="budget_whole_hours",
        sentence="You charge every hour that has begun as a whole one.",
        why="the contract takes a part of an hour for a part of the price, as clouds bill seconds.",
        contract="training_budget",
        section="budget",
        hints=(
            "What do 900 seconds cost at 2.00 an hour?",
            "A quarter of an hour costs a quarter of the price.",
            "seconds / 3600 · price_per_hour, without rounding.",
        ),
        ways=[
            [
                in_budgets(
                    "seconds / 3600 * price_per_hour", "math.ceil(seconds / 3600) * price_per_hour"
                )
            ]
        ],
    ),
]

PHASE_START = "    synchronize()\n    before, found"
PHASE_END = "        synchronize()\n        now = clock()"
PHASE_NOTED = "        found[name], before = now - before, now\n"
READ_ANEW = "        synchronize()\n        before = clock()\n"
SPLIT = "split=middle(timed)"
FIRST_STEP = "first=sum(first.values())"

PHASES = [
    Mistake(
        id="phases_not_synchronized",
        sentence="You wait for the device before and after the step, but not after each phase.",
        why="forward and backward seem to be free, and the last phase pays for all of them.",
        contract="time_phases",
        section="timing",
        hints=(
            "When is the work of the forward pass done on a GPU?",
            "Its work is in the queue when backward begins, and is charged to a later phase.",
            "Call synchronize() after every phase, before its reading of the clock.",
        ),
        ways=[
            [
                in_timing(
                    PHASE_END,
                    "        if name == list(phases)[-1]:\n            synchronize()\n"
                    "        now = clock()",
                )
            ]
        ],
    ),
    Mistake(
        id="phases_never_synchronized",
        sentence="time_phases never calls synchronize, so each phase has the time of its queueing.",
        why="on a GPU the split then says how long Python took, and nothing of the device.",
        contract="time_phases",
        section="timing",
        hints=(
            "What has been done on a GPU when loss.backward() returns?",
            "A phase returns when its work is queued. The clock has to wait until it is done.",
            "Call synchronize() before the first reading of a step, and after every phase.",
        ),
        ways=[
            [
                in_timing(PHASE_START, "    before, found"),
                in_timing(PHASE_END, "        now = clock()"),
            ]
        ],
    ),
    Mistake(
        id="phases_start_not_synchronized",
        sentence="You begin to time a step while earlier work is still in the queue.",
        why="the first phase then pays for what was queued before: loading, or another step.",
        contract="time_phases",
        section="timing",
        hints=(
            "What may be in the queue when your first phase begins?",
            "Whatever ran before time_phases: nobody waited for it.",
            "Call synchronize() before the first reading of a step, too.",
        ),
        ways=[[in_timing(PHASE_START, "    before, found")]],
    ),
    Mistake(
        id="phases_with_readings_of_their_own",
        sentence="You read the clock anew when a phase begins, so what passes in between is lost.",
        why="the phases then add up to less than the step, and nobody is charged with the rest.",
        contract="time_phases",
        section="timing",
        hints=(
            "How often do you read the clock in a step of three phases?",
            "Two readings between two phases leave a gap that belongs to neither.",
            "Three phases need four readings: each one ends a phase and begins the next.",
        ),
        ways=[
            [in_timing(PHASE_NOTED, f"{PHASE_NOTED.split(',')[0]} = now - before\n{READ_ANEW}")],
            [in_timing("        phase()\n", f"{READ_ANEW}        phase()\n")],
        ],
    ),
    Mistake(
        id="phases_medians_of_different_steps",
        sentence="Your split has the median of each phase by itself, so it does not add up.",
        why="the medians are of different steps: their sum is no step that ever was.",
        contract="time_phases",
        section="timing",
        hints=(
            "Is the sum of your phases the time of the step?",
            "The slowest forward and the slowest backward may be in different steps.",
            "Find the step of median length first, and return the phases of that one.",
        ),
        ways=[
            [
                in_timing(
                    SPLIT,
                    "split={\n"
                    "            name: float(np.median([each[name] for each in timed]))\n"
                    "            for name in phases\n"
                    "        }",
                )
            ]
        ],
    ),
    Mistake(
        id="phases_means",
        sentence="Your split has the mean of each phase, which adds up to the mean step.",
        why="one slow step moves every mean, and the median step does not notice it.",
        contract="time_phases",
        section="timing",
        hints=(
            "What does one step that takes ten times as long do to your split?",
            "The contract asks for the phases of the step that took the median.",
            "Sort the steps by their sums and take the one in the middle.",
        ),
        ways=[
            [
                in_timing(
                    SPLIT,
                    "split={name: sum(each[name] for each in timed) / repeats for name in phases}",
                )
            ]
        ],
    ),
    Mistake(
        id="phases_of_the_last_step",
        sentence="Your split is that of the last step, whatever it took.",
        why="a single step may be an accident, and its phases do not add up to the median.",
        contract="time_phases",
        section="timing",
        hints=(
            "Which of the timed steps does your split belong to?",
            "It is to be the one that took the median.",
            "Sort the steps by their sums and take the one in the middle.",
        ),
        ways=[[in_timing(SPLIT, "split=timed[-1]")], [in_timing(SPLIT, "split=timed[0]")]],
    ),
    Mistake(
        id="phases_timed_apart",
        sentence="You time each phase in a loop of its own, so there are no whole steps.",
        why="backward needs a forward pass of its own, and parts of no step add up to none.",
        contract="time_phases",
        section="timing",
        hints=(
            "In which order are your phases called?",
            "A step is forward, backward, optimizer; the next one begins after that.",
            "Loop over steps outside and over phases inside.",
        ),
        ways=[
            [
                in_timing(
                    "steps = [seconds_of(phases, synchronize, clock) "
                    "for _ in range(warmup + repeats)]",
                    "apart = [\n"
                    "        [seconds_of({name: phase}, synchronize, clock) "
                    "for _ in range(warmup + repeats)]\n"
                    "        for name, phase in phases.items()\n"
                    "    ]\n"
                    "    steps = [\n"
                    "        {name: each for one in together for name, each in one.items()}\n"
                    "        for together in zip(*apart, strict=True)\n"
                    "    ]",
                )
            ]
        ],
    ),
    Mistake(
        id="phases_warm_up_timed",
        sentence="The warm-up steps are among the timed ones in time_phases.",
        why="the first step compiles and allocates: it has a number of its own, `first`.",
        contract="time_phases",
        section="timing",
        hints=(
            "How many steps are your percentiles taken from?",
            "Only the last `repeats` steps count.",
            "Leave the first warmup steps out of step and split.",
        ),
        ways=[[in_timing("timed = steps[0], steps[warmup:]", "timed = steps[0], steps")]],
    ),
    Mistake(
        id="phases_first_after_the_warm_up",
        sentence="Your `first` is a step after the warm-up, when everything is compiled.",
        why="the time of compiling, a minute or more, is what `first` is there to show.",
        contract="time_phases",
        section="timing",
        hints=(
            "Which call makes torch.compile work?",
            "The very first one, which is a warm-up step.",
            "Time the first warm-up step too, and keep it for `first`.",
        ),
        ways=[[in_timing("first, timed = steps[0]", "first, timed = steps[warmup]")]],
    ),
]

MISTAKES = [
    *PARAMETERS,
    *FLOPS,
    *TRAINING_FLOPS,
    *BYTES,
    *MEMORY,
    *MOMENTS,
    *LARGEST_BATCH,
    *BUDGET,
    *TIMING,
    *PHASES,
    *UTILISATION,
    *MEASURING,
    *PEAK_MEMORY,
    *ROOFLINE,
    *SWEEP,
]
