"""What people get wrong in stage 05."""

from groundup.catalogue import Edit, Mistake

# The lines of the reference that most mistakes are made in.
DEFAULTS = "super().__init__(params, defaults)"
COUNT = 'state["step"] += 1'
COUNTED = 'state["exp_avg_sq"], state["step"]'
FIRST = """\
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
"""
MEAN = "m.lerp_(gradient, 1 - beta1)"
MEAN_IN_TWO = "m.mul_(beta1).add_(gradient, alpha=1 - beta1)"
SQUARES = "v.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)"
ROOT = "(v / (1 - beta2**t)).sqrt_()"
EPS = '.add_(group["eps"])'
DECAY = 'parameter.mul_(1 - group["lr"] * group["weight_decay"])'
UPDATE = 'parameter.addcdiv_(m, denominator, value=-group["lr"] / (1 - beta1**t))'
WITH_GRADIENT = """\
                if parameter.grad is not None:
                    self._update(parameter, group)
"""
SETTINGS = '{"lr": lr, "eps": eps, "weight_decay": weight_decay}.items()'
RANGES = f"""\
        for name, value in {SETTINGS}:
            if value < 0:
                raise ValueError(f"{{name}} must be at least 0, found {{value}}")
"""
BETAS = """\
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be at least 0 and under 1, found {betas}")
"""
WARM_UP = "max_lr * step / warmup_steps"
PROGRESS = "(step - warmup_steps) / (total_steps - warmup_steps)"
COSINE = "min_lr + 0.5 * (max_lr - min_lr) * (1 + math.cos(math.pi * progress))"
GRADIENTS = "[p.grad for p in parameters if p.grad is not None]"
NORMS = "[torch.linalg.vector_norm(gradient) for gradient in gradients]"
NORM = "torch.linalg.vector_norm(norms).item()"
NOTHING = "    if not gradients:\n        return 0.0\n"
SCALING = """\
    if max_norm < norm < math.inf:
        for gradient in gradients:
            gradient.mul_(max_norm / norm)
"""
LISTED = Edit(
    f"gradients = {GRADIENTS}", f"parameters = list(parameters)\n    gradients = {GRADIENTS}"
)


def made(zeros: str) -> str:
    """The lines that make m and v, with `torch.zeros…` as given."""
    return FIRST.replace("zeros_like(parameter)", zeros)


