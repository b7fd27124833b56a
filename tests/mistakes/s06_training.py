"""What people get wrong in stage 06."""

from groundup.catalogue import Edit, Mistake


def data(old: str, new: str) -> Edit:
    return Edit(old, new, file="data.py")


STARTS = "torch.randint(len(tokens) - context_length, (batch_size,), generator=generator)"
SHIFTED = "return batch[:, :-1], batch[:, 1:]"
WINDOWS = "sliding_window_view(tokens, context_length + 1)"

BATCHES = [
    Mistake(
        id="batch_targets_not_shifted",
        sentence="Your targets are the inputs themselves, not the tokens one place later.",
        why="to copy what it has just read is no task: the loss falls to 0 and nothing is learned.",
        contract="sample_batch",
        section="batches",
        hints=(
            "Print one row of inputs and one of targets. Which token is position 0 to predict?",
            "A window has context_length + 1 ids: the inputs are all but its last.",
            "The targets are all ids of the window but its first.",
        ),
        ways=[[data(SHIFTED, "return batch[:, :-1], batch[:, :-1]")]],
    ),
    Mistake(
        id="batch_targets_two_ahead",
        sentence="Your targets are the tokens two places after the inputs, not one.",
        why="the model learns to skip a token, and the text that it writes falls apart.",
        contract="sample_batch",
        section="batches",
        hints=(
            "Try ids 0, 1, 2, 3, …: by how much do targets and inputs differ?",
            "Two shifts were made where one is wanted, perhaps in the start and in the slice.",
            "The targets of the window at s are the ids from s + 1 to s + context_length.",
        ),
        ways=[
            [
                data(WINDOWS, "sliding_window_view(tokens, context_length + 2)"),
                data(SHIFTED, "return batch[:, :-2], batch[:, 2:]"),
            ]
        ],
    ),
    Mistake(
        id="batch_targets_before_inputs",
        sentence="Your targets are the tokens one place before the inputs: a shift backwards.",
        why="all targets but the first are inputs too, and the model learns to look back.",
        contract="sample_batch",
        section="batches",
        hints=(
            "Try ids 0, 1, 2, 3, …: is a target one more or one less than its input?",
            "Inputs and targets of a window are swapped.",
            "Return the window without its last id first, and without its first id second.",
        ),
        ways=[[data(SHIFTED, "return batch[:, 1:], batch[:, :-1]")]],
    ),
    Mistake(
        id="batch_targets_rolled",
        sentence="Your last target is the first input of the window: the targets are rolled round.",
        why="one target of each window is wrong, and the model is taught to jump back.",
        contract="sample_batch",
        section="batches",
        hints=(
            "Look at the last column of the targets only. Where does it come from?",
            "Rolling a window of context_length ids brings its first id round to the end.",
            "Read context_length + 1 ids for each window, so that the last target is one of them.",
        ),
        ways=[[data(SHIFTED, "return batch[:, :-1], batch[:, :-1].roll(-1, dims=1)")]],
    ),
    Mistake(
        id="batch_last_window_missed",
        sentence="The last start is never drawn: your bound is one below count - context_length.",
        why="the end of a file is never learned, and a file of a single window cannot be used.",
        contract="sample_batch",
        section="batches",
        hints=(
            "How many windows has a file of exactly context_length + 1 ids?",
            "torch.randint leaves out its upper bound already.",
            "Draw from torch.randint(len(tokens) - context_length, …).",
        ),
        ways=[[data(STARTS, STARTS.replace("context_length,", "context_length - 1,"))]],
    ),
    Mistake(
        id="batch_window_past_the_end",
        sentence="Your largest start leaves no room for the last target: its bound is too high.",
        why="once in a long while a batch reads past the end of the file and the run dies.",
        contract="sample_batch",
        section="batches",
        hints=(
            "In a file of context_length + 1 ids, which starts are possible?",
            "A window needs context_length + 1 ids, one more than its inputs.",
            "Draw from torch.randint(len(tokens) - context_length, …), which leaves out its bound.",
        ),
        ways=[[data(STARTS, STARTS.replace("context_length,", "context_length + 1,"))]],
    ),
    Mistake(
        id="batch_first_window_missed",
        sentence="Your starts are drawn from 1 on, so the window at 0 never comes.",
        why="the first id is never read, and a seed no longer means the same batches to everyone.",
        contract="sample_batch",
        section="batches",
        hints=(
            "What is the smallest start that can come out?",
            "With one number before the size, torch.randint counts from 0.",
            "Draw from torch.randint(len(tokens) - context_length, …), without a lower bound.",
        ),
        ways=[[data(STARTS, STARTS.replace("(len", "(1, len"))]],
    ),
    Mistake(
        id="batch_one_start_for_all",
        sentence="All windows of your batch are the same one: a single start is drawn.",
        why="a batch then has the noise of one window, at the price of batch_size.",
        contract="sample_batch",
        section="batches",
        hints=(
            "Compare the rows of one batch.",
            "How many numbers does your call of torch.randint return?",
            "Its size is (batch_size,): one start for each window.",
        ),
        ways=[[data(STARTS, STARTS.replace("(batch_size,)", "(1,)") + ".expand(batch_size)")]],
    ),
    Mistake(
        id="batch_windows_do_not_overlap",
        sentence="Your starts are multiples of context_length only, not every place in the file.",
        why="each token is always seen at the same position, after the same beginning.",
        contract="sample_batch",
        section="batches",
        hints=(
            "Which starts can come out, and which never do?",
            "Cutting the file into pieces first is for evaluating; training takes any place.",
            "Draw the start itself from torch.randint(len(tokens) - context_length, …).",
        ),
        ways=[
            [
                data(
                    STARTS,
                    "context_length * torch.randint(\n        (len(tokens) - 1) // context_length, "
                    "(batch_size,), generator=generator\n    )",
                )
            ]
        ],
    ),
    Mistake(
        id="batch_generator_ignored",
        sentence="Your starts come from torch's own generator, not from the one that is given.",
        why="then every other random number moves the batches, and a resumed run gets others.",
        contract="sample_batch",
        section="batches",
        hints=(
            "Call it twice with generators of the same seed. Are the batches the same?",
            "Without generator=, torch.randint takes numbers from the global generator.",
            "Hand generator=generator to torch.randint.",
        ),
        ways=[[data(", generator=generator)\n    windows", ")\n    windows")]],
    ),
    Mistake(
        id="batch_device_ignored",
        sentence="Your batch stays on the CPU, whatever `device` says.",
        why="on a GPU the first forward pass fails: the weights are there and the ids here.",
        contract="sample_batch",
        section="batches",
        hints=(
            "Look at inputs.device for device='meta'.",
            "A tensor made from a NumPy array is on the CPU.",
            "Move the batch with .to(device), once, before cutting it into inputs and targets.",
        ),
        ways=[[data(".astype(np.int64)).to(device)", ".astype(np.int64))")]],
    ),
    Mistake(
        id="batch_reads_whole_file",
        sentence="Every batch copies all ids into memory, where only its windows are needed.",
        why="a memory map is for files larger than memory; this reads all of it in each step.",
        contract="sample_batch",
        section="batches",
        hints=(
            "How does the time of a batch grow with the length of the file?",
            "Converting or copying the memory map reads all of it; so does torch.tensor of it.",
            "Index the windows first, then convert what came out to int64.",
        ),
        ways=[
            [data("sliding_window_view(tokens,", "sliding_window_view(np.array(tokens),")],
            [
                data("sliding_window_view(tokens,", "sliding_window_view(tokens.astype(np.int64),"),
                data("windows[starts.numpy()].astype(np.int64)", "windows[starts.numpy()]"),
            ],
        ],
    ),
    Mistake(
        id="batch_ids_through_int16",
        sentence="Ids above 32,767 come out negative: they passed through int16.",
        why="GPT-2 has 50,257 ids; a negative one silently counts from the table's end.",
        contract="sample_batch",
        section="batches",
        hints=(
            "What becomes of id 40,000 in your batch?",
            "torch long had no uint16, and int16 ends at 32,767.",
            "Convert the windows from uint16 to np.int64 at once, in NumPy.",
        ),
        ways=[
            [data(".numpy()].astype(np.int64)", ".numpy()].astype(np.int16).astype(np.int64)")],
            [
                data(
                    "windows[starts.numpy()].astype(np.int64)).to",
                    "windows[starts.numpy()].view(np.int16)).long().to",
                )
            ],
        ],
    ),
]

REST = """    rest = tokens[None, end:]
    if rest.shape[1] > 1 and (max_windows is None or whole < max_windows):
        yield _as_tensor(rest[:, :-1]), _as_tensor(rest[:, 1:])
"""


