"""Distillation on logits: the loss against NumPy, and training through `fit`."""

import numpy as np
import pytest

from tinyml_course.compression.attention import Attention, pair_layers
from tinyml_course.compression.distillation import (
    DistillationLoss,
    DistillationObjective,
    distill,
)
from tinyml_course.compression.logits import logits_twin
from tinyml_course.compression.soft_targets import (
    distillation_gradient,
    distillation_loss,
    soften,
)
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import load_keras, load_tensorflow, seed_everything
from tinyml_course.core.types import GestureSet
from tinyml_course.device.convert import convert_int8
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.training.build import build
from tinyml_course.training.fit import evaluate, fit, predict

pytestmark = pytest.mark.slow

TEMPERATURES = (0.7, 1.0, 4.0, 20.0)


def logits(count: int = 6, classes: int = 4, *, seed: int = 0):
    """Return one-hot labels, a teacher's and a student's logits in float64."""
    rng = np.random.default_rng(seed)
    labels = np.eye(classes)[rng.integers(0, classes, count)]
    return labels, rng.normal(0, 3, (count, classes)), rng.normal(0, 3, (count, classes))


def slope(loss: DistillationLoss, labels, teacher, student):
    """Return the gradient of the mean loss by the student's logits, by TensorFlow."""
    tf = load_tensorflow()
    variable = tf.Variable(student)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(loss(labels, teacher, variable))
    return tape.gradient(value, variable).numpy()


@pytest.mark.parametrize("hard_weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_loss_is_that_of_the_numpy_oracle(temperature, hard_weight):
    """Both terms agree with float64 NumPy: kills a missing T^2, probabilities for logits."""
    labels, teacher, student = logits()
    soft = distillation_loss(teacher, student, temperature=temperature)
    hard = -(labels * np.log(soften(student))).sum(axis=1).mean()
    loss = DistillationLoss(temperature=temperature, hard_weight=hard_weight)

    found = loss(labels, teacher, student).numpy().mean()

    assert found == pytest.approx(hard_weight * hard + (1 - hard_weight) * soft, rel=1e-12)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_gradient_is_that_of_the_numpy_oracle_and_of_finite_differences(temperature):
    """TensorFlow's derivative equals the closed form and central differences in float64."""
    labels, teacher, student = logits()
    loss = DistillationLoss(temperature=temperature, hard_weight=0.3)
    numerical = np.zeros_like(student)
    for index in np.ndindex(student.shape):
        step = np.zeros_like(student)
        step[index] = 1e-5
        up, down = (loss(labels, teacher, student + s).numpy().mean() for s in (step, -step))
        numerical[index] = (up - down) / 2e-5
    closed = distillation_gradient(
        teacher, labels.astype(np.float32), temperature=temperature, soft_share=0.7
    )

    found = slope(loss, labels, teacher, student)

    np.testing.assert_allclose(found, numerical, atol=1e-8)
    np.testing.assert_allclose(found, closed(student, np.arange(6)), atol=1e-6)


@pytest.mark.parametrize(("temperature", "bound"), [(1e3, 2e-2), (1e4, 2e-3)])
def test_at_infinite_temperature_distillation_matches_centred_logits(temperature, bound):
    """The gradient tends to (student - teacher) / NK, ten times nearer at ten times T."""
    labels, teacher, student = logits()
    teacher, student = (z - z.mean(axis=1, keepdims=True) for z in (teacher, student))
    loss = DistillationLoss(temperature=temperature, hard_weight=0.0)

    found = slope(loss, labels, teacher, student)

    np.testing.assert_allclose(found, (student - teacher) / (6 * 4), atol=bound / 24)


def test_a_shift_of_all_logits_changes_nothing():
    """Only differences between logits count, on either side."""
    labels, teacher, student = logits()
    loss = DistillationLoss(temperature=3.0)

    moved = loss(labels, teacher + 5.0, student - 7.0).numpy()

    np.testing.assert_allclose(moved, loss(labels, teacher, student).numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "fault"), [({"temperature": 0.0}, "temperature"), ({"hard_weight": 1.5}, "hard")]
)
def test_impossible_mixtures_are_refused(options, fault):
    """A temperature of zero and a share above one are errors."""
    with pytest.raises(ValueError, match=fault):
        DistillationLoss(**options)