MOMENTS = [
    Mistake(
        id="adamw_not_bias_corrected",
        sentence="Your updates are AdamW's without the bias corrections of m and v.",
        why="m and v start at 0; uncorrected, the first steps are three to seven times too large.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "In the first step, how large is m compared with the gradient?",
            "A mean that starts at 0 is too small by the factor 1 - βᵗ; both means are.",
            "Divide m by 1 - beta1**t and v by 1 - beta2**t, for this step only.",
        ),
        ways=[
            [
                Edit(ROOT, "v.sqrt()"),
                Edit('-group["lr"] / (1 - beta1**t)', '-group["lr"]'),
            ]
        ],
    ),
    Mistake(
        id="adamw_mean_not_corrected",
        sentence="Your updates have the bias correction of v, but not the one of m.",
        why="the first steps are too small by 1 - β₁ᵗ, a tenth of their size with β₁ = 0.9.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Both means start at 0. How many of the two do you correct?",
            "The update divides m̂, not m, by the root.",
            "Use m / (1 - beta1**t) in the update.",
        ),
        ways=[[Edit('-group["lr"] / (1 - beta1**t)', '-group["lr"]')]],
    ),
    Mistake(
        id="adamw_square_not_corrected",
        sentence="Your updates have the bias correction of m, but not the one of v.",
        why="with β₂ = 0.999, √v starts at a thirtieth of the gradient: steps 30 × too large.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Both means start at 0. How many of the two do you correct?",
            "The root is taken of v̂, not of v.",
            "Use v / (1 - beta2**t) under the root.",
        ),
        ways=[[Edit(ROOT, "v.sqrt()")]],
    ),
    Mistake(
        id="adamw_correction_not_rooted",
        sentence="Your correction of v, 1 - β₂ᵗ, stands outside the root and has no root itself.",
        why="the first steps come out too small by √(1 - β₂ᵗ), 30 times with β₂ = 0.999.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Where in the formula is v corrected: before the root is taken, or after?",
            "√(v / c) is √v / √c. A correction that moves out of the root takes the root with it.",
            "Divide v by 1 - beta2**t first, then take the root.",
        ),
        ways=[
            [Edit(ROOT, "(v.sqrt() / (1 - beta2**t))")],
            [
                Edit(ROOT, "v.sqrt()"),
                Edit('-group["lr"] / (1', '-group["lr"] * (1 - beta2**t) / (1'),
            ],
        ],
    ),
    Mistake(
        id="adamw_corrections_swapped",
        sentence="You correct m with 1 - β₂ᵗ and v with 1 - β₁ᵗ: the two are exchanged.",
        why="with the usual betas the first step is a thousand times too large.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Which β did each of the two means grow with?",
            "The correction of a mean has that mean's own decay rate.",
            "m goes with beta1, v with beta2, in the means and in their corrections.",
        ),
        ways=[
            [
                Edit("(v / (1 - beta2**t))", "(v / (1 - beta1**t))"),
                Edit('-group["lr"] / (1 - beta1**t)', '-group["lr"] / (1 - beta2**t)'),
            ]
        ],
    ),
    Mistake(
        id="adamw_correction_linear",
        sentence="Your corrections are 1 - β·t, where the contract has the power 1 - βᵗ.",
        why="β·t passes 1 at once; the corrections turn negative, and v̂ has no root.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "How much of the starting 0 is left in m after t steps?",
            "Each step keeps β of what was there, so t steps keep β · β · … · β.",
            "Write beta1**t and beta2**t.",
        ),
        ways=[
            [
                Edit("(v / (1 - beta2**t))", "(v / (1 - beta2 * t))"),
                Edit('-group["lr"] / (1 - beta1**t)', '-group["lr"] / (1 - beta1 * t)'),
            ]
        ],
    ),
    Mistake(
        id="adamw_correction_kept",
        sentence="Your correction stays in the state: m̂ or v̂ is the next step's m or v.",
        why="the means are corrected again in every step, and grow beyond the gradient.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "After the step, is what is stored m or m̂?",
            "The correction is for this step's update alone; the mean goes on without it.",
            "Use m / (…) and v / (…), which make new tensors, not div_ or /= on the state.",
        ),
        ways=[
            [Edit(ROOT, "v.div_(1 - beta2**t).sqrt()")],
            [
                Edit(
                    'addcdiv_(m, denominator, value=-group["lr"] / (1 - beta1**t))',
                    'addcdiv_(m.div_(1 - beta1**t), denominator, value=-group["lr"])',
                )
            ],
            [
                Edit(ROOT, "v.div_(1 - beta2**t).sqrt()"),
                Edit(
                    'addcdiv_(m, denominator, value=-group["lr"] / (1 - beta1**t))',
                    'addcdiv_(m.div_(1 - beta1**t), denominator, value=-group["lr"])',
                ),
            ],
        ],
    ),
    Mistake(
        id="adamw_first_step_counted_two",
        sentence="Your step count is one ahead: the first step corrects with t = 2.",
        why="all corrections are too weak; with 0.9 and 0.999 the first step loses a quarter.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "What is t when the first correction is made?",
            "A count that starts at 1 and is raised before it is used is 2 in the first step.",
            "Start the count at 0 and add 1 at the beginning of each step.",
        ),
        ways=[[Edit('state["step"] = 0', 'state["step"] = 1')]],
    ),
    Mistake(
        id="adamw_first_step_counted_zero",
        sentence="Your first step has count 0, and its corrections divide by 1 - β⁰ = 0.",
        why="the first update is an error or NaN, and NaN weights stay NaN.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "What is t when the first correction is made, and what is 1 - βᵗ then?",
            "t counts the steps from 1, so it is raised before it is used.",
            "Add 1 to the count before you compute the corrections.",
        ),
        ways=[
            [Edit(f"        {COUNT}\n", ""), Edit(UPDATE, f"{UPDATE}\n        {COUNT}")],
            [
                Edit(f"        {COUNT}\n", ""),
                Edit(
                    UPDATE,
                    'parameter.sub_(group["lr"] * (m / (1 - beta1**t)) / denominator)\n'
                    f"        {COUNT}",
                ),
            ],
        ],
    ),
    Mistake(
        id="adamw_step_count_stands_still",
        sentence="Your step count stays at 1: every step is corrected like the first.",
        why="the corrections never fade, so m̂ and v̂ stay too large by 1 / (1 - β) for ever.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Print t in each step. Does it grow?",
            "The count has to outlive the call, as m and v do.",
            'Keep t in the state, as in state["step"] += 1.',
        ),
        ways=[[Edit(COUNT, 'state["step"] = 1')]],
    ),
    Mistake(
        id="adamw_betas_swapped",
        sentence="You use β₂ for the mean of the gradient and β₁ for the mean of its square.",
        why="with 0.9 and 0.999, v then follows single batches, and m the last thousand.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Which of the two means should be the slower one?",
            "betas are (β₁, β₂): the first is the decay rate of m, the second of v.",
            "Unpack them as beta1, beta2, and use beta1 with m.",
        ),
        ways=[[Edit('beta1, beta2 = group["betas"]', 'beta2, beta1 = group["betas"]')]],
    ),
    Mistake(
        id="adamw_mean_weights_swapped",
        sentence="Your running mean weights the new gradient with β and the old mean with 1 - β.",
        why="the mean then follows the last batch and smooths out nothing.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "With β = 0.9, how much of the old mean should be left after one step?",
            "β is what is kept, 1 - β what is added; lerp's weight is what is added.",
            "m becomes beta1 · m + (1 - beta1) · g, which is m.lerp_(g, 1 - beta1); v likewise.",
        ),
        ways=[
            [Edit(MEAN, "m.lerp_(gradient, beta1)")],
            [Edit(SQUARES, "v.mul_(1 - beta2).addcmul_(gradient, gradient, value=beta2)")],
            [
                Edit(MEAN, "m.lerp_(gradient, beta1)"),
                Edit(SQUARES, "v.mul_(1 - beta2).addcmul_(gradient, gradient, value=beta2)"),
            ],
        ],
    ),
    Mistake(
        id="adamw_mean_of_gradients_unweighted",
        sentence="Your m adds the whole gradient, not (1 - β₁) times it.",
        why="m is then a sum of about ten gradients with β₁ = 0.9: steps ten times too large.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "If the gradient is always 1, what does your m grow to?",
            "The weights of the old mean and of the new gradient add up to 1.",
            "m becomes beta1 · m + (1 - beta1) · g.",
        ),
        ways=[[Edit(MEAN, "m.mul_(beta1).add_(gradient)")]],
    ),
    Mistake(
        id="adamw_mean_of_squares_unweighted",
        sentence="Your v adds the whole squared gradient, not (1 - β₂) times it.",
        why="v is then a sum of about a thousand squares, and steps are thirty times too small.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "If the gradient is always 1, what does your v grow to?",
            "The weights of the old mean and of the new square add up to 1.",
            "v becomes beta2 · v + (1 - beta2) · g².",
        ),
        ways=[[Edit(SQUARES, "v.mul_(beta2).addcmul_(gradient, gradient)")]],
    ),
    Mistake(
        id="adamw_square_includes_weight",
        sentence="Your v squares (1 - β₂) together with the gradient.",
        why="v is too small by 1 - β₂, and every step thirty times too large with β₂ = 0.999.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Put β₂ = 0.999 and g = 1 into your line. Is 0.001 added to v?",
            "Only the gradient is squared, not the weight it is added with.",
            "v becomes beta2 · v + (1 - beta2) · (g · g).",
        ),
        ways=[[Edit(SQUARES, "v.mul_(beta2).add_(((1 - beta2) * gradient) ** 2)")]],
    ),
    Mistake(
        id="adamw_square_of_mean",
        sentence="Your v is the running mean of m², where it should be of g².",
        why="v then misses the noise around the mean, and noisy weights get too large steps.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "What is squared in your v: this step's gradient, or something already smoothed?",
            "Both means are made of the gradient itself; neither is made of the other.",
            "v becomes beta2 · v + (1 - beta2) · g · g, with g = parameter.grad.",
        ),
        ways=[[Edit(SQUARES, "v.mul_(beta2).addcmul_(m, m, value=1 - beta2)")]],
    ),
    Mistake(
        id="adamw_gradient_not_squared",
        sentence="Your v is the running mean of the gradient, not of its square.",
        why="v can then be negative, and its root is NaN.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Can your v become negative?",
            "v measures the size of the gradient, whatever its sign.",
            "v takes in gradient * gradient.",
        ),
        ways=[[Edit(SQUARES, "v.lerp_(gradient, 1 - beta2)")]],
    ),
    Mistake(
        id="adamw_root_missing",
        sentence="You divide m̂ by v̂ + eps, without the square root of v̂.",
        why="the step then has the size lr / g: weights with small gradients are thrown far away.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "If all gradients were ten times larger, would your step be the same?",
            "v̂ is the mean of a square; the typical size of the gradient is its root.",
            "Divide by (v / (1 - beta2**t)).sqrt() + eps.",
        ),
        ways=[[Edit(ROOT, "(v / (1 - beta2**t))")]],
    ),
    Mistake(
        id="adamw_no_momentum",
        sentence="Your update divides the gradient itself, not its running mean m̂, by the root.",
        why="without m the noise of every single batch goes straight into the weights.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Which of the two means does your update use?",
            "Take away m, and what is left is RMSProp.",
            "The numerator of the update is m / (1 - beta1**t).",
        ),
        ways=[
            [
                Edit(
                    'addcdiv_(m, denominator, value=-group["lr"] / (1 - beta1**t))',
                    'addcdiv_(gradient, denominator, value=-group["lr"])',
                )
            ],
        ],
    ),
    Mistake(
        id="adamw_moments_forgotten",
        sentence="Your m and v start at 0 again in every step.",
        why="nothing is averaged: each update knows the last gradient alone.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "In the second step, what are m and v before you change them?",
            "Make the state only if there is none yet, and change the tensors that are in it.",
            "Update in place (mul_, add_), or store the new m and v back into self.state.",
        ),
        ways=[
            [Edit("if not state:", "if True:")],
            [
                Edit('m, v, t = state["exp_avg"], ', 'm, v, t = state["exp_avg"].clone(), '),
                Edit(COUNTED, 'state["exp_avg_sq"].clone(), state["step"]'),
            ],
        ],
    ),
    Mistake(
        id="adamw_mean_forgotten",
        sentence="Your m starts at 0 again in every step; v is kept.",
        why="nothing is averaged: each update follows the last gradient, and ever less of it.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "In the second step, what is m before you change it?",
            "What you compute from m and the gradient has to be m in the next step.",
            "Change state's tensor in place (mul_, add_), or store the new one in self.state.",
        ),
        ways=[[Edit('m, v, t = state["exp_avg"], ', 'm, v, t = state["exp_avg"].clone(), ')]],
    ),
    Mistake(
        id="adamw_squares_forgotten",
        sentence="Your v starts at 0 again in every step; m is kept.",
        why="divided by 1 - β₂ᵗ, v is ever smaller, and the updates grow from step to step.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "In the second step, what is v before you change it?",
            "What you compute from v and the squared gradient has to be v in the next step.",
            "Change state's tensor in place (mul_, addcmul_), or store the new one in self.state.",
        ),
        ways=[
            [
                # Not to be made beside adamw_mean_forgotten: both are adamw_moments_forgotten.
                Edit(
                    f'm, v, t = state["exp_avg"], {COUNTED}',
                    'm, v, t = state["exp_avg"], state["exp_avg_sq"].clone(), state["step"]',
                )
            ]
        ],
    ),
    Mistake(
        id="adamw_moments_one_tensor",
        sentence="Your m and v are one and the same tensor under two names.",
        why="each update of one overwrites the other, and both are wrong from the first step.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Are state's m and v the same object? `is` tells.",
            "a = b = torch.zeros_like(p) makes one tensor, which in-place updates then share.",
            "Call torch.zeros_like twice.",
        ),
        ways=[
            [
                Edit(
                    'state["exp_avg_sq"] = torch.zeros_like(parameter)',
                    'state["exp_avg_sq"] = state["exp_avg"]',
                )
            ]
        ],
    ),
    Mistake(
        id="adamw_eps_under_root",
        sentence="Your eps is added to v̂ under the root, not to the root.",
        why="eps under a root counts as its root: 1e-8 acts like 1e-4 and slows small gradients.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "With a gradient of 0, what do you divide by: eps, or its root?",
            "The contract's denominator is √v̂ + eps.",
            "Take the root first, then add eps.",
        ),
        ways=[
            [
                Edit(
                    ROOT + EPS,
                    '(v / (1 - beta2**t)).add_(group["eps"]).sqrt_()',
                )
            ]
        ],
    ),
    Mistake(
        id="adamw_eps_before_correction",
        sentence="Your eps is added to √v before the correction, and so is corrected with it.",
        why="eps is then larger by 1 / √(1 - β₂ᵗ) in the first steps, 30 times at t = 1.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "In your code, is eps added to √v or to √v̂?",
            "Folding both corrections into the step size also scales eps; the contract does not.",
            "Divide v by 1 - beta2**t, take the root, and only then add eps.",
        ),
        ways=[
            [
                Edit(
                    ROOT + EPS,
                    'v.sqrt().add_(group["eps"]).div_(math.sqrt(1 - beta2**t))',
                )
            ],
            [
                Edit(ROOT + EPS, 'v.sqrt() + group["eps"]'),
                Edit('-group["lr"] / (1', '-group["lr"] * math.sqrt(1 - beta2**t) / (1'),
            ],
        ],
    ),
    Mistake(
        id="adamw_eps_missing",
        sentence="Your denominator has no eps.",
        why="where a gradient has always been 0, as in an unused embedding row, 0 / 0 gives NaN.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "What does your update do with a gradient that is exactly 0?",
            "eps keeps the denominator away from 0.",
            "Add group['eps'] to the root of v̂.",
        ),
        ways=[[Edit(EPS, "")]],
    ),
    Mistake(
        id="adamw_eps_hard_coded",
        sentence="Your eps is always 1e-8, whatever was asked for.",
        why="a setting that is not read cannot be tuned, and in low precision 1e-8 is too small.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "Does your step change when eps does?",
            "eps is a setting of the group, as lr is.",
            "Read group['eps'] in step.",
        ),
        ways=[[Edit(EPS, ".add_(1e-8)")]],
    ),
    Mistake(
        id="adamw_eps_as_floor",
        sentence="Your eps is the least value of √v̂; it is added to every one.",
        why="where gradients are about as large as eps, steps are up to twice as long.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "Does the formula take a maximum or a sum?",
            "eps is added to every root, also to those far above it.",
            "Use √v̂ + eps in place of clamp or max.",
        ),
        ways=[[Edit(EPS, '.clamp_(min=group["eps"])')]],
    ),
    Mistake(
        id="adamw_eps_in_place_of_zeros",
        sentence="Your eps counts only where √v̂ is 0; it is to be added to every root.",
        why="small gradients, noise mostly, then move a weight by all of lr, whatever eps is.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "What do you divide by where √v̂ is as small as eps?",
            "eps is no cure for zeros alone: it is added to every root, also to those above it.",
            "Use √v̂ + eps in place of where.",
        ),
        ways=[
            [
                Edit(f"{ROOT}{EPS}", ROOT),
                Edit(
                    "            parameter.mul_(1 -",
                    '            denominator.masked_fill_(denominator == 0, group["eps"])\n'
                    "            parameter.mul_(1 -",
                ),
            ]
        ],
    ),
]