def evaluation(old: str, new: str) -> Edit:
    return Edit(old, new, file="evaluation.py")


EVALUATION = [
    Mistake(
        id="eval_mean_of_batches",
        sentence="Your loss is the mean of the batches' means, though batches differ in size.",
        why="tokens at the end of the file weigh more, and the loss depends on batch_size.",
        contract="evaluate",
        section="evaluation",
        hints=(
            "Does your result change with batch_size?",
            "A mean of means is the mean only if all parts are of one size.",
            "Add up each mean times its number of targets, and divide by that of all.",
        ),
        ways=[
            [
                evaluation("targets.to(device)) * targets.numel())", "targets.to(device)))"),
                evaluation("count += targets.numel()", "count += 1"),
            ]
        ],
    ),
    Mistake(
        id="eval_mean_of_windows",
        sentence="Your loss is the mean of the windows' means, though the last window is shorter.",
        why="the few targets of the last window weigh as much as a whole window.",
        contract="evaluate",
        section="idea",
        hints=(
            "Work out the example of the guide: windows of 4, 4 and 1 targets.",
            "The contract wants a mean over tokens.",
            "Weigh each mean with targets.numel(), not with the number of its windows.",
        ),
        ways=[
            [
                evaluation(
                    "targets.to(device)) * targets.numel())", "targets.to(device)) * len(targets))"
                ),
                evaluation("count += targets.numel()", "count += len(targets)"),
            ]
        ],
    ),
    Mistake(
        id="eval_rest_left_out",
        sentence="The ids after the last whole window are left out.",
        why="each context length then has a text of its own, and models cannot be compared.",
        contract="evaluate",
        section="evaluation",
        hints=(
            "How many targets has a file of 19 ids, and how many do you count?",
            "What is left after the whole windows is a shorter window.",
            "After the loop, evaluate the rest as a batch of its own, if it holds a target.",
        ),
        ways=[[evaluation(REST, "")]],
    ),
    Mistake(
        id="eval_windows_apart",
        sentence="Your windows start context_length + 1 ids apart: a target between them is lost.",
        why="the loss leaves out a token at every border, and others for every context length.",
        contract="evaluate",
        section="evaluation",
        hints=(
            "Which id follows the last input of window 0? Which one does window 1 begin with?",
            "The last target of a window is the first input of the next: windows share an id.",
            "Window i starts at i · context_length and reads one id more than context_length.",
        ),
        ways=[
            [
                evaluation(
                    "(len(tokens) - 1) // context_length", "len(tokens) // (context_length + 1)"
                ),
                evaluation("end = whole * context_length", "end = whole * (context_length + 1)"),
                evaluation(
                    "inputs = tokens[:end].reshape(whole, context_length)",
                    "inputs = tokens[:end].reshape(whole, context_length + 1)[:, :-1]",
                ),
                evaluation(
                    "targets = tokens[1 : end + 1].reshape(whole, context_length)",
                    "targets = tokens[:end].reshape(whole, context_length + 1)[:, 1:]",
                ),
            ]
        ],
    ),
    Mistake(
        id="eval_gradients_kept",
        sentence="The model is evaluated with gradients on.",
        why="every activation is stored for a backward pass that never comes: memory runs out.",
        contract="evaluate",
        section="evaluation",
        hints=(
            "What does torch.is_grad_enabled() say inside of the model while you evaluate?",
            "model.eval() says nothing about gradients.",
            "Put the loop over batches under `with torch.no_grad():`.",
        ),
        ways=[[evaluation("with torch.no_grad():", "with torch.enable_grad():")]],
    ),
    Mistake(
        id="eval_in_train_mode",
        sentence="The model is evaluated in the mode it was in, train mode included.",
        why="dropout would then be on while you measure.",
        contract="evaluate",
        section="evaluation",
        hints=(
            "What is model.training while you evaluate?",
            "torch.no_grad() does not change the mode.",
            "Note model.training, then call model.eval() before the first batch.",
        ),
        ways=[[evaluation("    model.eval()\n", "")]],
    ),
    Mistake(
        id="eval_left_in_eval_mode",
        sentence="The model comes back in eval mode, even if it was in train mode.",
        why="after the first evaluation, training would go on without dropout.",
        contract="evaluate",
        section="evaluation",
        hints=(
            "What is model.training before the call, and after?",
            "Who switches a model's mode switches it back.",
            "Before the end, model.train(was_training) with the value noted at the beginning.",
        ),
        ways=[[evaluation("    model.train(was_training)\n", "")]],
    ),
    Mistake(
        id="eval_always_left_in_train_mode",
        sentence="The model comes back in train mode, even if it was in eval mode.",
        why="a model that was loaded for use would answer with dropout on after it was measured.",
        contract="evaluate",
        section="evaluation",
        hints=(
            "Evaluate a model that is in eval mode. What is model.training after?",
            "model.train() without an argument always means train mode.",
            "Note model.training at the beginning and hand it to model.train(…) at the end.",
        ),
        ways=[[evaluation("model.train(was_training)", "model.train()")]],
    ),
    Mistake(
        id="eval_first_batch_only",
        sentence="Only the first batch of windows is evaluated.",
        why="a few hundred tokens say little: the curve is noise, and a better model looks worse.",
        contract="evaluate",
        section="evaluation",
        hints=(
            "How often is the model called?",
            "max_windows is None: the whole file is wanted.",
            "Go on over all batches, and add up losses and targets.",
        ),
        ways=[
            [
                evaluation(
                    "            count += targets.numel()\n",
                    "            count += targets.numel()\n            break\n",
                )
            ]
        ],
    ),
    Mistake(
        id="eval_max_windows_counts_batches",
        sentence="max_windows is taken as a number of batches.",
        why="the validation loss then changes with batch_size, which has nothing to do with it.",
        contract="evaluate",
        section="evaluation",
        hints=(
            "With max_windows=3, how many windows does the model read?",
            "Each batch holds batch_size windows.",
            "Cut the number of windows to max_windows before you make batches of them.",
        ),
        ways=[
            [
                evaluation("min(whole, max_windows)", "min(whole, max_windows * batch_size)"),
                evaluation("or whole < max_windows)", "or whole < max_windows * batch_size)"),
            ]
        ],
    ),
    Mistake(
        id="eval_loss_in_bfloat16",
        sentence="The loss is computed in the dtype of the logits, here bfloat16.",
        why="bfloat16 has three digits: losses of 3.11 and 3.12 become the same number.",
        contract="evaluate",
        section="evaluation",
        hints=(
            "What is the dtype of the logits that go into cross_entropy?",
            "Matrix products may be in bfloat16; a sum of logarithms should not.",
            "Call .float() on the logits before cross_entropy.",
        ),
        ways=[[evaluation("model(inputs.to(device)).float()", "model(inputs.to(device))")]],
    ),
]


def checkpoint(old: str, new: str) -> Edit:
    return Edit(old, new, file="checkpoint.py")