def textures(count: int = 48) -> GestureSet:
    """Return 8 x 8 images of stripes, columns, a chequerboard and grey, in noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 4
    rows, columns = np.indices((8, 8)) // 2 % 2
    patterns = np.stack([rows, columns, rows ^ columns, np.full((8, 8), 0.5)])[..., None]
    images = (0.7 * patterns[labels] + rng.uniform(0, 0.3, (count, 8, 8, 1))).astype(np.float32)
    return GestureSet(
        images=images, labels=labels, class_names=("a", "b", "c", "d"), persons=("nobody",) * count
    )


def network(*filters: int, classes: int = 4, stride: int = 2):
    """Return strided convolutions of these widths with random normalisation."""
    layers = tuple(LayerSpec(op="conv", filters=width, stride=stride) for width in filters)
    model = build(ArchSpec(layers=layers, classes=classes, input_shape=(8, 8, 1)))
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if layer.name.endswith("n"):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def distilled(student, teacher, **options):
    """Train a student for a few epochs on the textures, not augmented."""
    settings = {
        "epochs": 3,
        "augment": False,
        "progress": False,
        "learning_rate": 1e-2,
        "batch_size": 8,
    }
    return distill(student, teacher, textures(), **settings | options)


def test_the_twin_returns_exactly_what_softmax_gets():
    """Softmax of the twin's outputs is the model's output, also where probabilities vanish."""
    model = network(3)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * 2000, bias])
    images = textures(8).images

    found = predict(logits_twin(model), images)

    assert predict(model, images).min() == 0.0
    assert np.ptp(found) > 104  # beyond what float32 probabilities can tell
    np.testing.assert_allclose(soften(found), predict(model, images), atol=1e-6)


def test_the_twin_of_an_aware_student_ends_before_its_softmax():
    """Its logits are those that the device's softmax reads: softmax of them is the output."""
    images = textures().images
    aware = quantize_aware(network(3), calibration=images)

    found = predict(logits_twin(aware), images)

    assert len(np.unique(found)) <= 256
    np.testing.assert_allclose(soften(found), predict(aware, images), atol=1e-6)


def test_a_model_without_softmax_is_refused():
    """A model that returns something else than probabilities is an error with the remedy."""
    keras = load_keras()
    with pytest.raises(ValueError, match="end it in Dense"):
        logits_twin(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)]))


def test_targets_are_labels_logits_and_maps_of_the_given_images():
    """The teacher answers for the very images that are trained on, in their order."""
    teacher, few = network(3, 4), textures(8)
    objective = DistillationObjective(
        teacher=teacher, mixture=DistillationLoss(), attention=Attention(pairs=(("c0a", "c0a"),))
    )

    rows = objective.targets(few.images[::-1], few.labels[::-1])

    answers = predict(logits_twin(teacher), few.images[::-1])
    assert (8, 4 + 4 + 16) == rows.shape
    np.testing.assert_array_equal(np.eye(4)[few.labels[::-1]], rows[:, :4])
    np.testing.assert_allclose(answers, rows[:, 4:8], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(1, np.linalg.norm(rows[:, 8:], axis=1), rtol=1e-5)


@pytest.fixture(scope="module")
def taught():
    """A teacher that tells all textures apart."""
    seed_everything(0)
    teacher = network(8, 8)
    fit(
        teacher,
        textures(),
        epochs=12,
        augment=False,
        progress=False,
        learning_rate=1e-2,
        batch_size=8,
    )
    assert evaluate(teacher, textures()) == 1.0
    return teacher


@pytest.mark.parametrize("attention", [None, 1.0])
def test_the_loss_of_a_student_that_is_its_teacher_is_zero_without_labels(attention):
    """Equal logits and maps leave nothing: kills maps or logits read at a wrong place."""
    teacher = network(3, 4)
    objective = DistillationObjective(
        teacher=teacher, mixture=DistillationLoss(hard_weight=0.0),
        attention=attention and Attention(pairs=pair_layers(teacher, teacher), weight=attention),
    )  # fmt: skip
    rows, images = objective.targets(textures().images, textures().labels), textures().images

    found = objective.loss()(rows, predict(objective.attach(teacher), images)).numpy()

    np.testing.assert_allclose(found, 0, atol=1e-5)


def test_a_student_learns_the_classes_from_its_teacher_alone(taught):
    """Without labels in the loss the knowledge gets across, and the teacher stays as it was."""
    seed_everything(1)
    student, kept = network(6, 6), [w.copy() for w in taught.get_weights()]

    history = distilled(student, taught, hard_weight=0.0, epochs=20)

    assert history.loss[-1] < history.loss[0]
    assert history.accuracy[-1] > 0.9
    assert evaluate(student, textures()) > 0.9
    assert all(map(np.array_equal, kept, taught.get_weights()))


def test_an_aware_student_is_distilled_and_still_converts(taught):
    """Quantization-aware students learn from logits and attention, and become a .tflite."""
    images = textures().images
    aware = quantize_aware(network(3), calibration=images)
    attention = Attention(pairs=pair_layers(aware, taught))
    before = [w.copy() for w in aware.get_weights()]

    history = distilled(aware, taught, attention=attention)

    assert attention.pairs == (("quant_c0a", "c0a"),)
    assert history.loss[-1] < history.loss[0]
    assert not all(map(np.array_equal, before, aware.get_weights()))
    assert convert_int8(aware, images).tflite[4:8] == b"TFL3"


@pytest.mark.parametrize(
    ("student", "options", "fault"),
    [
        ({"stride": 1}, {"attention": Attention(pairs=(("c0a", "c0a"),))}, r"\(8, 8\), the tea"),
        ({}, {"attention": Attention(pairs=(("out", "c0a"),))}, "'out'"),
    ],
)
def test_models_that_do_not_fit_together_are_refused(student, options, fault):
    """Other image sizes and layers without images are errors with both sides."""
    with pytest.raises(ValueError, match=fault):
        distilled(network(3, **student), network(4), **options)


def test_a_teacher_of_other_classes_is_refused():
    """A teacher has to answer for the student's own classes."""
    with pytest.raises(ValueError, match=r"the teacher .* to 3"):
        distilled(network(3), network(3, classes=3))