UPDATES = [
    Mistake(
        id="adamw_update_uphill",
        sentence="Your step adds the update to the weights where it should subtract it.",
        why="the loss goes up with every step.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Which way does the gradient point: uphill or downhill?",
            "Descent goes against the gradient.",
            "Subtract lr · m̂ / (√v̂ + eps) from the weight.",
        ),
        ways=[[Edit('value=-group["lr"]', 'value=group["lr"]')]],
    ),
    Mistake(
        id="adamw_update_not_written",
        sentence="Your step computes new weights but never writes them into the parameter.",
        why="the model stays as it is, and the loss is flat.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "After a step, does the parameter hold other numbers than before?",
            "parameter = … gives a local name to a new tensor; the model keeps the old one.",
            "Change it in place: parameter.mul_, parameter.add_, parameter.addcdiv_.",
        ),
        ways=[
            [
                Edit("parameter.mul_(", "parameter = parameter * ("),
                Edit("parameter.addcdiv_(", "parameter = parameter.addcdiv("),
            ],
            [Edit("parameter.mul_(", "parameter.mul("), Edit(".addcdiv_(", ".addcdiv(")],
        ],
    ),
    Mistake(
        id="adamw_parameter_data_replaced",
        sentence="Your step puts a new tensor into parameter.data and does not change the old one.",
        why="whoever shares the storage, a view or a tied weight, keeps the old numbers.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Is parameter.data_ptr() the same before and after a step?",
            "parameter.data = … swaps the storage; the contract updates in place.",
            "Under torch.no_grad() use parameter.mul_ and parameter.addcdiv_, or parameter.copy_.",
        ),
        ways=[
            [
                Edit("parameter.mul_(", "parameter.data = parameter.mul("),
                Edit("parameter.addcdiv_(", "parameter.data = parameter.addcdiv("),
            ]
        ],
    ),
    Mistake(
        id="adamw_gradients_cleared",
        sentence="Your step clears the gradients when it has used them.",
        why="clearing is zero_grad's work; a loop that logs gradients after the step finds none.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "What is in parameter.grad after your step?",
            "The training loop decides when gradients are cleared.",
            "Leave parameter.grad alone: no zero_(), no None.",
        ),
        ways=[
            [Edit(UPDATE, f"{UPDATE}\n        parameter.grad = None")],
            [Edit(UPDATE, f"{UPDATE}\n        parameter.grad.zero_()")],
        ],
    ),
    Mistake(
        id="adamw_step_builds_graph",
        sentence="Your step changes parameters while autograd is on, which PyTorch refuses.",
        why="an update is not part of the loss, and no gradient should ever flow through it.",
        contract="AdamW.step",
        section="moments",
        hints=(
            "Does your step work on a tensor that needs no gradient?",
            "Autograd must not see the update.",
            "Put @torch.no_grad() over step, or `with torch.no_grad():` around the update.",
        ),
        ways=[[Edit("    @torch.no_grad()\n", "")]],
    ),
]