CHECKPOINTS = [
    Mistake(
        id="ckpt_optimizer_not_saved",
        sentence="Your checkpoint holds no state of the optimizer.",
        why="after a resume AdamW's means start at 0 again, and the loss jumps.",
        contract="save_checkpoint",
        section="checkpoints",
        hints=(
            "What does AdamW remember from step to step?",
            "Its two means of every parameter, and the step count, are in its state dict.",
            "Put optimizer.state_dict() under `optimizer`, and load it again.",
        ),
        ways=[
            [
                checkpoint('        "optimizer": optimizer.state_dict(),\n', ""),
                checkpoint('{"model", "optimizer", "step"', '{"model", "step"'),
                checkpoint(
                    "    if optimizer is not None:\n"
                    '        optimizer.load_state_dict(state["optimizer"])\n',
                    "",
                ),
            ]
        ],
    ),
    Mistake(
        id="ckpt_optimizer_not_loaded",
        sentence="The optimizer's state is saved, but not loaded again.",
        why="after a resume AdamW's means start at 0 again, and the loss jumps.",
        contract="load_checkpoint",
        section="checkpoints",
        hints=(
            "Look at optimizer.state after loading.",
            "load_checkpoint is handed the optimizer for a reason.",
            "Call optimizer.load_state_dict(…) with what is saved, unless optimizer is None.",
        ),
        ways=[
            [
                checkpoint(
                    "    if optimizer is not None:\n"
                    '        optimizer.load_state_dict(state["optimizer"])\n',
                    "",
                )
            ]
        ],
    ),
    Mistake(
        id="ckpt_generator_not_loaded",
        sentence="The state of the data's generator does not come back.",
        why="a resumed run sees the first batches a second time, and the others later.",
        contract="load_checkpoint",
        section="checkpoints",
        hints=(
            "What decides which batch comes after a resume?",
            "The weights are right, but the generator is where it was when it was made.",
            "Call generator.set_state(…) with the state that was saved, unless generator is None.",
        ),
        ways=[
            [
                checkpoint(
                    "    if generator is not None:\n"
                    '        generator.set_state(state["generator"])\n',
                    "",
                )
            ]
        ],
    ),
    Mistake(
        id="ckpt_torch_generators_not_loaded",
        sentence="The states of torch's own generators do not come back.",
        why="dropout, or whatever else draws numbers, would go on differently after a resume.",
        contract="load_checkpoint",
        section="checkpoints",
        hints=(
            "Besides the data's generator, where do random numbers come from?",
            "torch has a global generator for the CPU, and one for each GPU.",
            "Hand the saved state to torch.set_rng_state, and those of GPUs to torch.cuda's.",
        ),
        ways=[[checkpoint('    _set_random_states(state["random"])\n', "")]],
    ),
    Mistake(
        id="ckpt_step_plus_one",
        sentence="The step that comes back is one more than the step that was saved.",
        why="a resumed run leaves out an update, and has the learning rates of the next step.",
        contract="load_checkpoint",
        section="checkpoints",
        hints=(
            "Save at step 3 and load. What do you get?",
            "The step counts the updates that were made; the next one begins with it.",
            "Return the saved step as it is.",
        ),
        ways=[
            [checkpoint('return state["step"]', 'return state["step"] + 1')],
            [checkpoint('"step": step,', '"step": step + 1,')],
        ],
    ),
    Mistake(
        id="ckpt_names_not_compared",
        sentence="A checkpoint of a model with other names is loaded without a word.",
        why="what does not fit is left out, and you go on with random weights in its place.",
        contract="load_checkpoint",
        section="checkpoints",
        hints=(
            "Load a checkpoint into a model that has one parameter more. What happens?",
            "strict=False is meant for cases where you look at what was left out.",
            "Load with strict=True, and turn its error into a ValueError that names the parameter.",
        ),
        ways=[
            [
                checkpoint(
                    "    own = target.state_dict()\n"
                    "    for name in [*own, *(saved.keys() - own.keys())]:\n",
                    "    own = target.state_dict()\n    for name in saved.keys() & own.keys():\n",
                ),
                checkpoint(
                    "target.load_state_dict(saved)", "target.load_state_dict(saved, strict=False)"
                ),
            ]
        ],
    ),
    Mistake(
        id="ckpt_compiled_names_saved",
        sentence="A compiled model is saved with `_orig_mod.` before every name.",
        why="the checkpoint then fits compiled models only, and nothing else can read it.",
        contract="save_checkpoint",
        section="checkpoints",
        hints=(
            "Print the names in the checkpoint of a compiled model.",
            "torch.compile puts your model into another module, as its submodule `_orig_mod`.",
            "Take the state dict of model._orig_mod where there is one, in loading too.",
        ),
        ways=[[checkpoint('return getattr(model, "_orig_mod", model)', "return model")]],
    ),
    Mistake(
        id="ckpt_no_map_location",
        sentence="The checkpoint is read without map_location.",
        why="what was saved on a GPU cannot be opened on a machine without one.",
        contract="load_checkpoint",
        section="checkpoints",
        hints=(
            "On which device does torch.load put a tensor that was saved on a GPU?",
            "It wants the device of the saving run, unless it is told another.",
            "Hand map_location='cpu' to torch.load; load_state_dict copies to the model's device.",
        ),
        ways=[[checkpoint('map_location="cpu", ', "")]],
    ),
    Mistake(
        id="ckpt_weights_only_off",
        sentence="The checkpoint is read with weights_only=False, which runs code in the file.",
        why="who sends you a checkpoint could then do on your machine whatever you can.",
        contract="load_checkpoint",
        section="checkpoints",
        hints=(
            "What may a pickled object do while it is loaded?",
            "A checkpoint of tensors and plain values needs no other objects.",
            "Load with weights_only=True, and save no objects that it refuses.",
        ),
        ways=[[checkpoint("weights_only=True", "weights_only=False")]],
    ),
    Mistake(
        id="ckpt_written_in_place",
        sentence="The checkpoint is written straight to its place, over the one before.",
        why="a run that is killed while saving has then lost both.",
        contract="save_checkpoint",
        section="idea",
        hints=(
            "What is on the disk when the power fails halfway through torch.save?",
            "Write to another name in the same folder first.",
            "When the file is complete, os.replace(unfinished, path) swaps it in at one stroke.",
        ),
        ways=[
            [
                checkpoint(
                    "_replace(path, lambda file: torch.save(state, file))",
                    "torch.save(state, path)",
                )
            ]
        ],
    ),
    Mistake(
        id="ckpt_copied_into_place",
        sentence="The finished checkpoint is copied over the old one, not renamed.",
        why="a copy takes time, and a run killed in the middle of it leaves half a file.",
        contract="save_checkpoint",
        section="idea",
        hints=(
            "Is there a moment at which the checkpoint is only partly there?",
            "Copying writes byte after byte; renaming happens at once.",
            "End with os.replace(unfinished, path).",
        ),
        ways=[
            [checkpoint("unfinished.replace(path)", "path.write_bytes(unfinished.read_bytes())")]
        ],
    ),
    Mistake(
        id="ckpt_old_deleted_first",
        sentence="The old checkpoint is deleted before the new one is in its place.",
        why="a run that is killed just then has no checkpoint at all.",
        contract="save_checkpoint",
        section="idea",
        hints=(
            "Is there a moment at which there is no file at `path`?",
            "os.replace swaps the new file in at one stroke; nothing is to be deleted first.",
            "End with os.replace(unfinished, path), without path.unlink().",
        ),
        ways=[
            [
                checkpoint(
                    "unfinished.replace(path)",
                    "path.unlink(missing_ok=True)\n        unfinished.rename(path)",
                )
            ],
            [
                checkpoint(
                    "    try:\n        with unfinished",
                    "    path.unlink(missing_ok=True)\n    try:\n        with unfinished",
                )
            ],
        ],
    ),
    Mistake(
        id="ckpt_config_not_plain",
        sentence="Your checkpoint holds objects, such as Path, that weights_only=True refuses.",
        why="what you save can then not be read again, which shows when you need it.",
        contract="save_checkpoint",
        section="checkpoints",
        hints=(
            "Read your file with torch.load(path, weights_only=True).",
            "dataclasses.asdict leaves paths as they are.",
            "Make the configuration plain first: strings for paths, as its JSON has them.",
        ),
        ways=[
            [checkpoint('"config": plain(config)', '"config": dataclasses.asdict(config)')],
            [checkpoint('"config": plain(config)', '"config": config')],
        ],
    ),
    Mistake(
        id="load_model_in_train_mode",
        sentence="load_model gives a model in train mode.",
        why="whoever loads a model wants to use it, and dropout would then be on.",
        contract="load_model",
        section="checkpoints",
        hints=(
            "What is load_model(path).training?",
            "Every module is in train mode when it is made.",
            "Return model.eval().",
        ),
        ways=[[checkpoint("return model.eval()", "return model")]],
    ),
    Mistake(
        id="load_model_device_ignored",
        sentence="load_model gives a model on the CPU, whatever `device` says.",
        why="it works on a laptop, and is as slow on a GPU machine as it is there.",
        contract="load_model",
        section="checkpoints",
        hints=(
            "On which device are the parameters of load_model(path, device='meta')?",
            "The file is read to the CPU; the model need not be made there.",
            "Hand device=device to TransformerLM, or move the model with .to(device).",
        ),
        ways=[[checkpoint("TransformerLM(config, device=device)", "TransformerLM(config)")]],
    ),
]


def trainer(old: str, new: str) -> Edit:
    return Edit(old, new, file="trainer.py")


ZERO = "        self.optimizer.zero_grad()\n"
CLIP = "clip_gradients(self.model.parameters(), config.max_grad_norm or math.inf)"
NEVER_CLIP = "clip_gradients(self.model.parameters(), math.inf)"
SET_LR = '        for group in self.optimizer.param_groups:\n            group["lr"] = lr\n'

