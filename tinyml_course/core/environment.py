"""The one place that sets TensorFlow's log level, legacy Keras, thread counts and seeds."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

THREADS = 2
"""Threads inside one TensorFlow operator, and operators at a time; results do not depend on it."""


def prepare_environment() -> None:
    """Set the variables that must stand before TensorFlow is imported; keep the user's own."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(THREADS))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(THREADS))


@contextmanager
def quiet_native_log() -> Iterator[None]:
    """Keep native libraries' chatter on file descriptor 2 off the screen, unless a fault follows.

    TensorFlow logs before it reads `TF_CPP_MIN_LOG_LEVEL`, and its converter always does.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(kept, log.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@cache
def load_tensorflow() -> Any:
    """Import TensorFlow with the course's settings (seconds, once) and return the module."""
    prepare_environment()
    with quiet_native_log():
        import tensorflow as tf

        tf.config.set_visible_devices([], "GPU")
    tf.get_logger().setLevel("ERROR")
    return tf


@cache
def load_keras() -> Any:
    """Import Keras 2 (`tf_keras`, the one that tfmot supports) and return the module."""
    load_tensorflow()
    with quiet_native_log():
        import tf_keras
    return tf_keras


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy's legacy generator and TensorFlow, so that training repeats exactly.

    Automatic layer names start from one again: a .tflite stores them.

    Raises
    ------
    ValueError
        If `seed` is not in 0..2**32 - 1.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be in 0..{2**32 - 1}, got {seed}")
    random.seed(seed)
    load_keras().backend.reset_uids()
    load_keras().utils.set_random_seed(seed)
    load_tensorflow().config.experimental.enable_op_determinism()