WEIGHT_DECAY = [
    Mistake(
        id="adamw_decay_in_gradient",
        sentence="You add weight_decay · θ to the gradient: Adam with L2, not decoupled decay.",
        why="it is then divided by √v̂, and weights with large gradients hardly decay.",
        contract="AdamW.step",
        section="weight-decay",
        hints=(
            "Does your decay pass through m and v?",
            "Decoupled means that the decay takes the weight alone, beside the gradient's update.",
            "Leave the gradient as it is, and multiply the weight by 1 - lr · weight_decay.",
        ),
        ways=[
            [
                Edit(
                    "gradient, state = parameter.grad, self.state[parameter]",
                    'gradient = parameter.grad + group["weight_decay"] * parameter\n'
                    "        state = self.state[parameter]",
                ),
                Edit(f"            {DECAY}\n", ""),
            ],
            [
                Edit(
                    "gradient, state = parameter.grad, self.state[parameter]",
                    'gradient = parameter.grad.add_(parameter, alpha=group["weight_decay"])\n'
                    "        state = self.state[parameter]",
                ),
                Edit(f"            {DECAY}\n", ""),
            ],
        ],
    ),
    Mistake(
        id="adamw_decay_divided_by_root",
        sentence="Your weight decay is added to m̂ and then divided by √v̂ + eps as well.",
        why="weights with large gradients hardly decay, and those with small ones vanish.",
        contract="AdamW.step",
        section="weight-decay",
        hints=(
            "Look at the brackets: what does your division by √v̂ + eps take in?",
            "The decay stands beside the fraction, not in its numerator.",
            "θ - lr · (m̂ / (√v̂ + eps) + weight_decay · θ).",
        ),
        ways=[
            [
                Edit(f"            {DECAY}\n", ""),
                Edit(
                    UPDATE,
                    'numerator = m / (1 - beta1**t) + group["weight_decay"] * parameter\n'
                    '            parameter.addcdiv_(numerator, denominator, value=-group["lr"])',
                ),
            ]
        ],
    ),
    Mistake(
        id="adamw_decay_missing",
        sentence="Your step has no weight decay.",
        why="weights then grow without a pull back, and weight_decay is a setting without effect.",
        contract="AdamW.step",
        section="weight-decay",
        hints=(
            "With a gradient of 0, does a weight still change?",
            "Apart from the gradient's update, every weight is pulled a little towards 0.",
            "Multiply the parameter by 1 - lr · weight_decay before the update.",
        ),
        ways=[[Edit(f"            {DECAY}\n", "")]],
    ),
    Mistake(
        id="adamw_decay_without_lr",
        sentence="Your weights shrink by weight_decay in each step, not by lr · weight_decay.",
        why="with 0.1 the weights lose a tenth in every step, and the schedule cannot soften it.",
        contract="AdamW.step",
        section="weight-decay",
        hints=(
            "By which factor does a weight shrink in one step when its gradient is 0?",
            "The learning rate scales everything a step does, the decay included.",
            "Multiply by 1 - group['lr'] * group['weight_decay'].",
        ),
        ways=[[Edit('(1 - group["lr"] * group["weight_decay"])', '(1 - group["weight_decay"])')]],
    ),
    Mistake(
        id="adamw_decay_with_corrected_lr",
        sentence="Your weight decay is scaled by lr · √(1 - β₂ᵗ) / (1 - β₁ᵗ), not by lr.",
        why="the corrections mend m and v, and the decay uses neither: early steps decay wrongly.",
        contract="AdamW.step",
        section="weight-decay",
        hints=(
            "Which learning rate does your decay use: the group's or the corrected one?",
            "The corrections belong to m and v alone.",
            "Multiply the weight by 1 - group['lr'] * group['weight_decay'].",
        ),
        ways=[
            [
                Edit(
                    '(1 - group["lr"] * group["weight_decay"])',
                    '(1 - group["lr"] * math.sqrt(1 - beta2**t) / (1 - beta1**t)'
                    ' * group["weight_decay"])',
                )
            ]
        ],
    ),
    Mistake(
        id="adamw_decay_grows",
        sentence="Your weight decay pushes weights away from 0: its sign is wrong.",
        why="weights grow with every step, the large ones most.",
        contract="AdamW.step",
        section="weight-decay",
        hints=(
            "With a gradient of 0, does a weight shrink or grow?",
            "Decay is subtracted, like the rest of the update.",
            "Multiply by 1 - lr · weight_decay, not by 1 + lr · weight_decay.",
        ),
        ways=[[Edit("parameter.mul_(1 - ", "parameter.mul_(1 + ")]],
    ),
    Mistake(
        id="adamw_decay_after_update",
        sentence="Your decay takes the weight after the update; the contract takes it before.",
        why="the results differ by lr² · weight_decay: little, but no longer the same run.",
        contract="AdamW.step",
        section="weight-decay",
        hints=(
            "Which θ does the contract's weight_decay · θ mean?",
            "Both orders are in use; this contract decays first.",
            "Multiply the parameter by 1 - lr · weight_decay before you subtract the update.",
        ),
        ways=[[Edit(f"            {DECAY}\n", ""), Edit(UPDATE, f"{UPDATE}\n            {DECAY}")]],
    ),
    Mistake(
        id="adamw_decay_skips_vectors",
        sentence="Your step decays matrices only; parameters with one axis are left out.",
        why="which parameters decay is for the caller to say, with groups; here it is hidden.",
        contract="AdamW.step",
        section="weight-decay",
        hints=(
            "Does your decay look at the shape of the parameter?",
            "To spare gains from the decay is right, but the training loop does it, with groups.",
            "Decay every parameter by its group's weight_decay.",
        ),
        ways=[[Edit(DECAY, f"if parameter.ndim >= 2:\n                {DECAY}")]],
    ),
]