UPDATES = [
    Mistake(
        id="loop_gradients_not_zeroed",
        sentence="Gradients are never zeroed: each step adds its own to those of all steps before.",
        why="every update is then dominated by gradients of weights that are long gone.",
        contract="train",
        section="one-update",
        hints=(
            "Why does grad_norm grow from step to step?",
            "backward adds to .grad, which is what makes accumulation work.",
            "Call optimizer.zero_grad() once for each update, before its first backward pass.",
        ),
        ways=[[trainer(ZERO, "")]],
    ),
    Mistake(
        id="loop_gradients_zeroed_before_clipping",
        sentence="Gradients are zeroed after the backward passes and before the step.",
        why="AdamW then finds no gradient, and the model never changes.",
        contract="train",
        section="one-update",
        hints=(
            "Why is grad_norm 0?",
            "Between backward and step, nothing may empty the gradients.",
            "Call optimizer.zero_grad() before the first backward pass of the update.",
        ),
        ways=[
            [trainer(ZERO, ""), trainer(f"        norm = {CLIP}", f"{ZERO}        norm = {CLIP}")]
        ],
    ),
    Mistake(
        id="loop_no_update",
        sentence="No update reaches the weights: they are after every step what they were before.",
        why="the loss only goes up and down with the batches, and training learns nothing.",
        contract="train",
        section="one-update",
        hints=(
            "Compare a weight before and after ten steps.",
            "Either optimizer.step() is missing, or the gradients are gone when it is called.",
            "The order is zero_grad, the backward passes, clip, step.",
        ),
        ways=[
            [trainer("        self.optimizer.step()\n", "")],
            [
                trainer(ZERO, ""),
                trainer("        self.optimizer.step()", f"{ZERO}        self.optimizer.step()"),
            ],
        ],
    ),
    Mistake(
        id="loop_lr_not_applied",
        sentence="The learning rate is computed and logged, but never reaches the optimizer.",
        why="there is no warm-up and no decay; runs with other schedules come out the same.",
        contract="train",
        section="one-update",
        hints=(
            "Print optimizer.param_groups[0]['lr'] in two different steps.",
            "AdamW reads its parameter groups; its defaults only serve while it is made.",
            "Before each step, set group['lr'] for every group in optimizer.param_groups.",
        ),
        ways=[
            [trainer(SET_LR, "")],
            [trainer(SET_LR, '        self.optimizer.defaults["lr"] = lr\n')],
        ],
    ),
    Mistake(
        id="loop_lr_in_first_group_only",
        sentence="The learning rate reaches the first parameter group only.",
        why="norm gains go on with the learning rate the optimizer was made with.",
        contract="train",
        section="one-update",
        hints=(
            "How many parameter groups has your optimizer?",
            "Matrices and vectors are two groups, each with an lr of its own.",
            "Loop over optimizer.param_groups and set the lr of each.",
        ),
        ways=[[trainer(SET_LR, '        self.optimizer.param_groups[0]["lr"] = lr\n')]],
    ),
    Mistake(
        id="loop_schedule_one_step_ahead",
        sentence="Every update has the learning rate of the next: the schedule is a step ahead.",
        why="the same configuration then gives other losses than everybody else's.",
        contract="train",
        section="one-update",
        hints=(
            "What is the learning rate of the very first update?",
            "The contract counts updates from 1, and the schedule its steps from 0.",
            "Update n has cosine_schedule(n - 1, …).",
        ),
        ways=[
            [
                trainer(
                    "            self.step, config.max_lr",
                    "            self.step + 1, config.max_lr",
                )
            ]
        ],
    ),
    Mistake(
        id="loop_not_clipped",
        sentence="The step is made with gradients that were not clipped.",
        why="a single bad batch can then throw the weights far off.",
        contract="train",
        section="one-update",
        hints=(
            "What is the norm of the gradients when optimizer.step() is called?",
            "Clipping after the step changes gradients that nobody reads any more.",
            "Call clip_gradients after the last backward pass and before optimizer.step().",
        ),
        ways=[
            [trainer(CLIP, NEVER_CLIP)],
            [
                trainer(
                    f"        norm = {CLIP}",
                    f"        self.optimizer.step()\n        norm = {CLIP}",
                ),
                trainer("norm, lr)\n        self.optimizer.step()\n", "norm, lr)\n"),
            ],
        ],
    ),
    Mistake(
        id="loop_clips_each_batch",
        sentence="Gradients are clipped after each batch, not once for all batches of the update.",
        why="batches then count by other weights, and do not equal one large batch.",
        contract="train",
        section="one-update",
        hints=(
            "How often is clip_gradients called in an update of three batches?",
            "The gradient of the update is complete after the last backward pass only.",
            "Clip once, after the loop over the batches.",
        ),
        ways=[
            [
                trainer(
                    "        logits.backward(gradient)\n",
                    f"        logits.backward(gradient)\n        {CLIP}\n",
                )
            ]
        ],
    ),
    Mistake(
        id="loop_norm_logged_after_clipping",
        sentence="The norm you log is that of the gradients after clipping.",
        why="it is max_grad_norm in almost every line, and no longer warns of anything.",
        contract="train",
        section="one-update",
        hints=(
            "Why is grad_norm the same in so many lines?",
            "clip_gradients returns the norm that it found, before it clips.",
            "Log what clip_gradients returns.",
        ),
        ways=[
            [
                trainer(
                    f"        norm = {CLIP}\n",
                    f"        {CLIP}\n        norm = {NEVER_CLIP}\n",
                )
            ]
        ],
    ),
    Mistake(
        id="accum_gradient_not_divided",
        sentence="Gradients of the accumulated batches are summed, not divided by their number.",
        why="AdamW hides it; clipping does not: it now cuts at a fraction of max_grad_norm.",
        contract="train",
        section="idea",
        hints=(
            "With three batches, by which factor is grad_norm too large?",
            "The loss that is logged is divided, the loss that goes backward is not.",
            "Divide the loss by accumulation_steps before you call backward.",
        ),
        ways=[
            [
                trainer("share = 1 / config.accumulation_steps", "share = 1.0"),
                trainer(
                    "        logits.backward(gradient)\n        return loss\n",
                    "        logits.backward(gradient)\n"
                    "        return loss / config.accumulation_steps\n",
                ),
            ]
        ],
    ),
    Mistake(
        id="accum_divided_nowhere",
        sentence="Losses of the accumulated batches are summed, never divided by their number.",
        why="a run with three batches reports three times the loss, and clips too much.",
        contract="train",
        section="idea",
        hints=(
            "With three batches, by which factor is train_loss too large?",
            "The loss of an update is the mean over all its tokens.",
            "Divide each loss by accumulation_steps, before backward and before adding it up.",
        ),
        ways=[[trainer("share = 1 / config.accumulation_steps", "share = 1.0")]],
    ),
    Mistake(
        id="accum_last_loss_logged",
        sentence="train_loss is the loss of the update's last batch only.",
        why="the curve is noisier than it need be, and not what the gradient belongs to.",
        contract="train",
        section="one-update",
        hints=(
            "Of how many tokens is the train_loss of an update with three batches?",
            "The loop over the batches overwrites the loss each time.",
            "Add up loss / accumulation_steps over the batches, and log the sum.",
        ),
        ways=[
            [
                trainer(
                    "loss += self._add_gradients()",
                    "loss = config.accumulation_steps * self._add_gradients()",
                )
            ]
        ],
    ),
    Mistake(
        id="accum_zeroed_in_each_batch",
        sentence="Gradients are zeroed before each batch: only the last one of an update counts.",
        why="the other batches cost their time and are thrown away.",
        contract="train",
        section="one-update",
        hints=(
            "How often is zero_grad called in an update of three batches?",
            "Accumulating means that gradients of several backward passes add up.",
            "Call optimizer.zero_grad() before the loop over the batches, not in it.",
        ),
        ways=[
            [
                trainer(ZERO, ""),
                trainer(
                    "            last = batch",
                    "            self.optimizer.zero_grad()\n            last = batch",
                ),
            ]
        ],
    ),
    Mistake(
        id="loop_gains_decay",
        sentence="Weight decay pulls at the gains of the norms too, not at matrices only.",
        why="a gain that is pulled to 0 makes the signal small, not the function simple.",
        contract="train",
        section="one-update",
        hints=(
            "Which of your parameters have a weight_decay above 0?",
            "Vectors and matrices belong in two parameter groups.",
            "Give the group of parameters with fewer than 2 axes a weight_decay of 0.",
        ),
        ways=[[trainer('"weight_decay": 0.0}', '"weight_decay": weight_decay}')]],
    ),
    Mistake(
        id="loop_decay_not_passed",
        sentence="The configured weight_decay never reaches AdamW, which takes its own default.",
        why="the setting has no effect, which a sweep over it shows only after hours.",
        contract="train",
        section="one-update",
        hints=(
            "Print the weight_decay of each group in optimizer.param_groups.",
            "Without groups, all parameters have AdamW's default.",
            "Make the groups with config.weight_decay for matrices and 0 for vectors.",
        ),
        ways=[
            [
                trainer(
                    "groups = parameter_groups(self.model, config.weight_decay)",
                    "groups = self.model.parameters()",
                )
            ]
        ],
    ),
    Mistake(
        id="loop_betas_not_passed",
        sentence="The configured betas never reach AdamW, which takes its own default.",
        why="a mean at 0.999 remembers fifty times as long as at 0.95: too long for a short run.",
        contract="train",
        section="one-update",
        hints=(
            "Print optimizer.param_groups[0]['betas'].",
            "Each field of the configuration has to be handed on.",
            "Make the optimizer with betas=config.betas.",
        ),
        ways=[[trainer("betas=config.betas, ", "")]],
    ),
    Mistake(
        id="loop_eps_not_passed",
        sentence="The configured eps never reaches AdamW, which takes its own default.",
        why="steps with small gradients then have another size than the configuration says.",
        contract="train",
        section="one-update",
        hints=(
            "Print optimizer.param_groups[0]['eps'].",
            "Each field of the configuration has to be handed on.",
            "Make the optimizer with eps=config.eps.",
        ),
        ways=[[trainer(", eps=config.eps)", ")")]],
    ),
    Mistake(
        id="loop_embeddings_do_not_decay",
        sentence="The matrix of the embeddings does not decay, as if it were a vector.",
        why="with a rule of its own, a run has other losses than everybody else's.",
        contract="train",
        section="one-update",
        hints=(
            "Which of your parameters have a weight_decay of 0?",
            "The embeddings are a matrix: a row for each id.",
            "Give every parameter with 2 axes or more the configured weight_decay.",
        ),
        ways=[
            [
                trainer("if p.ndim >= 2]", "if p.ndim >= 2 and p is not parameters[0]]"),
                trainer("if p.ndim < 2]", "if p.ndim < 2 or p is parameters[0]]"),
            ]
        ],
    ),
    Mistake(
        id="loop_data_seed_ignored",
        sentence="The generator of the batches is not seeded with the seed of the configuration.",
        why="two runs with one seed see other batches, or all seeds see the same.",
        contract="train",
        section="batches",
        hints=(
            "Which losses change when you change the seed?",
            "torch.manual_seed does not reach a generator of its own.",
            "Make it with torch.Generator().manual_seed(config.seed).",
        ),
        ways=[
            [trainer("torch.Generator().manual_seed(config.seed)", "torch.Generator()")],
            [
                trainer(
                    "torch.Generator().manual_seed(config.seed)", "torch.Generator().manual_seed(0)"
                )
            ],
        ],
    ),
]


