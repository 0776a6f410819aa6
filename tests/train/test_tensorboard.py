"""TensorBoard's own reader finds in our event files what was put in."""
from __future__ import annotations

import io
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from workbench import data, errors, nn, optim, train
from workbench.nn import functional as F
from workbench.train.tensorboard import records

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed")


def read(folder: Path) -> Any:
    found = accumulator.EventAccumulator(str(folder), size_guidance=dict.fromkeys(accumulator.DEFAULT_SIZE_GUIDANCE, 0))
    found.Reload()
    return found


@given(st.binary(max_size=200))
def test_checksums_are_those_of_tensorboard(content: bytes) -> None:
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import crc32c, masked_crc32c

    assert records.crc32c(content) == crc32c(content)
    assert records.record(content)[-4:] == struct.pack("<I", masked_crc32c(content))


@given(st.integers(-2**63, 2**63 - 1))
def test_whole_numbers_are_encoded_as_protocol_buffers(number: int) -> None:
    from tensorboard.compat.proto.event_pb2 import Event

    assert Event.FromString(records.integer(2, number)).step == number


def test_scalars_histograms_images_texts_and_settings_come_back(tmp_path: Path) -> None:
    from PIL import Image
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    picture = np.random.default_rng(0).integers(0, 255, (3, 5, 7), dtype=np.uint8)
    numbers = np.random.default_rng(1).normal(size=1000)
    with train.SummaryWriter(tmp_path) as writer:
        for step, value in enumerate([0.5, -1e30, math.nan, math.inf]):
            writer.add_scalar("loss", value, 10**10 + step)
        writer.add_histogram("weights", wb.tensor(numbers), 3, bins=20)
        writer.add_image("picture", picture, 4)
        writer.add_image("grey", np.linspace(0, 1, 12).reshape(3, 4), 5, dataformats="HW")
        writer.add_text("note", "*é*", 6)
        writer.add_hparams({"lr": 0.1, "depth": 3, "name": "Adam", "nesterov": True}, {"final": 0.25})
    found = read(tmp_path)
    assert [(event.step - 10**10, event.value) for event in found.Scalars("loss")][:2] == [(0, 0.5), (1, pytest.approx(-1e30))]
    assert np.isnan(found.Scalars("loss")[2].value)
    assert found.Scalars("loss")[3].value == math.inf
    (histogram,) = found.Histograms("weights")
    counts, edges = np.histogram(numbers, bins=20)
    assert histogram.step == 3
    np.testing.assert_allclose(histogram.histogram_value.bucket_limit, edges[1:])
    np.testing.assert_array_equal(histogram.histogram_value.bucket, counts)
    summary = histogram.histogram_value
    assert [summary.min, summary.max, summary.num, summary.sum, summary.sum_squares] == pytest.approx(
        [numbers.min(), numbers.max(), 1000, numbers.sum(), np.square(numbers).sum()])
    (image,) = found.Images("picture")
    assert (image.height, image.width) == (5, 7)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(image.encoded_image_string))), picture.transpose(1, 2, 0))
    (grey,) = found.Images("grey")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(grey.encoded_image_string))), (np.linspace(0, 1, 12) * 255).round().reshape(3, 4))
    (text,) = found.Tensors("note/text_summary")
    assert text.tensor_proto.string_val[0].decode() == "*é*"
    assert found.Scalars("final")[0].value == 0.25
    settings = found.SummaryMetadata("_hparams_/session_start_info").plugin_data
    start = HParamsPluginData.FromString(settings.content).session_start_info
    assert {name: value.WhichOneof("kind") for name, value in start.hparams.items()} == {
        "lr": "number_value", "depth": "number_value", "name": "string_value", "nesterov": "bool_value"}
    assert (start.hparams["lr"].number_value, start.hparams["name"].string_value) == (0.1, "Adam")


@pytest.mark.parametrize(("shape", "dataformats"), [((2, 5, 7), "CHW"), ((5, 7), "CHW"), ((5, 7, 3), "NHWC"), ((5, 7, 5), "HWC")])
def test_what_is_no_picture_is_an_error(tmp_path: Path, shape: tuple[int, ...], dataformats: str) -> None:
    with train.SummaryWriter(tmp_path) as writer, pytest.raises(errors.ShapeError):
        writer.add_image("picture", np.zeros(shape), dataformats=dataformats)


def test_a_histogram_needs_numbers(tmp_path: Path) -> None:
    with train.SummaryWriter(tmp_path) as writer, pytest.raises(errors.ArgumentError, match="no finite numbers"):
        writer.add_histogram("weights", np.array([math.nan]))


def test_the_callback_writes_the_history_of_a_run(tmp_path: Path) -> None:
    model = nn.Linear(4, 3)
    board = train.TensorBoard(tmp_path, histograms_every=2, hparams={"lr": 0.1})
    each = train.Trainer(model, F.cross_entropy, optim.SGD(model.parameters(), lr=0.1), metrics=["accuracy"], callbacks=[board])
    for _ in range(2):  # the second run replaces the first
        run = each.fit(data.DataLoader(data.iris(), 50), epochs=2, validation=[data.iris()[:]])
    found = read(tmp_path)
    assert sorted(found.Tags()["scalars"]) == ["loss", "val_accuracy", "val_loss"]
    for name in run.history.names:
        steps, values = run.history.column(name)
        assert [(event.step, event.value) for event in found.Scalars(name)] == list(zip(steps, values, strict=True))
    assert [event.step for event in found.Histograms("gradients/weight")] == [2, 4, 6]
    assert sorted(found.Tags()["histograms"]) == ["gradients/bias", "gradients/weight", "weights/bias", "weights/weight"]
    assert "Linear(in_features=4" in found.Tensors("model/text_summary")[0].tensor_proto.string_val[0].decode()
    with pytest.raises(errors.ArgumentError):
        train.TensorBoard(tmp_path, histograms_every=0)


def test_csv_and_jsonl_say_what_the_history_says(tmp_path: Path) -> None:
    import csv
    import json

    model = nn.Linear(4, 3)
    callbacks = [train.CSVLogger(tmp_path / "new" / "run.csv"), train.JSONLLogger(tmp_path / "run.jsonl")]
    wrong = train.LambdaCallback(on_step_end=lambda trainer: trainer.run.log(odd=math.inf) if trainer.run.step_index == 4 else None)
    each = train.Trainer(model, F.cross_entropy, optim.SGD(model.parameters(), lr=0.1), callbacks=[*callbacks, wrong])
    run = each.fit(data.DataLoader(data.iris(), 50), epochs=2, validation=[data.iris()[:]])
    steps, values = run.history.rows()
    with open(tmp_path / "new" / "run.csv", newline="") as file:
        table = list(csv.DictReader(file))
    lines = [json.loads(line) for line in open(tmp_path / "run.jsonl")]
    assert [int(row["step"]) for row in table] == [row["step"] for row in lines] == steps.tolist()
    for number, name in enumerate(run.history.names):
        np.testing.assert_array_equal([np.float32(row[name] or "nan") for row in table], values[number])
        np.testing.assert_array_equal([np.float32(row.get(name, "nan")) for row in lines], values[number])