SETTINGS_AND_STATE = [
    Mistake(
        id="adamw_lr_frozen",
        sentence="Your step uses the lr the optimizer was made with, not the group's.",
        why="the training loop writes the schedule into the group, and nothing comes of it.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "Where does your step read the learning rate?",
            "What __init__ was given is only where the group's lr starts.",
            "Use group['lr'] in step, for the update and for the decay.",
        ),
        ways=[
            [
                Edit(DEFAULTS, f"{DEFAULTS}\n        self.lr = lr"),
                Edit('(1 - group["lr"] *', "(1 - self.lr *"),
                Edit('value=-group["lr"]', "value=-self.lr"),
            ],
            [
                Edit('(1 - group["lr"] *', '(1 - self.defaults["lr"] *'),
                Edit('value=-group["lr"]', 'value=-self.defaults["lr"]'),
            ],
        ],
    ),
    Mistake(
        id="adamw_betas_hard_coded",
        sentence="Your betas are always 0.9 and 0.999, whatever was asked for.",
        why="language models are often trained with β₂ = 0.95, and you would not get it.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "Does your step change when betas do?",
            "betas are a setting of the group, as lr is.",
            "Unpack group['betas'] in step.",
        ),
        ways=[[Edit('beta1, beta2 = group["betas"]', "beta1, beta2 = 0.9, 0.999")]],
    ),
    Mistake(
        id="adamw_settings_frozen",
        sentence="Your step uses what the optimizer was made with, not the group's settings.",
        why="groups cannot have settings of their own, and a loaded state brings none back.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "Which of your settings does step read from the group?",
            "The base class fills every group from the defaults; step needs the group alone.",
            "Read lr, betas, eps and weight_decay from group in each step.",
        ),
        ways=[
            [Edit("self._update(parameter, group)", "self._update(parameter, self.defaults)")],
            [
                Edit(
                    DEFAULTS,
                    f"{DEFAULTS}\n"
                    "        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay",
                ),
                Edit('beta1, beta2 = group["betas"]', "beta1, beta2 = self.betas"),
                Edit(EPS, ".add_(self.eps)"),
                Edit('group["lr"] * group["weight_decay"]', 'group["lr"] * self.weight_decay'),
            ],
        ],
    ),
    Mistake(
        id="adamw_first_group_only",
        sentence="Your step updates the parameters of the first group only.",
        why="the other groups, often all gains and embeddings, are never trained.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "How many groups does your step go through?",
            "param_groups is a list, and each group has its own params.",
            "Loop over self.param_groups, and inside over group['params'].",
        ),
        ways=[[Edit("in self.param_groups:", "in self.param_groups[:1]:")]],
    ),
    Mistake(
        id="adamw_first_groups_settings",
        sentence="Your step takes the settings of the first group for all groups.",
        why="gains are then decayed like matrices, though a group was made to spare them.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "Which group are your lr and weight_decay from?",
            "Each group has settings of its own.",
            "Read the settings inside the loop over groups, from that group.",
        ),
        ways=[
            [
                Edit(
                    "self._update(parameter, group)",
                    "self._update(parameter, self.param_groups[0])",
                )
            ]
        ],
    ),
    Mistake(
        id="adamw_state_not_saved",
        sentence="Your m and v are not in self.state under their parameter, so they get lost.",
        why="a run that is resumed starts with empty means, and its loss jumps.",
        contract="AdamW.step",
        section="state",
        hints=(
            "What is in optimizer.state_dict()['state'] after a step?",
            "state_dict() saves self.state, with parameters as keys, and nothing else of yours.",
            "Keep m, v and t in self.state[parameter].",
        ),
        ways=[
            [
                Edit(DEFAULTS, f"{DEFAULTS}\n        self.moments = {{}}"),
                Edit("self.state[parameter]", "self.moments.setdefault(parameter, {})"),
            ],
            [Edit("self.state[parameter]", "self.state[id(parameter)]")],
        ],
    ),
    Mistake(
        id="adamw_step_count_not_saved",
        sentence="Your step count is not in self.state, and starts again after loading.",
        why="old means are then corrected as if they were new: the first steps are far too large.",
        contract="AdamW.step",
        section="state",
        hints=(
            "After load_state_dict, what is t in the next step?",
            "m and v are saved, and t has to be saved with them.",
            "Keep t in self.state[parameter] beside m and v.",
        ),
        ways=[
            [
                Edit(DEFAULTS, f"{DEFAULTS}\n        self.counts = {{}}"),
                Edit(COUNT, "self.counts[parameter] = self.counts.get(parameter, 0) + 1"),
                Edit(COUNTED, 'state["exp_avg_sq"], self.counts[parameter]'),
            ]
        ],
    ),
    Mistake(
        id="adamw_step_count_shared",
        sentence="Your step count belongs to all parameters together, not to each one.",
        why="a parameter that gets its first gradient late is corrected as if it were old.",
        contract="AdamW.step",
        section="state",
        hints=(
            "What is t for a parameter that gets its first gradient in step 100?",
            "t counts the updates of one parameter, as m and v are those of one parameter.",
            "Keep t in self.state[parameter], and raise it where m and v are updated.",
        ),
        ways=[
            [
                Edit(
                    "        for group in self.param_groups:\n",
                    "        for group in self.param_groups:\n"
                    '            group["step"] = group.get("step", 0) + 1\n',
                ),
                Edit(COUNTED, 'state["exp_avg_sq"], group["step"]'),
            ],
            [
                Edit(DEFAULTS, f"{DEFAULTS}\n        self.t = 0"),
                Edit("        loss = None\n", "        loss = None\n        self.t += 1\n"),
                Edit(COUNTED, 'state["exp_avg_sq"], self.t'),
            ],
        ],
    ),
    Mistake(
        id="adamw_step_count_per_update",
        sentence="Your step count grows by one for every parameter, not for every step.",
        why="with a hundred tensors the corrections are gone before the first step is over.",
        contract="AdamW.step",
        section="state",
        hints=(
            "After one step with three parameters, what is your count?",
            "A counter of the optimizer that is raised inside the loop counts parameters.",
            "Keep t in self.state[parameter], so that each has its own.",
        ),
        ways=[
            [
                Edit(DEFAULTS, f"{DEFAULTS}\n        self.t = 0"),
                Edit(COUNT, "self.t += 1"),
                Edit(COUNTED, 'state["exp_avg_sq"], self.t'),
            ],
            [
                Edit(COUNT, 'group["step"] = group.get("step", 0) + 1'),
                Edit(COUNTED, 'state["exp_avg_sq"], group["step"]'),
            ],
        ],
    ),
    Mistake(
        id="adamw_missing_gradient_crashes",
        sentence="Your step fails on a parameter whose gradient is None.",
        why="frozen layers, and experts or branches a batch does not reach, have no gradient.",
        contract="AdamW.step",
        section="state",
        hints=(
            "What is parameter.grad before the first backward pass?",
            "A parameter that took no part in the loss has None there.",
            "Skip parameters with `if parameter.grad is None: continue`.",
        ),
        ways=[
            [
                Edit(WITH_GRADIENT, "                self._update(parameter, group)\n"),
                Edit("pieces(parameter, gradient, m, v)", "[(parameter, gradient, m, v)]"),
            ],
            [
                Edit(WITH_GRADIENT, "                self._update(parameter, group)\n"),
                Edit(
                    "gradient, state = parameter.grad,",
                    "gradient, state = parameter.grad.detach(),",
                ),
            ],
        ],
    ),
    Mistake(
        id="adamw_missing_gradient_as_zero",
        sentence="Your step treats a missing gradient as 0: it decays, and counts the step.",
        why="a frozen weight is then pulled towards 0 for as long as the others are trained.",
        contract="AdamW.step",
        section="state",
        hints=(
            "Does a parameter without a gradient change in your step?",
            "None means that there is nothing to do, not that the slope is 0.",
            "Skip the parameter: no decay, no means, no count.",
        ),
        ways=[
            [
                Edit(WITH_GRADIENT, "                self._update(parameter, group)\n"),
                Edit(
                    "gradient, state = parameter.grad, self.state[parameter]",
                    "gradient, state = parameter.grad, self.state[parameter]\n"
                    "        if gradient is None:\n"
                    "            gradient = torch.zeros_like(parameter)",
                ),
            ]
        ],
    ),
    Mistake(
        id="adamw_missing_gradient_stops",
        sentence="Your step ends at the first parameter without gradient.",
        why="everything after one frozen layer is silently not trained.",
        contract="AdamW.step",
        section="state",
        hints=(
            "Are parameters that come after one without gradient updated?",
            "break and return leave the loop; the others still wait for their update.",
            "Use continue.",
        ),
        ways=[
            [
                Edit(
                    WITH_GRADIENT,
                    "                if parameter.grad is None:\n"
                    f"                    {leave}\n"
                    "                self._update(parameter, group)\n",
                )
            ]
            for leave in ("break", "return loss")
        ],
    ),
    Mistake(
        id="adamw_moments_elsewhere",
        sentence="Your m and v do not take the dtype and the device of their parameter.",
        why="on a GPU the first step fails, and a float64 run loses half of its digits.",
        contract="AdamW.step",
        section="state",
        hints=(
            "Which dtype and device does torch.zeros(shape) choose?",
            "m and v live where their parameter lives, in its dtype.",
            "Make them with torch.zeros_like(parameter).",
        ),
        ways=[
            [Edit(FIRST, made(zeros)), Edit(MEAN, mean)]
            for zeros, mean in (
                ("zeros(parameter.shape)", MEAN),
                ("zeros(parameter.shape)", MEAN_IN_TWO),
                ("zeros_like(parameter, dtype=torch.float32)", MEAN_IN_TWO),
                ("zeros(parameter.shape, dtype=parameter.dtype)", MEAN),
            )
        ],
    ),
    Mistake(
        id="adamw_closure_ignored",
        sentence="Your step does not call the closure it is given.",
        why="the gradients are then those of the step before, or none.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "What does your step do with its argument?",
            "The closure computes loss and gradients; the update comes after it.",
            "If there is a closure, call it first and keep what it returns.",
        ),
        ways=[
            [
                Edit(
                    "        if closure is not None:\n"
                    "            with torch.enable_grad():\n"
                    "                loss = closure()\n",
                    "",
                )
            ]
        ],
    ),
    Mistake(
        id="adamw_closure_without_grad",
        sentence="Your step calls the closure while autograd is off.",
        why="the closure calls backward, which then fails: nothing was recorded.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "Is autograd on where your step calls the closure?",
            "@torch.no_grad() over step covers the closure, too.",
            "Call it inside `with torch.enable_grad():`.",
        ),
        ways=[
            [
                Edit(
                    "            with torch.enable_grad():\n                loss = closure()\n",
                    "            loss = closure()\n",
                )
            ]
        ],
    ),
    Mistake(
        id="adamw_closure_after_update",
        sentence="Your step updates the weights first and calls the closure then.",
        why="each update uses the gradients of the step before, and the first step has none.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "When the closure runs, have the weights changed already?",
            "The gradients of this step are made by the closure.",
            "Call it at the beginning of step.",
        ),
        ways=[
            [
                Edit(
                    "        if closure is not None:\n"
                    "            with torch.enable_grad():\n"
                    "                loss = closure()\n",
                    "",
                ),
                Edit(
                    "        return loss\n",
                    "        if closure is not None:\n"
                    "            with torch.enable_grad():\n"
                    "                loss = closure()\n"
                    "        return loss\n",
                ),
            ]
        ],
    ),
    Mistake(
        id="adamw_loss_not_returned",
        sentence="Your step calls the closure and does not return its value.",
        why="who passes a closure reads the loss from step(): torch's interface.",
        contract="AdamW.step",
        section="groups-and-settings",
        hints=(
            "What does step(closure) return?",
            "The closure's value goes back to the caller.",
            "Keep it as loss, and end with `return loss`.",
        ),
        ways=[[Edit("        return loss\n", "        return None\n")]],
    ),
    Mistake(
        id="adamw_defaults_differ",
        sentence="Your AdamW has another default than the contract for one of its settings.",
        why="an optimizer made without that setting then trains another run.",
        contract="AdamW",
        section="groups-and-settings",
        hints=(
            "Compare your signature with the contract's, number by number.",
            "0.01 for weight_decay and 1e-8 for eps are easily mistaken for Adam's or a recipe's.",
            "lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01.",
        ),
        ways=[
            [Edit("weight_decay: float = 0.01", "weight_decay: float = 0.0")],
            [Edit("weight_decay: float = 0.01", "weight_decay: float = 0.1")],
            [Edit("= (0.9, 0.999)", "= (0.9, 0.95)")],
            [Edit("eps: float = 1e-8", "eps: float = 1e-6")],
            [Edit("lr: float = 1e-3", "lr: float = 3e-4")],
        ],
    ),
    Mistake(
        id="adamw_settings_unchecked",
        sentence="Your AdamW accepts settings that make no sense, as a negative lr or a β of 1.",
        why="a slip in a config then costs a run; refused, it costs a second.",
        contract="AdamW",
        section="groups-and-settings",
        hints=(
            "What happens with AdamW(params, lr=-0.1)?",
            "The contract lists what is impossible, under Raises.",
            "Raise a ValueError that names the setting, before super().__init__.",
        ),
        ways=[[Edit(RANGES, ""), Edit(BETAS, "")], [Edit(BETAS, "")], [Edit(RANGES, "")]],
    ),
    Mistake(
        id="adamw_beta_of_one_accepted",
        sentence="Your AdamW accepts a beta of exactly 1.",
        why="1 - βᵗ is then 0, and the first correction divides by it.",
        contract="AdamW",
        section="groups-and-settings",
        hints=(
            "What is 1 - βᵗ for β = 1?",
            "The range is open on one side: 0 is possible, 1 is not.",
            "Check 0 <= beta < 1.",
        ),
        ways=[[Edit("0 <= beta < 1 for", "0 <= beta <= 1 for")]],
    ),
    Mistake(
        id="adamw_zero_refused",
        sentence="Your AdamW refuses 0 for a setting that may be 0.",
        why="lr 0 is the first step of every warm-up, and weight_decay 0 is how gains are spared.",
        contract="AdamW",
        section="groups-and-settings",
        hints=(
            "Is AdamW(params, weight_decay=0.0) possible with yours?",
            "At least 0 and more than 0 are different conditions.",
            "Refuse value < 0, not value <= 0; and betas from 0 on are fine.",
        ),
        ways=[
            [Edit("if value < 0:", "if value <= 0:")],
            [Edit("if value < 0:", 'if value < 0 or name == "lr" and value == 0:')],
            [Edit("0 <= beta < 1 for", "0 < beta < 1 for")],
        ],
    ),
    Mistake(
        id="adamw_settings_asserted",
        sentence="Your AdamW refuses impossible settings with assert, not with a ValueError.",
        why="assert is for mistakes of your own code, and python -O leaves it out.",
        contract="AdamW",
        section="groups-and-settings",
        hints=(
            "Which exception does the contract name?",
            "What a caller did wrong is a ValueError.",
            "Write if …: raise ValueError with the name of the setting and the value found.",
        ),
        ways=[
            [
                Edit(
                    RANGES,
                    f"        for name, value in {SETTINGS}:\n"
                    '            assert value >= 0, f"{name} must be at least 0, found {value}"\n',
                ),
                Edit(
                    BETAS,
                    "        assert all(0 <= beta < 1 for beta in betas), "
                    'f"betas must be at least 0 and under 1, found {betas}"\n',
                ),
            ]
        ],
    ),
]