def loop(old: str, new: str) -> Edit:
    return Edit(old, new, file="loop.py")


def metrics(old: str, new: str) -> Edit:
    return Edit(old, new, file="metrics.py")


UPDATE = "        loss, norm, lr = trainer.update()\n"
MEAN_OF_ALL = loop("train_loss=loss.item()", "train_loss=sum(losses) / len(losses)")
KEEP_LOSSES = loop(UPDATE, f"{UPDATE}        losses.append(loss.item())\n")
MAKE_LIST = loop("    while trainer", "    losses: list[float] = []\n\n    while trainer")
EMPTY_LIST = loop("            log(line)\n", "            log(line)\n            losses.clear()\n")

RUNS = [
    Mistake(
        id="run_seed_not_set",
        sentence="The first weights do not follow the seed of the configuration.",
        why="no run can be repeated, and two runs cannot be compared.",
        contract="train",
        section="one-update",
        hints=(
            "Are the first weights of two runs with one seed the same?",
            "What counts is the seed at the moment when the model is made.",
            "Call torch.manual_seed(config.seed), and make the model after it.",
        ),
        ways=[
            [trainer("        torch.manual_seed(config.seed)\n", "")],
            [
                trainer("        torch.manual_seed(config.seed)\n", ""),
                trainer(
                    "        groups =", "        torch.manual_seed(config.seed)\n        groups ="
                ),
            ],
        ],
    ),
    Mistake(
        id="bf16_parameters",
        sentence="With bfloat16, the parameters themselves are bfloat16.",
        why="an update is often a thousandth of a weight, which bfloat16 rounds away.",
        contract="train",
        section="one-update",
        hints=(
            "What is the dtype of your parameters in a bfloat16 run?",
            "Only the forward pass runs in bfloat16, and autocast sees to that.",
            "Leave the model in float32, and put its call under torch.autocast.",
        ),
        ways=[
            [
                trainer(
                    "TransformerLM(config.model, device=self.device)",
                    "TransformerLM(\n            config.model, device=self.device, "
                    "dtype=getattr(torch, config.dtype)\n        )",
                ),
                trainer("enabled=wanted", "enabled=False"),
            ],
        ],
    ),
    Mistake(
        id="bf16_loss",
        sentence="With bfloat16, the loss is computed in bfloat16 too.",
        why="it comes in steps of 1/64, and its gradient is as coarse.",
        contract="train",
        section="one-update",
        hints=(
            "Do the losses of a bfloat16 run look rounded?",
            "What comes out of autocast is bfloat16, the logits as well.",
            "Call .float() on the logits before cross_entropy.",
        ),
        ways=[[Edit("piece.float()", "piece.clone()", file="loss.py")]],
    ),
    Mistake(
        id="bf16_not_used",
        sentence="With bfloat16, the forward pass still runs in float32.",
        why="the setting has no effect, and the run takes twice the time that it could.",
        contract="train",
        section="one-update",
        hints=(
            "What is the dtype of the logits in a bfloat16 run?",
            "config.dtype has to reach torch.autocast.",
            "Call the model under torch.autocast(device_type, dtype=torch.bfloat16).",
        ),
        ways=[[trainer("enabled=wanted", "enabled=False")]],
    ),
    Mistake(
        id="compiled_model_not_used",
        sentence="torch.compile is called, but the model that trains is the one before it.",
        why="torch.compile changes nothing in place: you wait for a speed-up that cannot come.",
        contract="train",
        section="one-update",
        hints=(
            "What do you do with the value that torch.compile returns?",
            "The compiled model is a new module around yours.",
            "Keep what torch.compile(model) returns, and call that in the update.",
        ),
        ways=[
            [
                trainer(
                    "self.forward = torch.compile(self.model) if config.compile else self.model",
                    "torch.compile(self.model) if config.compile else self.model\n"
                    "        self.forward = self.model",
                )
            ]
        ],
    ),
    Mistake(
        id="valid_loss_of_training_tokens",
        sentence="The validation loss is measured on the training tokens.",
        why="a model that learns by heart then looks perfect.",
        contract="train",
        section="evaluation",
        hints=(
            "Which file does your evaluation read?",
            "valid_tokens is a text of its own, which the model never trains on.",
            "Hand the ids of config.valid_tokens to evaluate.",
        ),
        ways=[
            [
                trainer(
                    "                self.valid_tokens,\n", "                self.train_tokens,\n"
                )
            ]
        ],
    ),
    Mistake(
        id="run_eval_windows_ignored",
        sentence="eval_windows is not handed on: every evaluation reads the whole file.",
        why="on a long file, a run then spends most of its time evaluating.",
        contract="train",
        section="evaluation",
        hints=(
            "How many windows does the model read in one evaluation of the run?",
            "evaluate has an argument for it.",
            "Call evaluate with max_windows=config.eval_windows.",
        ),
        ways=[[trainer("                max_windows=config.eval_windows,\n", "")]],
    ),
    Mistake(
        id="run_saves_every_step",
        sentence="A checkpoint is saved after every step, not after every checkpoint_every.",
        why="writing hundreds of megabytes can take a fifth of the time of a step.",
        contract="train",
        section="logging",
        hints=(
            "How often is torch.save called in a run of ten steps?",
            "checkpoint_every says how many steps lie between two checkpoints.",
            "Save if step % checkpoint_every == 0, and after the last step.",
        ),
        ways=[
            [
                loop(
                    "due=stop or due(config.checkpoint_every)",
                    "due=True",
                )
            ]
        ],
    ),
    Mistake(
        id="run_last_step_not_due",
        sentence="After the last step nothing is logged, evaluated or saved unless due anyhow.",
        why="the end of the run, which you waited for, is in no file.",
        contract="train",
        section="logging",
        hints=(
            "With 7 steps and checkpoint_every=5, what is saved?",
            "The contract says: whenever it divides n, and at the end.",
            "A step is due if step % every == 0 or step == config.steps.",
        ),
        ways=[[loop(" or trainer.step == config.steps", "")]],
    ),
    Mistake(
        id="run_tokens_without_accumulation",
        sentence="The tokens you log leave out accumulation: only one batch per update is counted.",
        why="loss per token, and tokens per second, are off by the number of batches.",
        contract="train",
        section="logging",
        hints=(
            "How many tokens does an update of three batches read?",
            "Four factors make up the tokens of a run so far.",
            "It is step · accumulation_steps · batch_size · context_length.",
        ),
        ways=[
            [
                metrics(
                    "step * config.accumulation_steps * config.batch_size",
                    "step * config.batch_size",
                )
            ]
        ],
    ),
    Mistake(
        id="train_loss_mean_since_last_line",
        sentence="train_loss is a mean over the last steps, not the loss of this update.",
        why="another log_every then makes another curve of the same run, and so does a resume.",
        contract="train",
        section="logging",
        hints=(
            "With log_every=3, the losses of how many updates are in a line?",
            "The contract wants the loss of the tokens of update n, before that update.",
            "Log the loss that this update returned, and leave smoothing to the plot.",
        ),
        ways=[
            [KEEP_LOSSES, MAKE_LIST, MEAN_OF_ALL, EMPTY_LIST],
            [
                KEEP_LOSSES,
                MAKE_LIST,
                loop(
                    "train_loss=loss.item()",
                    "train_loss=sum(losses[-config.log_every :])\n"
                    "                / len(losses[-config.log_every :])",
                ),
            ],
        ],
    ),
    Mistake(
        id="resume_from_step_0",
        sentence="A resumed run counts its steps from 0 again, though the weights are loaded.",
        why="warm-up and schedule begin anew, and the run makes more updates than it should.",
        contract="train",
        section="resuming",
        hints=(
            "Which learning rate has the first update after a resume?",
            "load_checkpoint returns something that the loop needs.",
            "Begin the loop at the step that load_checkpoint returns.",
        ),
        ways=[[trainer("self.step = checkpoint.restore(", "checkpoint.restore(")]],
    ),
    Mistake(
        id="resume_batches_again",
        sentence="A resumed run draws its first batches again: its generator is not handed over.",
        why="some text is seen twice and some never, and no resumed run equals a whole one.",
        contract="train",
        section="resuming",
        hints=(
            "Which batch does the first update after a resume read?",
            "load_checkpoint sets only what it is given.",
            "Hand the generator of the batches to load_checkpoint as well.",
        ),
        ways=[
            [
                trainer(
                    "self.path, self.model, self.optimizer, self.generator",
                    "self.path, self.model, self.optimizer, None",
                )
            ]
        ],
    ),
    Mistake(
        id="resume_lines_twice",
        sentence="Lines of metrics.jsonl after the checkpoint's step stay: steps are logged twice.",
        why="a plot of the loss then jumps back and draws over itself.",
        contract="train",
        section="resuming",
        hints=(
            "Which steps are in metrics.jsonl after a run was killed and resumed?",
            "The steps after the checkpoint are made again, and log again.",
            "When resuming, keep only the lines whose step is not after the checkpoint's.",
        ),
        ways=[[metrics(' if line["step"] <= step]', "]")]],
    ),
    Mistake(
        id="resume_settings_not_compared",
        sentence="A checkpoint made with another configuration is resumed without a word.",
        why="half of the run has one learning rate and half another, and nobody can tell.",
        contract="train",
        section="resuming",
        hints=(
            "Change max_lr and start the same run_dir again. What happens?",
            "The checkpoint holds the configuration that it was made with.",
            "Compare both, field by field, and raise ValueError with the one that differs.",
        ),
        ways=[
            [
                trainer(
                    '            refuse_differences(state["config"], '
                    "checkpoint.plain(self.config), self.path)\n",
                    "",
                )
            ]
        ],
    ),
    Mistake(
        id="interrupt_not_held",
        sentence="Ctrl-C ends the run in the middle of a step, and nothing is saved.",
        why="everything since the last checkpoint is lost, though you only asked to stop.",
        contract="train",
        section="resuming",
        hints=(
            "What is on the disk after Ctrl-C?",
            "KeyboardInterrupt arrives anywhere, in the middle of an update too.",
            "Let a signal handler set a flag, and look at it after each update: save, then raise.",
        ),
        ways=[
            [
                loop("        interrupts_wait() as interrupted,\n", ""),
                loop("log, show, interrupted)", "log, show, lambda: False)"),
            ]
        ],
    ),
    Mistake(
        id="divergence_seen_when_logging",
        sentence="Whether loss and norm are finite is looked at only in steps that are logged.",
        why="until then NaN fills the weights, and may replace the last good checkpoint.",
        contract="train",
        section="divergence-and-leaks",
        hints=(
            "With log_every=10, what happens if the gradient of step 4 is NaN?",
            "The norm is a float already, so looking at it costs nothing.",
            "Check math.isfinite(norm) in every update, before optimizer.step().",
        ),
        ways=[
            [
                trainer("not math.isfinite(norm)", "not math.isfinite(norm) and self.is_logged()"),
                trainer(
                    "    def _mark_gradients(",
                    "    def is_logged(self) -> bool:\n"
                    "        return any(\n"
                    "            (self.step + 1) % every == 0\n"
                    "            for every in (self.config.log_every, self.config.steps)\n"
                    "        )\n\n"
                    "    def _mark_gradients(",
                ),
            ]
        ],
    ),
    Mistake(
        id="divergence_not_noticed",
        sentence="A loss that is NaN or infinite does not stop the run.",
        why="the remaining hours compute NaN, and the checkpoint is overwritten with it.",
        contract="train",
        section="divergence-and-leaks",
        hints=(
            "What does your run do when the loss is NaN?",
            "NaN spreads from one gradient to all weights in a single step.",
            "Raise Diverged if the gradient norm is not finite, before optimizer.step().",
        ),
        ways=[
            [
                trainer(
                    "        if not math.isfinite(norm):\n"
                    "            raise self.diverged(loss, norm, lr)\n",
                    "",
                ),
                trainer(
                    "        if not math.isfinite(loss):\n"
                    "            raise Diverged(\n"
                    '                f"step {self.step}: the validation loss is {loss}, after an '
                    'update whose loss and "\n'
                    '                f"gradient were finite. {self._advice()}"\n'
                    "            )\n",
                    "",
                ),
            ]
        ],
    ),
    Mistake(
        id="leak_not_looked_for",
        sentence="A validation loss under entropy_floor does not stop the run.",
        why="no model can be that good: it sees its targets, and you would believe it.",
        contract="train",
        section="divergence-and-leaks",
        hints=(
            "What does your run do with entropy_floor?",
            "A loss under the floor means that the model has seen what it is to predict.",
            "After each evaluation, raise Leak if the loss is under the floor by more than chance.",
        ),
        ways=[[trainer("        self._refuse_leak(loss)\n", "")]],
    ),
    Mistake(
        id="leak_without_allowance",
        sentence="A validation loss just under entropy_floor ends the run: no room for chance.",
        why="a sample may be easier than the average, and a good run is stopped near its end.",
        contract="train",
        section="divergence-and-leaks",
        hints=(
            "How exactly does a mean over 48 targets know the entropy?",
            "The floor is an average over all texts; your validation file is one of them.",
            "Allow about 2/√n under the floor, for n targets.",
        ),
        ways=[[trainer("loss < floor - chance(targets)", "loss < floor")]],
    ),
    Mistake(
        id="wandb_without_step",
        sentence="wandb.log is called without step=.",
        why="wandb then counts calls, and every curve has a wrong axis.",
        contract="train",
        section="logging",
        hints=(
            "Which step does wandb show for your second line?",
            "Unless it is told, wandb takes the number of the call.",
            "Hand step= to the call that logs the line.",
        ),
        ways=[[metrics('run.log(line, step=int(line["step"]))', "run.log(line)")]],
    ),
    Mistake(
        id="wandb_two_calls",
        sentence="wandb gets a step in two calls, not in one.",
        why="without the same step= in both, numbers of one step land on two.",
        contract="train",
        section="logging",
        hints=(
            "How often is wandb.log called in a step that evaluates?",
            "Collect what there is to say about a step first.",
            "Log one dict for each step, the validation loss in it where there is one.",
        ),
        ways=[
            [
                metrics(
                    'yield lambda line: run.log(line, step=int(line["step"]))',
                    "\n".join(
                        (
                            "def log(line: Line) -> None:",
                            '            step, valid = line["step"], line.pop("valid_loss", None)',
                            "            run.log(dict(line), step=int(step))",
                            "            if valid is not None:",
                            '                line["valid_loss"] = valid',
                            '                run.log({"valid_loss": valid}, step=int(step))',
                            "",
                            "        yield log",
                        )
                    ),
                )
            ]
        ],
    ),
    Mistake(
        id="wandb_without_sample",
        sentence="wandb gets the numbers of a line, but not the text that the model wrote.",
        why="the text is what you want to read from afar: it shows at once what a loss does not.",
        contract="train",
        section="logging",
        hints=(
            "Compare a line of metrics.jsonl with what wandb.log is called with.",
            "wandb gets the same as metrics.jsonl, with the step apart.",
            "Hand all of the line to the call that logs it.",
        ),
        ways=[
            [
                metrics(
                    "run.log(line, step=",
                    'run.log({k: v for k, v in line.items() if k != "sample"}, step=',
                )
            ]
        ],
    ),
    Mistake(
        id="token_ids_not_checked",
        sentence="Ids that the model does not have are found out by a crash, not before training.",
        why="the message is an index error deep in the model, hours into a run at worst.",
        contract="train",
        section="resuming",
        hints=(
            "What happens with a file that was encoded with a larger vocabulary?",
            "The largest id of both files can be looked at before the first step.",
            "Raise ValueError if tokens.max() is not under model.vocab_size.",
        ),
        ways=[[data("if largest >= model.vocab_size:", "if False:")]],
    ),
    Mistake(
        id="token_ids_off_by_one",
        sentence="An id equal to model.vocab_size is accepted; only larger ones are refused.",
        why="ids count from 0: a vocabulary that is one too large crashes the run after hours.",
        contract="train",
        section="resuming",
        hints=(
            "Which is the largest id of a model with vocab_size=13?",
            "Ids count from 0, so vocab_size itself is none.",
            "Refuse tokens.max() >= model.vocab_size.",
        ),
        ways=[[data("if largest >= model.vocab_size:", "if largest > model.vocab_size:")]],
    ),
    Mistake(
        id="config_warmup_not_compared",
        sentence="A warm-up longer than the run is accepted.",
        why="the learning rate then never gets to max_lr, and nothing says so.",
        contract="TrainConfig",
        section="configuration",
        hints=(
            "What does TrainConfig say to steps=6 and warmup_steps=7?",
            "Some fields make sense by themselves, and not together.",
            "Raise ValueError if warmup_steps is more than steps, and name both.",
        ),
        ways=[
            [
                Edit(
                    "    _require(config.warmup_steps <= config.steps, config, "
                    '"warmup_steps", at_most)\n',
                    "",
                    file="validation.py",
                )
            ]
        ],
    ),
    Mistake(
        id="config_min_lr_not_compared",
        sentence="A min_lr above max_lr is accepted.",
        why="the cosine then goes up: the run ends with its largest learning rate.",
        contract="TrainConfig",
        section="configuration",
        hints=(
            "What does TrainConfig say to max_lr=0.05 and min_lr=0.06?",
            "Some fields make sense by themselves, and not together.",
            "Raise ValueError if min_lr is more than max_lr, and name both.",
        ),
        ways=[
            [
                Edit(
                    '    _require(config.min_lr <= config.max_lr, config, "min_lr", at_most)\n',
                    "",
                    file="validation.py",
                )
            ]
        ],
    ),
]


