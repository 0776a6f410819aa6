"""Datasets, samplers and transforms in configurations: a run on any of them writes itself down and repeats."""
from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

import workbench as wb
from workbench import config, data
from workbench.data import transforms


def back(made):
    return config.build(config.loads(config.dumps(config.to_config(made))))


@pytest.fixture
def folder(tmp_path):
    for name, shade in (("dark", 10), ("light", 200)):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.fromarray(np.full((6, 6), shade + number, np.uint8)).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_a_run_on_a_folder_of_images_repeats_from_its_file(folder):
    pictures = data.ImageFolder(folder, transform=transforms.Compose([transforms.Grayscale(), transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]))
    loader = data.DataLoader(data.Subset(pictures, [0, 2, 4, 5, 7]), 2, sampler=data.SubsetRandomSampler([0, 1, 3, 4], seed=3))
    wb.manual_seed(0)
    model = wb.nn.Sequential(wb.nn.Flatten(), wb.nn.Linear(36, 2))
    run = wb.fit(model, loader, loss="cross_entropy", optimizer="sgd", lr=0.1, epochs=2, progress=False)
    again = config.fit(config.loads(config.dumps(config.to_config(run), "json")))
    np.testing.assert_array_equal(run.model[1].weight.numpy(), again.model[1].weight.numpy())


@pytest.mark.parametrize("made", [data.TensorDataset(np.ones((3, 2)), np.arange(3)), data.ConcatDataset([data.iris(), data.iris()]),
                                  data.Subset(data.digits(), range(5))], ids=lambda made: type(made).__name__)
def test_datasets_come_back(made):
    twin = back(made)
    assert len(twin) == len(made)
    for mine, wanted in zip(twin[2], made[2], strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(wanted))


@pytest.mark.parametrize("made", [data.RandomSampler([1] * 9, seed=2), data.BatchSampler(data.SequentialSampler([1] * 9), 4, True),
                                  data.WeightedRandomSampler([0.1, 0.9, 0.5], 7, seed=1)], ids=lambda made: type(made).__name__)
def test_samplers_come_back(made):
    assert list(back(made)) == list(made)


def test_a_worker_gets_the_data_once():
    values = np.random.default_rng(0).normal(size=(1000, 10))
    assert len(pickle.dumps(data.TensorDataset(values))) < 1.5 * values.nbytes


def test_a_dataset_of_a_function_says_what_a_file_cannot_hold():
    with pytest.raises(wb.errors.ConfigError, match="the function .*lambda.* is not public in workbench"):
        config.to_config(data.iris().map(lambda item: item))