SCHEDULE = [
    Mistake(
        id="schedule_one_step_ahead",
        sentence="Your warm-up counts steps from 1: step 0 has a rate, and max_lr comes early.",
        why="both ways of counting are in use; the contract counts from 0, and step 0 has rate 0.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is your rate of step 0?",
            "The line goes through 0 at step 0 and through max_lr at step warmup_steps.",
            "max_lr * step / warmup_steps.",
        ),
        ways=[
            [Edit(WARM_UP, "max_lr * (step + 1) / warmup_steps")],
            [Edit(WARM_UP, "max_lr * (step + 1) / (warmup_steps + 1)")],
        ],
    ),
    Mistake(
        id="schedule_warmup_from_min",
        sentence="Your warm-up starts at min_lr, not at 0.",
        why="the contract starts at 0: the first gradients of random weights say little.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is your rate of step 0?",
            "min_lr is where the cosine ends; the warm-up does not know it.",
            "max_lr * step / warmup_steps.",
        ),
        ways=[[Edit(WARM_UP, "min_lr + (max_lr - min_lr) * step / warmup_steps")]],
    ),
    Mistake(
        id="schedule_without_warmup",
        sentence="Your schedule has no line up before the cosine.",
        why="large first steps along gradients of random weights can ruin a run at its start.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What are your rates of the first warmup_steps steps?",
            "There are three cases; the first one is step < warmup_steps.",
            "In it, return max_lr * step / warmup_steps.",
        ),
        ways=[
            [Edit(f"return {WARM_UP}", "return max_lr")],
            [Edit(f"    if step < warmup_steps:\n        return {WARM_UP}\n", "")],
        ],
    ),
    Mistake(
        id="schedule_whole_division",
        sentence="Your schedule divides steps with //, which leaves whole numbers only.",
        why="every fraction under 1 becomes 0: the rate stays at one end.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is 3 // 4?",
            "The fraction of the way that is done lies between 0 and 1.",
            "Divide with a single /.",
        ),
        ways=[
            [Edit(WARM_UP, "max_lr * (step // warmup_steps)")],
            [Edit(PROGRESS, "(step - warmup_steps) // (total_steps - warmup_steps)")],
            [
                Edit(WARM_UP, "max_lr * (step // warmup_steps)"),
                Edit(PROGRESS, "(step - warmup_steps) // (total_steps - warmup_steps)"),
            ],
        ],
    ),
    Mistake(
        id="schedule_cosine_from_zero",
        sentence="Your cosine runs from step 0, not from the end of the warm-up.",
        why="after the warm-up the rate jumps down: part of the cosine is over already.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is your rate at step warmup_steps?",
            "The fraction of the cosine is 0 at warmup_steps and 1 at total_steps.",
            "(step - warmup_steps) / (total_steps - warmup_steps).",
        ),
        ways=[[Edit(PROGRESS, "step / total_steps")]],
    ),
    Mistake(
        id="schedule_cosine_too_long",
        sentence="Your cosine is total_steps long and starts late, so it is cut off at the end.",
        why="the rate never falls to min_lr, then jumps: the small last steps are missing.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is your rate one step before total_steps?",
            "The warm-up takes its steps from the total: the cosine has what is left.",
            "Divide step - warmup_steps by total_steps - warmup_steps.",
        ),
        ways=[[Edit(PROGRESS, "(step - warmup_steps) / total_steps")]],
    ),
    Mistake(
        id="schedule_cosine_not_shifted",
        sentence="Your fraction divides step, not step - warmup_steps, by the cosine's length.",
        why="the cosine ends warmup_steps too early, and the rate rises again.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is your fraction at step warmup_steps, and what at total_steps?",
            "It has to be 0 at the one and 1 at the other.",
            "Subtract warmup_steps above the line, as below it.",
        ),
        ways=[[Edit(PROGRESS, "step / (total_steps - warmup_steps)")]],
    ),
    Mistake(
        id="schedule_ends_one_early",
        sentence="Your cosine reaches min_lr at total_steps - 1.",
        why="by the contract it ends at total_steps, so all rates on the way differ a little.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "At which step is your rate min_lr for the first time?",
            "From warmup_steps to total_steps there are total_steps - warmup_steps steps.",
            "Leave out the - 1.",
        ),
        ways=[[Edit(PROGRESS, "(step - warmup_steps) / (total_steps - 1 - warmup_steps)")]],
    ),
    Mistake(
        id="schedule_rises_again",
        sentence="Your cosine goes on after total_steps: the rate rises again.",
        why="a run that goes on a little undoes what the small steps have found.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is your rate long after total_steps?",
            "The third case: from total_steps on, the rate stays.",
            "Return min_lr if step >= total_steps, before the cosine.",
        ),
        ways=[
            [
                Edit(
                    "    if step >= total_steps:\n        return min_lr\n"
                    f"    progress = {PROGRESS}",
                    "    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)",
                )
            ]
        ],
    ),
    Mistake(
        id="schedule_ends_at_zero",
        sentence="Your rate is 0 from total_steps on, where the contract has min_lr.",
        why="whoever trains on then changes nothing, and does not see why.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is your rate after total_steps?",
            "The cosine ends at min_lr, and there the rate stays.",
            "Return min_lr.",
        ),
        ways=[[Edit("        return min_lr\n", "        return 0.0\n")]],
    ),
    Mistake(
        id="schedule_half_missing",
        sentence="Your cosine lacks the factor ½: 1 + cos goes from 2 to 0.",
        why="the rate starts at nearly twice max_lr.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is 1 + cos 0?",
            "The bracket has to go from 1 to 0.",
            "Multiply 1 + cos by 0.5.",
        ),
        ways=[[Edit(COSINE, COSINE.replace("0.5 * ", ""))]],
    ),
    Mistake(
        id="schedule_falls_to_zero",
        sentence="Your cosine falls to 0, not to min_lr: min_lr is not in it.",
        why="the last rates are below min_lr, and then they jump back up to it.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is your rate one step before total_steps?",
            "The cosine runs between max_lr and min_lr.",
            "min_lr + 0.5 * (max_lr - min_lr) * (1 + cos).",
        ),
        ways=[[Edit(COSINE, "0.5 * max_lr * (1 + math.cos(math.pi * progress))")]],
    ),
    Mistake(
        id="schedule_floor",
        sentence="Your cosine falls towards 0 and is held at min_lr when it gets there.",
        why="the rate is lower on the way, and flat long before the end.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "When does your rate reach min_lr: at total_steps, or before?",
            "min_lr is the end of the cosine, not a floor under one that goes to 0.",
            "min_lr + 0.5 * (max_lr - min_lr) * (1 + cos).",
        ),
        ways=[[Edit(COSINE, "max(min_lr, 0.5 * max_lr * (1 + math.cos(math.pi * progress)))")]],
    ),
    Mistake(
        id="schedule_max_for_the_difference",
        sentence="Your cosine adds max_lr to min_lr, where it should add their difference.",
        why="the rate starts at min_lr + max_lr: too high by min_lr.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is your rate at step warmup_steps? Is it max_lr?",
            "From min_lr, how far is it to max_lr?",
            "min_lr + 0.5 * (max_lr - min_lr) * (1 + cos).",
        ),
        ways=[[Edit("0.5 * (max_lr - min_lr)", "0.5 * max_lr")]],
    ),
    Mistake(
        id="schedule_line_down",
        sentence="Your rate falls in a straight line, not along a cosine.",
        why="the contract's cosine stays high for longer at first, and low for longer at the end.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "Is your rate a quarter of the way down on the line, or above it?",
            "The fraction from 0 to 1 goes through half a cosine.",
            "0.5 * (1 + math.cos(math.pi * progress)) takes the place of 1 - progress.",
        ),
        ways=[[Edit(COSINE, "min_lr + (max_lr - min_lr) * (1 - progress)")]],
    ),
    Mistake(
        id="schedule_whole_cosine",
        sentence="Your cosine is a whole one, with 2π: it falls to min_lr half way, and rises.",
        why="the run ends at max_lr, where it should end with small steps.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is your rate half way down?",
            "Half a cosine falls from 1 to -1, a whole one comes back.",
            "math.cos(math.pi * progress).",
        ),
        ways=[[Edit("math.cos(math.pi * progress)", "math.cos(2 * math.pi * progress)")]],
    ),
    Mistake(
        id="schedule_quarter_cosine",
        sentence="Your rate follows a quarter of a cosine, from 1 to 0, not a half.",
        why="it stays high too long, and falls fastest at the end, where it should be flat.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "How steep is your rate at the very end?",
            "Half a cosine, from 1 to -1, is lifted by 1 and halved.",
            "0.5 * (1 + math.cos(math.pi * progress)).",
        ),
        ways=[[Edit(COSINE, "min_lr + (max_lr - min_lr) * math.cos(math.pi / 2 * progress)")]],
    ),
    Mistake(
        id="schedule_pi_missing",
        sentence="Your cosine lacks the factor π.",
        why="cos 1 is 0.54: the rate falls by a quarter and never gets near min_lr.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What is math.cos(1), and what should it be at the end?",
            "math.cos takes radians: half a turn is π.",
            "math.cos(math.pi * progress).",
        ),
        ways=[[Edit("math.cos(math.pi * progress)", "math.cos(progress)")]],
    ),
    Mistake(
        id="schedule_upside_down",
        sentence="Your cosine rises from min_lr to max_lr: it is upside down.",
        why="the run starts with small steps and ends with large ones.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "Is your rate higher just after the warm-up, or just before the end?",
            "1 - cos rises, 1 + cos falls.",
            "0.5 * (1 + math.cos(math.pi * progress)) is 1 at first and 0 at last.",
        ),
        ways=[[Edit("(1 + math.cos", "(1 - math.cos")]],
    ),
    Mistake(
        id="schedule_needs_warmup",
        sentence="Your schedule divides by 0 when warmup_steps is 0.",
        why="a run without warm-up, as when training is continued, crashes at its first step.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What does your code compute for step 0 and warmup_steps 0?",
            "Step 0 is not in a warm-up of 0 steps.",
            "Ask step < warmup_steps, not step <= warmup_steps, before you divide.",
        ),
        ways=[
            [Edit("if step < warmup_steps:", "if step <= warmup_steps:")],
            [
                Edit(
                    f"    if step < warmup_steps:\n        return {WARM_UP}\n",
                    f"    rising = {WARM_UP}\n    if step < warmup_steps:\n        return rising\n",
                )
            ],
        ],
    ),
    Mistake(
        id="schedule_needs_cosine",
        sentence="Your schedule divides by 0 at the end of a run that is all warm-up.",
        why="the last step of a short trial run crashes.",
        contract="cosine_schedule",
        section="schedule",
        hints=(
            "What does your code compute if warmup_steps is total_steps?",
            "From total_steps on, the rate needs no cosine and no division.",
            "Ask step >= total_steps before you compute the fraction.",
        ),
        ways=[[Edit("if step >= total_steps:", "if step > total_steps:")]],
    ),
]