def saving(old: str, new: str) -> Edit:
    return Edit(old, new, file="saving.py")


DUE = "minutes >= config.checkpoint_minutes"

KEPT = [
    Mistake(
        id="minutes_ignored",
        sentence="checkpoint_minutes has no effect: checkpoints come by steps only.",
        why="on a slow machine a power cut costs hours, though you asked for minutes.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "With steps of 20 seconds and checkpoint_minutes=1, what is saved?",
            "After every step, look at the clock as well as at the step.",
            "Save if (monotonic() - saved_at) / 60 >= checkpoint_minutes, unless it is None.",
        ),
        ways=[[saving(DUE, "False")]],
    ),
    Mistake(
        id="minutes_taken_as_seconds",
        sentence="checkpoint_minutes is compared with seconds: checkpoints come 60 times as often.",
        why="a run then spends its time saving.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "With steps of 20 seconds and checkpoint_minutes=1, how often is a checkpoint saved?",
            "A clock counts seconds.",
            "Divide the seconds since the last checkpoint by 60.",
        ),
        ways=[[saving("(monotonic() - self.saved_at) / 60", "monotonic() - self.saved_at")]],
    ),
    Mistake(
        id="minutes_since_the_start",
        sentence="Minutes are counted from the start of the run, not from the last checkpoint.",
        why="after the first checkpoint_minutes, every single step is saved.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "When is the second checkpoint saved, and when the third?",
            "Saving has to start the clock anew.",
            "Remember the time in every save, those by steps included.",
        ),
        ways=[
            [
                saving(
                    'self.trainer.save("checkpoint.pt")\n        self.saved_at = monotonic()\n',
                    'self.trainer.save("checkpoint.pt")\n',
                )
            ]
        ],
    ),
    Mistake(
        id="kept_none",
        sentence="keep_last has no effect: there is checkpoint.pt and nothing else.",
        why="a run that went wrong can then not be taken up from before.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "Which files does a run with keep_last=3 leave?",
            "Each checkpoint gets a name with its step as well.",
            "Save to checkpoint-{step}.pt, then to checkpoint.pt.",
        ),
        ways=[
            [
                saving(
                    "        if keep_last:\n            self.trainer.save",
                    "        if False:\n            self.trainer.save",
                )
            ]
        ],
    ),
    Mistake(
        id="kept_all",
        sentence="No checkpoint is ever deleted, whatever keep_last says.",
        why="a night of training fills the disk, and a full disk ends it.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "How many files does a run with keep_last=3 leave?",
            "When a checkpoint is written, those that are too old may go.",
            "After saving, delete all checkpoint-*.pt but those of the keep_last highest steps.",
        ),
        ways=[[saving("            self._delete_all_but(keep_last)\n", "            pass\n")]],
    ),
    Mistake(
        id="kept_sorted_as_text",
        sentence="The last checkpoints are found by sorting names as text: 10 comes before 9.",
        why="as soon as steps have one more digit, the newest checkpoints are deleted.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "Sort the names checkpoint-9.pt and checkpoint-10.pt. Which is the last?",
            "It is the number in the name that counts.",
            "Sort by int(…) of the step in the name.",
        ),
        ways=[
            [
                saving(
                    "kept = sorted(step for step in found if step <= self.trainer.step)",
                    "kept = sorted((s for s in found if s <= self.trainer.step), key=str)",
                )
            ]
        ],
    ),
    Mistake(
        id="kept_first_not_last",
        sentence="The first keep_last checkpoints are kept, and the new ones deleted.",
        why="the oldest checkpoints are worth the least.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "Which steps do the files that are left have?",
            "Look at the slice that you take of the sorted steps.",
            "The last of a list are steps[-keep_last:].",
        ),
        ways=[[saving("[-count:]", "[:count]")]],
    ),
    Mistake(
        id="kept_after_checkpoint",
        sentence="checkpoint.pt is written before checkpoint-{n}.pt, not after it.",
        why="a run killed between the two goes on after step n, and checkpoint-{n}.pt is lost.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "The run is killed after the first of the two files. What does it do when it resumes?",
            "checkpoint.pt says that a step is done, so it comes last.",
            "Save to checkpoint-{step}.pt, then to checkpoint.pt, and delete old ones at the end.",
        ),
        ways=[
            [
                saving(
                    '            self.trainer.save(f"checkpoint-{step}.pt")\n'
                    '        self.trainer.save("checkpoint.pt")\n',
                    "            pass\n"
                    '        self.trainer.save("checkpoint.pt")\n'
                    "        if keep_last:\n"
                    '            self.trainer.save(f"checkpoint-{step}.pt")\n',
                )
            ]
        ],
    ),
    Mistake(
        id="kept_deleted_before_saving",
        sentence="Old checkpoints are deleted before the new one is written.",
        why="if the disk is full or the power fails just then, there is one less than promised.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "Saving fails, and how many checkpoints are left?",
            "Deleting is the last thing to do: when everything else is on the disk.",
            "Write checkpoint-{step}.pt and checkpoint.pt first, and delete then.",
        ),
        ways=[
            [
                saving(
                    "        if keep_last:\n            self.trainer.save",
                    "        if keep_last:\n            self._delete_all_but(keep_last - 1)\n"
                    "            self.trainer.save",
                )
            ]
        ],
    ),
    Mistake(
        id="best_not_kept",
        sentence="keep_best has no effect: there is no best.pt.",
        why="where the validation loss rises in the end, the best model is lost.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "Which files does a run with keep_best=True leave?",
            "After an evaluation, compare with the lowest validation loss so far.",
            "If it is lower, save a checkpoint to best.pt too.",
        ),
        ways=[[saving("if config.keep_best and", "if False and")]],
    ),
    Mistake(
        id="best_overwritten_by_worse",
        sentence="best.pt is written after every evaluation, whether or not it was the best.",
        why="it then is the last one, under a name that promises more.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "The validation loss rises. What becomes of best.pt?",
            "The lowest loss so far has to be remembered.",
            "Save best.pt only if valid_loss is under the lowest so far.",
        ),
        ways=[
            [
                saving(
                    "config.keep_best and loss < self.lowest",
                    "config.keep_best and loss < math.inf",
                )
            ]
        ],
    ),
    Mistake(
        id="best_of_the_last_two",
        sentence="best.pt is written whenever a validation loss is lower than the one before it.",
        why="after a bad evaluation every mediocre one replaces the best.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "The losses are 2, 4, 3. Which of them is in best.pt?",
            "You compare with the last evaluation, not with the best one.",
            "Keep the minimum: lowest = min(lowest, valid_loss).",
        ),
        ways=[
            [
                saving(
                    "        minutes =",
                    "        self.lowest = loss if loss < math.inf else self.lowest\n"
                    "        minutes =",
                )
            ]
        ],
    ),
    Mistake(
        id="best_by_train_loss",
        sentence="best.pt has the lowest train_loss, not the lowest valid_loss.",
        why="a batch that happens to be easy decides, or a model that learns its text by heart.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "Which of the two losses in a line do you compare?",
            "The loss of a single batch says little, and that of the training text is no test.",
            "Compare valid_loss with the lowest valid_loss so far.",
        ),
        ways=[
            [
                saving(
                    '(line or {}).get("valid_loss", math.inf)',
                    'line["train_loss"] if line and "valid_loss" in line else math.inf',
                ),
                metrics(
                    'min((line.get("valid_loss", math.inf) for line in kept), default=math.inf)',
                    "min(\n"
                    '            (line["train_loss"] for line in kept if "valid_loss" in line),\n'
                    "            default=math.inf,\n"
                    "        )",
                ),
            ]
        ],
    ),
    Mistake(
        id="best_forgotten_on_resume",
        sentence="A resumed run forgets the lowest validation loss: the next one replaces best.pt.",
        why="the best model of the night is overwritten by the first evaluation in the morning.",
        contract="train",
        section="keeping-checkpoints",
        hints=(
            "Stop a run after its best evaluation and start it again. What is in best.pt?",
            "What was evaluated before is in metrics.jsonl.",
            "Begin with the lowest valid_loss of the lines that are kept.",
        ),
        ways=[[loop("Saving(trainer, metrics.lowest)", 'Saving(trainer, float("inf"))')]],
    ),
    Mistake(
        id="sample_in_train_mode",
        sentence="The text is written in train mode.",
        why="dropout would be on while the model writes.",
        contract="train",
        section="logging",
        hints=(
            "What is model.training inside of the function that train is given?",
            "Evaluating has given the model back the mode that it was in.",
            "Call model.eval() before the function, and model.train() after it.",
        ),
        ways=[[loop("        trainer.model.eval()\n", "")]],
    ),
    Mistake(
        id="sample_with_gradients",
        sentence="The text is written with gradients on.",
        why="every activation of every token is kept for a backward pass that never comes.",
        contract="train",
        section="logging",
        hints=(
            "What does torch.is_grad_enabled() say inside of the function that train is given?",
            "model.eval() says nothing about gradients.",
            "Call the function under `with torch.no_grad():`.",
        ),
        ways=[[loop("with torch.no_grad():", "with torch.enable_grad():")]],
    ),
    Mistake(
        id="divergence_of_loss_alone",
        sentence="An infinite loss does not stop the run if its gradient is finite.",
        why="a token that has become impossible is never learned again, and the mean is infinite.",
        contract="train",
        section="divergence-and-leaks",
        hints=(
            "Make a logit of a target -inf. What are loss and gradient?",
            "The norm says nothing of the loss: softmax of -inf is 0, a fine number.",
            "Look at both in every step, math.isfinite(norm) and math.isfinite(loss).",
        ),
        ways=[[trainer("        self._mark_gradients(loss)\n", "")]],
    ),
]


