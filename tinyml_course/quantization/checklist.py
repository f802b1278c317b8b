"""The checklist of best practices: advice, who gives it, whether it held, and its rule.

`standing` and `experiment` say what this course measured; notebooks are named by number.
"""

from __future__ import annotations

from tinyml_course.quantization import practices as rules
from tinyml_course.quantization.lint import Practice

HEALTHY = "notebook 1.6, table of healthy models"

PRACTICES: tuple[Practice, ...] = (
    Practice(
        advice="Put batch normalisation behind every convolution",
        source="tutorial", standing="holds", rule=rules.normalised,
        experiment=f"{HEALTHY}: without it most channels died in float training at this rate; it "
        "is folded into the weights and costs nothing on the chip (1.2)",
    ),
    Practice(
        advice="Prefer ReLU6 to ReLU",
        source="tutorial", standing="does not hold", rule=rules.bounded,
        experiment=f"{HEALTHY}: in int8 both lose equally little, for calibrated ranges end where "
        "the values end",
    ),
    Practice(
        advice="Avoid layers of fewer than 8 filters",
        source="tutorial", standing="partly", rule=rules.wide_enough,
        experiment=f"{HEALTHY}: 4 filters cost float accuracy; what int8 costs is the same",
    ),
    Practice(
        advice="Use separable convolutions",
        source="tutorial", standing="holds", rule=rules.separable,
        experiment="0.4: fewer MACs and bytes at equal error; on the chip the depthwise part is "
        "the slower one per MAC (0.5)",
    ),
    Practice(
        advice="Train in float first, then with quantization",
        source="tutorial", standing="partly", rule=rules.trained_with_quantization,
        experiment="1.3: at 8 bits post-training quantization is as good; below 5 bits aware "
        "training is needed",
    ),
    Practice(
        advice="Train with quantization at a tenth of the learning rate",
        source="tutorial", standing="does not hold", rule=rules.in_training_only,
        experiment=f"{HEALTHY}: it ends no higher than the same rate",
    ),
    Practice(
        advice="Augment the training data",
        source="tutorial", standing="not tested", rule=rules.in_training_only,
        experiment="every training of the course augments; no notebook goes without",
    ),
    Practice(
        advice="Lower the bit width step by step",
        source="tutorial", standing="partly", rule=rules.in_training_only,
        experiment="1.5: compared with going to few bits at once, at equal epochs",
    ),
    Practice(
        advice="Test the converted file, not the model it came from",
        source="tutorial", standing="holds", rule=rules.agrees,
        experiment="1.6: an aware model answers right while its own bytes fail (case: bias)",
    ),
    Practice(
        advice="Test on other inputs than those it was calibrated on",
        source="tutorial", standing="holds", rule=rules.agrees_elsewhere,
        experiment="1.6, case: input",
    ),
    Practice(
        advice="Watch memory and speed on the target",
        source="tutorial", standing="holds", rule=rules.fits,
        experiment="0.1 and 0.5: the arena is set by one pair of tensors, not by the weights",
    ),
    Practice(
        advice="Watch for saturated weights, more than 10 % at the largest code",
        source="tutorial", standing="does not hold", rule=rules.unsaturated_weights,
        experiment="1.6: with a scale per channel each filter has a weight at the rail, so a 3x3 "
        "depthwise layer has 1 in 9 by construction",
    ),
    Practice(
        advice="Watch the gradients of quantized layers",
        source="tutorial", standing="holds", rule=rules.in_training_only,
        experiment="1.1: rounding without a straight-through estimator has none",
    ),
    Practice(
        advice="Give sensitive layers more bits",
        source="tutorial", standing="holds", rule=rules.in_training_only,
        experiment="1.4: the plan under a byte budget",
    ),
    Practice(
        advice="Let input and output be int8",
        source="field", standing="holds", rule=rules.integer_ends,
        experiment="0.5: floats at the ends add operators and buffers four times as large",
    ),
    Practice(
        advice="Leave no operator in float",
        source="field", standing="holds", rule=rules.integer_inside,
        experiment="the device: hybrid models are refused",
    ),
    Practice(
        advice="Give convolutions one scale per channel",
        source="field", standing="holds", rule=rules.channel_scales,
        experiment="1.6, case: outlier",
    ),
    Practice(
        advice="Give dense layers a single scale",
        source="field", standing="not tested", rule=rules.dense_scale,
        experiment="runtimes before May 2024 compute wrong numbers otherwise; the course's runtime "
        "is newer",
    ),
    Practice(
        advice="Let activations and normalisation be fused",
        source="field", standing="holds", rule=rules.fused,
        experiment="1.2: the converter folds both; an operator of its own costs a buffer",
    ),
    Practice(
        advice="Let tensors that meet share a scale",
        source="field", standing="not tested", rule=rules.no_requantizing,
        experiment="each QUANTIZE inside costs time, a buffer and a rounding",
    ),
    Practice(
        advice="Use operators that the runtime has",
        source="field", standing="holds", rule=rules.runnable,
        experiment="1.6, case: operator",
    ),
    Practice(
        advice="Look at ranges, channels and biases layer by layer",
        source="field", standing="holds", rule=rules.undiagnosed,
        experiment="1.6: six planted faults are found and healthy models are left alone",
    ),
    Practice(
        advice="Flash the file without names and metadata",
        source="field", standing="holds", rule=rules.slimmed,
        experiment="benchmarks/bench_slim.py: equal outputs from fewer bytes",
    ),
)  # fmt: skip