CLIPPING = [
    Mistake(
        id="clip_iterator_used_up",
        sentence="Your clipping goes through parameters twice; an iterator is empty by then.",
        why="model.parameters() is one: it is measured, never clipped, and nothing tells you.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What happens if you loop over model.parameters() twice?",
            "An iterator can be gone through once.",
            "Collect the gradients in a list first, and use the list for both loops.",
        ),
        ways=[
            [
                Edit(
                    SCALING,
                    "    if max_norm < norm < math.inf:\n"
                    "        for p in parameters:\n"
                    "            if p.grad is not None:\n"
                    "                p.grad.mul_(max_norm / norm)\n",
                )
            ]
        ],
    ),
    Mistake(
        id="clip_always_scales",
        sentence="You scale the gradients to max_norm even if their norm is below it.",
        why="small gradients, near the end of training, are blown up.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What happens to gradients whose norm is a tenth of max_norm?",
            "Clipping only ever makes gradients smaller.",
            "Scale only if norm > max_norm.",
        ),
        ways=[[Edit("if max_norm < norm < math.inf:", "if 0 < norm < math.inf:")]],
    ),
    Mistake(
        id="clip_condition_inverted",
        sentence="You scale where the norm is below max_norm, and leave it where it is above.",
        why="the batches that clipping is for go through, and small gradients are blown up.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "In which of the two cases do your gradients change?",
            "Clipping is for norms above the limit.",
            "Scale if norm > max_norm.",
        ),
        ways=[[Edit("if max_norm < norm < math.inf:", "if 0 < norm < max_norm:")]],
    ),
    Mistake(
        id="clip_nothing_scaled",
        sentence="Your clipping measures the norm, but the gradients stay as they are.",
        why="one bad batch still ruins the run, and the log says that all is well.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "Has parameter.grad changed after the call?",
            "gradient = gradient * … makes a new tensor that nobody keeps.",
            "Scale in place: gradient.mul_(max_norm / norm).",
        ),
        ways=[
            [Edit("gradient.mul_(max_norm / norm)", "gradient = gradient * (max_norm / norm)")],
            [Edit("gradient.mul_(max_norm / norm)", "gradient.mul(max_norm / norm)")],
            [Edit(SCALING, "")],
        ],
    ),
    Mistake(
        id="clip_gradient_replaced",
        sentence="Your clipping puts new tensors into .grad and does not change the old ones.",
        why="whoever holds the gradient, as a bucket that is sent to other GPUs, keeps the old.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "Is parameter.grad the same object before and after?",
            "parameter.grad = … replaces the tensor; in place changes it.",
            "Use mul_ on the gradient.",
        ),
        ways=[
            [
                LISTED,
                Edit(
                    SCALING,
                    "    if max_norm < norm < math.inf:\n"
                    "        for p in parameters:\n"
                    "            if p.grad is not None:\n"
                    "                p.grad = p.grad * (max_norm / norm)\n",
                ),
            ]
        ],
    ),
    Mistake(
        id="clip_norm_of_weights",
        sentence="You measure the norm of the weights, not of the gradients.",
        why="how far gradients are scaled then depends on the model's size, not on the batch.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "Which tensors do you take the norm of?",
            "A parameter p is a tensor itself; its gradient is p.grad.",
            "Take the norm of every p.grad.",
        ),
        ways=[
            [
                LISTED,
                Edit(NORMS, "[p.data.norm() for p in parameters if p.grad is not None]"),
            ]
        ],
    ),
    Mistake(
        id="clip_weights_scaled",
        sentence="You scale the weights, not their gradients.",
        why="one large gradient shrinks the whole model.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "Which tensors change in your clipping?",
            "A parameter p is a tensor itself; its gradient is p.grad.",
            "Multiply p.grad, not p.",
        ),
        ways=[
            [
                LISTED,
                Edit(
                    SCALING,
                    "    if max_norm < norm < math.inf:\n"
                    "        for p in parameters:\n"
                    "            p.data.mul_(max_norm / norm)\n",
                ),
            ]
        ],
    ),
    Mistake(
        id="clip_each_tensor",
        sentence="You clip every tensor by its own norm, not all by the norm of all.",
        why="large gradients shrink and small ones do not: the step gets another direction.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "How many different factors do you scale with?",
            "All gradients are one long vector, with one norm and one factor.",
            "Compute the norm of everything first, then scale everything by max_norm / norm.",
        ),
        ways=[
            [
                Edit(
                    SCALING,
                    "    for gradient, own in zip(gradients, norms.tolist(), strict=True):\n"
                    "        if max_norm < own < math.inf:\n"
                    "            gradient.mul_(max_norm / own)\n",
                )
            ]
        ],
    ),
    Mistake(
        id="clip_by_value",
        sentence="You cut every number at max_norm, where the norm should be limited.",
        why="the direction changes, and thousands of numbers under the limit are a long vector.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "Do the gradients keep their direction in your clipping?",
            "It is the length of the whole vector that is limited, not each number.",
            "Multiply all by max_norm / norm; do not clamp.",
        ),
        ways=[[Edit("gradient.mul_(max_norm / norm)", "gradient.clamp_(-max_norm, max_norm)")]],
    ),
    Mistake(
        id="clip_norm_squared",
        sentence="Your norm is the sum of the squares, without the root.",
        why="norms above 1 look far too large, and gradients are clipped far too much.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What is your norm of (3, 0) and (4)?",
            "The ℓ2 norm is the root of the sum of squares.",
            "Take the root once, at the end.",
        ),
        ways=[[Edit(NORM, "norms.square().sum().item()")]],
    ),
    Mistake(
        id="clip_norms_added",
        sentence="Your norm is the sum of the tensors' norms.",
        why="it grows with the number of tensors, and gradients are clipped too much.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What is your norm of (3, 0) and (4)?",
            "Lengths of vectors that stand at right angles do not add up; their squares do.",
            "Take the ℓ2 norm of the tensors' norms.",
        ),
        ways=[[Edit(NORM, "norms.sum().item()")]],
    ),
    Mistake(
        id="clip_largest_norm",
        sentence="Your norm is the largest of the tensors' norms.",
        why="many tensors just under the limit pass, though together they are far above it.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What is your norm of (3, 0) and (4)?",
            "All tensors count, as one long vector.",
            "Take the ℓ2 norm of the tensors' norms.",
        ),
        ways=[[Edit(NORM, "norms.max().item()")]],
    ),
    Mistake(
        id="clip_norm_of_matrices",
        sentence="Your norm is that of the matrices' gradients: vectors are left out.",
        why="all gradients together are then above the limit that was to hold for them.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What is your norm of (3, 0) in a vector and (4) in a matrix?",
            "Only decay tells matrices and vectors apart; clipping takes all as one vector.",
            "Take the norm over every gradient, whatever its number of axes.",
        ),
        ways=[
            [Edit(NORMS, NORMS.replace("gradients]", "gradients if gradient.ndim > 1]"))],
            [Edit(GRADIENTS, GRADIENTS.replace("None]", "None and p.ndim > 1]"))],
        ],
    ),
    Mistake(
        id="clip_sum_of_absolutes",
        sentence="Your norm is the sum of absolute values, ℓ1, not ℓ2.",
        why="ℓ1 grows with the number of weights; every gradient of a model would be clipped.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What is your norm of (3, 4) in one tensor?",
            "ℓ2 is the length: the root of the sum of squares.",
            "Square, sum up, take the root.",
        ),
        ways=[
            [
                Edit(NORMS, "[gradient.abs().sum() for gradient in gradients]"),
                Edit(NORM, "norms.sum().item()"),
            ]
        ],
    ),
    Mistake(
        id="clip_largest_absolute",
        sentence="Your norm is the largest absolute value, not ℓ2.",
        why="a model has millions of numbers: they can be small each, and a long vector together.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What is your norm of (3, 4) in one tensor?",
            "ℓ2 is the length: the root of the sum of squares.",
            "Square, sum up, take the root.",
        ),
        ways=[
            [
                Edit(NORMS, "[gradient.abs().max() for gradient in gradients]"),
                Edit(NORM, "norms.max().item()"),
            ]
        ],
    ),
    Mistake(
        id="clip_mean_square",
        sentence="Your norm is the root of the mean of the squares, not of their sum.",
        why="it is smaller by √n for n numbers, and clipping hardly ever happens.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "Does your norm of (3, 0) and (4) come out as 5?",
            "A length is the root of a sum, whatever the number of terms.",
            "Use sum, not mean.",
        ),
        ways=[[Edit(NORM, f"{NORM} / math.sqrt(sum(g.numel() for g in gradients))")]],
    ),
    Mistake(
        id="clip_factor_inverted",
        sentence="You scale by norm / max_norm: the factor is upside down.",
        why="gradients that are too large are made larger still.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "Is your factor below 1 when the norm is above the limit?",
            "After scaling, the norm should be max_norm.",
            "Multiply by max_norm / norm.",
        ),
        ways=[[Edit("mul_(max_norm / norm)", "mul_(norm / max_norm)")]],
    ),
    Mistake(
        id="clip_factor_is_limit",
        sentence="You multiply by max_norm, or divide by norm, where both are needed.",
        why="the gradients end up with another norm than max_norm; it shows unless that is 1.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "With a max_norm of 2, what is the norm after your clipping?",
            "Divided by its norm a vector has length 1; the limit is max_norm.",
            "Multiply by max_norm / norm.",
        ),
        ways=[
            [Edit("mul_(max_norm / norm)", "mul_(1 / norm)")],
            [Edit("mul_(max_norm / norm)", "mul_(max_norm)")],
        ],
    ),
    Mistake(
        id="clip_returns_norm_after",
        sentence="You return the norm after clipping, not before.",
        why="a log of it shows max_norm for ever, and hides the batch that was bad.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What do you return when something was clipped?",
            "The norm before clipping is what tells how training goes.",
            "Return the norm you measured first.",
        ),
        ways=[[Edit("    return norm\n", "    return min(norm, float(max_norm))\n")]],
    ),
    Mistake(
        id="clip_returns_factor",
        sentence="You return the factor you scaled with, not the norm.",
        why="the training loop logs the norm and stops when it is not finite.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What does the contract say of the returned value?",
            "It is a length, which can be far above 1.",
            "Return norm.",
        ),
        ways=[
            [Edit("    return norm\n", "    return min(1.0, max_norm / norm) if norm else 1.0\n")]
        ],
    ),
    Mistake(
        id="clip_missing_gradient_crashes",
        sentence="Your clipping fails on a parameter whose gradient is None.",
        why="frozen layers, and branches a batch does not reach, have no gradient.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What is parameter.grad before the first backward pass?",
            "Parameters without gradient are left out of the norm.",
            "Collect p.grad only if it is not None.",
        ),
        ways=[
            [Edit(GRADIENTS, "[p.grad for p in parameters]")],
            [Edit(GRADIENTS, "[p.grad.detach() for p in parameters]")],
        ],
    ),
    Mistake(
        id="clip_needs_a_gradient",
        sentence="Your clipping fails if no parameter has a gradient.",
        why="the contract says 0 for that: nothing to measure is no error.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What do you get for an empty list?",
            "torch.stack, torch.cat and max want at least one tensor.",
            "Return 0.0 if the list of gradients is empty.",
        ),
        ways=[
            [Edit(NOTHING, "")],
            [
                Edit(NOTHING, ""),
                Edit(
                    f"torch.stack({NORMS})",
                    "sum(gradient.square().sum() for gradient in gradients)",
                ),
                Edit(NORM, "torch.sqrt(norms).item()"),
            ],
        ],
    ),
    Mistake(
        id="clip_scales_by_infinity",
        sentence="You scale by max_norm / norm even if the norm is infinite.",
        why="all finite gradients become 0 and the infinite ones NaN, which hides what happened.",
        contract="clip_gradients",
        section="clipping",
        hints=(
            "What is max_norm / inf, and inf times that?",
            "A norm that is not finite is for the caller to notice; the gradients stay.",
            "Scale only if max_norm < norm < math.inf.",
        ),
        ways=[
            [Edit("max_norm < norm < math.inf", "norm > max_norm")],
            [Edit("max_norm < norm < math.inf", "not norm <= max_norm")],
        ],
    ),
]

MISTAKES = [*MOMENTS, *UPDATES, *WEIGHT_DECAY, *SETTINGS_AND_STATE, *SCHEDULE, *CLIPPING]