def processes(old: str, new: str) -> Edit:
    return Edit(old, new, file="processes.py")


PROCESSES = [
    Mistake(
        id="processes_train_alone",
        sentence="WORLD_SIZE is not looked at: every process that torchrun starts trains alone.",
        why="all of them do the same work, and write the same files at the same time.",
        contract="train",
        section="several-processes",
        hints=(
            "Start two processes. Which of them knows of the other?",
            "torchrun says how many there are in the environment.",
            "Read WORLD_SIZE; if it is above 1, share the work or raise ValueError.",
        ),
        ways=[[processes('int(os.environ.get("WORLD_SIZE", "1"))', "1")]],
    ),
    Mistake(
        id="processes_all_write",
        sentence="Every process writes metrics and checkpoints, not only rank 0.",
        why="lines come twice, and two writers of one file spoil it.",
        contract="train",
        section="several-processes",
        hints=(
            "Which files does rank 1 write?",
            "All processes know the same, so one of them is enough.",
            "Write only if RANK is 0.",
        ),
        ways=[[processes("return self.rank == 0", "return True")]],
    ),
    Mistake(
        id="processes_gradients_summed",
        sentence="Gradients of the processes are summed, not averaged.",
        why="the norm is too large by their number, and clipping cuts too much.",
        contract="train",
        section="several-processes",
        hints=(
            "With two processes, by which factor is grad_norm too large?",
            "all_reduce adds up. The loss is a mean over all rows.",
            "Divide by WORLD_SIZE after all_reduce; DistributedDataParallel does it itself.",
        ),
        ways=[
            [
                trainer(
                    "        logits.backward(gradient)\n",
                    "        logits.backward(self.processes.count * gradient)\n",
                )
            ]
        ],
    ),
    Mistake(
        id="processes_gradients_apart",
        sentence="Every process makes its update with the gradient of its own rows.",
        why="the models drift apart, and only that of rank 0 is saved.",
        contract="train",
        section="several-processes",
        hints=(
            "Compare a weight on rank 0 and on rank 1 after a few steps.",
            "Between the last backward pass and clipping, the gradients have to become equal.",
            "Call the model through DistributedDataParallel, or all_reduce each gradient.",
        ),
        ways=[
            [
                processes(
                    "return DistributedDataParallel(forward) if self.count > 1 else forward",
                    "return forward",
                )
            ]
        ],
    ),
    Mistake(
        id="processes_same_rows",
        sentence="All processes take the same part of a batch.",
        why="the rest is never trained on, and more processes only cost more.",
        contract="train",
        section="several-processes",
        hints=(
            "Which rows does rank 1 take?",
            "Each process has a part of its own, which its rank decides.",
            "With a share of batch_size // WORLD_SIZE rows, rank r begins at r * share.",
        ),
        ways=[[processes("slice(self.rank * share, (self.rank + 1) * share)", "slice(share)")]],
    ),
    Mistake(
        id="processes_own_loss_logged",
        sentence="train_loss is that of rank 0's rows only.",
        why="the curve is noisier with every process, and not what the gradient belongs to.",
        contract="train",
        section="several-processes",
        hints=(
            "Of how many rows is the loss that rank 0 logs?",
            "The gradients are averaged over the processes, the loss is not.",
            "all_reduce the loss as well, and divide it by WORLD_SIZE.",
        ),
        ways=[[trainer("        loss = self.processes.mean(loss)\n", "")]],
    ),
    Mistake(
        id="processes_seeded_apart",
        sentence="Every process draws batches of its own, with another seed.",
        why="a seed then means other batches with every number of processes.",
        contract="train",
        section="several-processes",
        hints=(
            "Do all processes draw the same starts?",
            "The contract has them draw the same batch, and take different rows of it.",
            "Seed the generator with config.seed on every rank.",
        ),
        ways=[
            [
                trainer(
                    "torch.Generator().manual_seed(config.seed)",
                    "torch.Generator().manual_seed(config.seed + processes.rank)",
                )
            ]
        ],
    ),
]

MISTAKES = [*BATCHES, *EVALUATION, *CHECKPOINTS, *UPDATES, *RUNS, *KEPT, *PROCESSES]
