"""What should a training step cost? Move the sliders. `groundup explore` opens it."""

import marimo

app = marimo.App(width="medium", app_title="What should it cost?")


@app.cell
def _():
    import marimo as mo

    from groundup.commands.bench import this_machine
    from groundup.notebooks.drawing import framed, roofline, summary
    from groundup.notebooks.expected import expected_cost
    from s04_transformer import ModelConfig
    from s06_training import best_device
    from s08_benchmarking import DEVICES

    return (
        DEVICES,
        ModelConfig,
        best_device,
        expected_cost,
        framed,
        mo,
        roofline,
        summary,
        this_machine,
    )


@app.cell
def _(mo):
    mo.md("""
    # What should a training step cost?

    All of this is counted or predicted by stage 08: the least time that the device's arithmetic
    and memory allow. What your model takes is more, and `groundup bench model` measures it.
    """)


@app.cell
def _(DEVICES, mo):
    def slider(label, steps, value):
        return mo.ui.slider(steps=steps, value=value, label=label, show_value=True, full_width=True)

    powers = [2**power for power in range(14)]
    layers = slider("layers", [*range(1, 13), 16, 24, 32, 48, 64, 96], 4)
    width = slider("width (d_model)", [*range(64, 1025, 64), *range(1280, 8193, 256)], 512)
    heads = slider("heads", powers[:6], 16)
    d_ffs = [*range(64, 4097, 64), *range(4352, 32769, 256)]
    d_ff = slider("feed-forward width (d_ff)", d_ffs, 1344)
    context = slider("context", powers[4:], 256)
    batch = slider("batch", powers[:11], 32)
    vocabulary = slider("vocabulary", [257, 1024, 4096, 10_000, 32_000, 50_257, 128_000], 10_000)
    millions = [1, 3, 10, 20.48, 30, 100, 327.68, 1000, 3000, 10_000, 30_000, 100_000, 300_000]
    tokens = slider("tokens to train on, in millions", millions, 327.68)
    prices = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12]
    price = slider("price of an hour", prices, 0)
    here = "this machine, measured"
    known = {device.name: key for key, device in DEVICES.items() if device.peak_flops}
    where = mo.ui.dropdown([*known, here], value=next(iter(known)), label="device")
    return (
        batch,
        context,
        d_ff,
        heads,
        here,
        known,
        layers,
        price,
        tokens,
        vocabulary,
        where,
        width,
    )


@app.cell
def _(DEVICES, best_device, here, known, mo, this_machine, where):
    if where.value == here:
        kind = best_device()
        kinds = ("float32", "bfloat16") if kind == "cuda" else ("float32",)
        with mo.status.spinner("measuring products and a copy"):
            device = this_machine.limits(kind, kinds)
    else:
        device = DEVICES[known[where.value]]
    best = "bfloat16" if "bfloat16" in device.peak_flops else next(iter(device.peak_flops))
    dtype = mo.ui.dropdown(list(device.peak_flops), value=best, label="dtype")
    return device, dtype


@app.cell
def _(
    batch, context, d_ff, dtype, heads, layers, mo, price, tokens, vocabulary, where, width
):  # fmt: skip
    devices = mo.hstack([where, dtype], justify="start", wrap=True)
    columns = [[layers, width, heads, d_ff], [context, batch, vocabulary]]
    columns[1] += [tokens, price, devices]
    wide_enough = {"flex": "1 1 17rem"}  # two columns, or on a phone one under the other
    mo.hstack([mo.vstack(each).style(wide_enough) for each in columns], gap=3, wrap=True)


@app.cell
def _(ModelConfig, context, d_ff, heads, layers, vocabulary, width):
    config = ModelConfig(
        vocab_size=vocabulary.value,
        context_length=context.value,
        d_model=width.value,
        num_layers=layers.value,
        num_heads=heads.value,
        d_ff=d_ff.value,
    )
    return (config,)


@app.cell
def _(batch, config, device, dtype, expected_cost, price, tokens):
    cost = expected_cost(
        config,
        batch.value,
        device,
        dtype.value,
        tokens=round(tokens.value * 1e6),
        price=price.value,
    )
    return (cost,)


@app.cell
def _(cost, device, dtype, framed, mo, roofline, summary):
    page = summary(cost, device) + roofline(cost, device, dtype.value)
    mo.Html(framed(page, mo.app_meta().theme))


if __name__ == "__main__":
    app.run()
