"""What people get wrong in stage 03."""

from groundup.catalogue import Edit, Mistake

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
        ways=[[Edit("q / math.sqrt(q.shape[-1]) @ k.mT", "q @ k.mT")]],
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
        ways=[[Edit("q / math.sqrt(q.shape[-1]) @ k.mT", "q / q.shape[-1] @ k.mT")]],
    ),
]
