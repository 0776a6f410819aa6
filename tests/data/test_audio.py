"""Sounds: files as others write them; features against torch, SciPy and the formulas in loops; gradients; seeded augmentation."""
from __future__ import annotations

import math
import wave

import numpy as np
import pytest
import scipy.fft
import scipy.signal
from scipy.io import wavfile

import workbench as wb
from workbench import errors
from workbench.data import audio, seeded
from workbench.data.audio import functional as AF
from workbench.testing import gradcheck

RNG = np.random.default_rng(0)
SOUND = RNG.uniform(-1, 1, (2, 500))


# ---------------------------------------------------------------- files
@pytest.mark.parametrize(("bits", "floats"), [(8, False), (16, False), (24, False), (32, False), (32, True), (64, True)])
def test_what_is_written_is_read(bits: int, floats: bool, tmp_path) -> None:
    place = tmp_path / "x.wav"
    sound = 0.98 * SOUND[:, :333]
    audio.save(place, sound, 8000, bits, floats=floats)
    found, rate = audio.load(place)
    assert (rate, found.shape, found.dtype) == (8000, (2, 333), wb.float32)
    np.testing.assert_allclose(found.numpy(), sound, atol=max(0.51 / 2 ** (bits - 1), 1e-7))
    assert audio.info(place) == (8000, 333, 2, bits, "PCM_F" if floats else "PCM_U" if bits == 8 else "PCM_S")
    part, _ = audio.load(place, frame_offset=100, num_frames=50, channels_first=False)
    np.testing.assert_array_equal(part.numpy().T, found.numpy()[:, 100:150])
    assert audio.load(place, frame_offset=330, num_frames=50)[0].shape == (2, 3)
    assert audio.load(place, frame_offset=400)[0].shape == (2, 0)
    rate, theirs = wavfile.read(place)
    assert rate == 8000
    expected = audio.load(place, normalize=False, channels_first=False)[0].numpy()
    np.testing.assert_array_equal(expected + 128 if bits == 8 else expected, theirs)


def test_python_and_scipy_write_what_is_read(tmp_path) -> None:
    numbers = RNG.integers(-(2**15), 2**15, (300, 3), np.int16)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(3)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(numbers.tobytes())
    wavfile.write(tmp_path / "b.wav", 44100, numbers)
    for name in ("a.wav", "b.wav"):
        np.testing.assert_array_equal(audio.load(tmp_path / name, normalize=False)[0].numpy(), numbers.T)


def test_samples_too_loud_are_cut(tmp_path) -> None:
    audio.save(tmp_path / "x.wav", np.array([[2.0, -2.0]]), 8000)
    np.testing.assert_allclose(audio.load(tmp_path / "x.wav")[0].numpy(), [[1, -1]], atol=1e-4)


def test_an_extensible_head_and_foreign_parts_are_read(tmp_path) -> None:
    audio.save(tmp_path / "x.wav", SOUND, 8000)
    content = (tmp_path / "x.wav").read_bytes()
    guid = b"\1\0" + bytes.fromhex("000000001000800000aa00389b71")
    form = b"\xfe\xff" + content[22:36] + b"\x16\0\x10\0\0\0\0\0" + guid
    body = b"WAVE" + b"LIST" + b"\5\0\0\0" + b"notes\0" + b"fmt " + len(form).to_bytes(4, "little") + form + content[36:]
    (tmp_path / "y.wav").write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)
    np.testing.assert_array_equal(audio.load(tmp_path / "y.wav")[0].numpy(), audio.load(tmp_path / "x.wav")[0].numpy())


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: b"RIFX" + c[4:], lambda c: c[:30], lambda c: c[:36], lambda c: c[:20] + b"\6\0" + c[22:],
                                    lambda c: c[:34] + b"\x0c\0" + c[36:], lambda c: c[:22] + b"\0\0" + c[24:]])
def test_other_files_are_refused(damage, tmp_path) -> None:
    audio.save(tmp_path / "x.wav", SOUND, 8000)
    (tmp_path / "x.wav").write_bytes(damage((tmp_path / "x.wav").read_bytes()))
    with pytest.raises(errors.DownloadError, match=r"x\.wav"):
        audio.load(tmp_path / "x.wav")


def test_a_file_cut_off_in_its_samples_gives_those_that_are_there(tmp_path) -> None:
    audio.save(tmp_path / "x.wav", SOUND, 8000)
    (tmp_path / "x.wav").write_bytes((tmp_path / "x.wav").read_bytes()[:44 + 4 * 100 + 1])
    assert audio.load(tmp_path / "x.wav")[0].shape == (2, 100)


# ---------------------------------------------------------------- spectra
@pytest.mark.oracle
@pytest.mark.parametrize("options", [dict(), dict(hop_length=7), dict(win_length=20), dict(center=False), dict(normalized=True), dict(onesided=False),
                                     dict(pad_mode="constant"), dict(pad_mode="replicate", win_length=31), dict(pad_mode="circular")])
@pytest.mark.parametrize("n_fft", [32, 33])
def test_stft_equals_torch(n_fft: int, options: dict) -> None:
    import torch

    width = options.get("win_length", n_fft)
    for window in (None, np.hanning(width)):
        expected = torch.stft(torch.tensor(SOUND), n_fft, window=torch.ones(width, dtype=torch.float64) if window is None else torch.tensor(window),
                              return_complex=True, **options)
        found = wb.stft(wb.tensor(SOUND), n_fft, window=None if window is None else wb.tensor(window), **options)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-12)


def test_stft_equals_scipy() -> None:
    window = scipy.signal.get_window("hann", 64)
    np.testing.assert_allclose(wb.hann_window(64, dtype=np.float64).numpy(), window, atol=1e-15)
    np.testing.assert_allclose(wb.hamming_window(64, dtype=np.float64).numpy(), scipy.signal.get_window("hamming", 64), atol=1e-15)
    np.testing.assert_allclose(wb.hann_window(64, False, dtype=np.float64).numpy(), np.hanning(64), atol=1e-15)
    _, _, expected = scipy.signal.stft(SOUND, window=window, nperseg=64, noverlap=48, boundary=None, padded=False)
    found = wb.stft(wb.tensor(SOUND), 64, 16, window=wb.tensor(window), center=False).numpy() / window.sum()
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_gradients_flow_through_features() -> None:
    x = wb.tensor(RNG.uniform(0.2, 1, 40), requires_grad=True)
    window = wb.tensor(np.hanning(10)[1:-1])
    assert gradcheck(lambda x: AF.spectrogram(x, 0, window, 8, 4, 8, 2.0, False), (x,))
    assert gradcheck(lambda x: audio.resample(x, 3, 2), (x,))
    y = wb.tensor(RNG.uniform(-1, 1, 400).astype(np.float32), requires_grad=True)
    audio.MFCC(8000, 13, melkwargs={"n_fft": 64, "n_mels": 20}, log_mels=True)(y).sum().backward()
    assert wb.isfinite(y.grad).all()
    assert (y.grad != 0).all()


def test_features_compose_with_the_transformations() -> None:
    feature = audio.MFCC(8000, 8, melkwargs={"n_fft": 64, "n_mels": 20}, log_mels=True)
    x = wb.tensor(SOUND.astype(np.float32))
    expected = feature(x).numpy()
    np.testing.assert_allclose(wb.vmap(feature)(x).numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(wb.jit(feature)(x).numpy(), expected, atol=1e-4)
    slope = wb.grad(lambda x: feature(x).sum())(x)
    tangent = wb.jvp(feature, (x,), (wb.ones_like(x),))[1]
    assert tangent.sum().item() == pytest.approx(slope.sum().item(), rel=1e-3)


def naive_mel(sound: np.ndarray, rate: int, n_fft: int, hop: int, n_mels: int, f_min: float, f_max: float) -> np.ndarray:
    """Frame by frame, band by band."""
    framed = np.pad(sound, n_fft // 2, "reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    mel = lambda f: 2595 * math.log10(1 + f / 700)
    corners = [700 * (10 ** ((mel(f_min) + (mel(f_max) - mel(f_min)) * n / (n_mels + 1)) / 2595) - 1) for n in range(n_mels + 2)]
    frames = []
    for start in range(0, len(framed) - n_fft + 1, hop):
        energy = np.abs(np.fft.rfft(framed[start:start + n_fft] * window)) ** 2
        bands = []
        for low, peak, high in zip(corners, corners[1:], corners[2:], strict=False):
            total = 0.0
            for number, value in enumerate(energy):
                hertz = number * rate / n_fft
                if low < hertz < high:
                    total += value * ((hertz - low) / (peak - low) if hertz <= peak else (high - hertz) / (high - peak))
            bands.append(total)
        frames.append(bands)
    return np.array(frames).T


def test_mel_bands_and_cepstra_equal_the_formula() -> None:
    mel = naive_mel(SOUND[0], 8000, 64, 32, 12, 100.0, 3500.0)
    kwargs = dict(n_fft=64, n_mels=12, f_min=100.0, f_max=3500.0)
    x = wb.tensor(SOUND[0].astype(np.float32))
    np.testing.assert_allclose(audio.MelSpectrogram(8000, **kwargs)(x).numpy(), mel, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(audio.LogMelSpectrogram(8000, melkwargs=kwargs)(x).numpy(), np.log(mel + 1e-6), atol=1e-3)
    loud = 10 * np.log10(np.maximum(mel, 1e-10))
    cepstra = scipy.fft.dct(np.maximum(loud, loud.max() - 80), axis=0, norm="ortho")[:8]
    np.testing.assert_allclose(audio.MFCC(8000, 8, melkwargs=kwargs)(x).numpy(), cepstra, atol=2e-3)


@pytest.mark.parametrize("norm", [None, "ortho"])
def test_the_cosine_transform_is_scipys(norm) -> None:
    values = RNG.normal(size=(5, 10)).astype(np.float32)
    np.testing.assert_allclose(values @ audio.create_dct(7, 10, norm).numpy(), scipy.fft.dct(values, norm=norm or "backward")[:, :7], atol=1e-5)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mel_scales_are_inverse_and_bands_are_triangles(scale: str) -> None:
    hertz = np.linspace(0, 8000, 101)
    np.testing.assert_allclose(audio.mel_to_hz(audio.hz_to_mel(hertz, scale), scale), hertz, atol=1e-9)
    assert audio.hz_to_mel(1000.0, scale) == pytest.approx({"htk": 999.9855, "slaney": 15.0}[scale])
    banks = audio.melscale_fbanks(2001, 0.0, 8000.0, 10, 16000, None, scale).numpy()
    assert ((banks.max(axis=0) > 0.95) & (banks.max(axis=0) <= 1)).all()
    even = audio.melscale_fbanks(2001, 0.0, 8000.0, 10, 16000, "slaney", scale).numpy()
    np.testing.assert_allclose(even.sum(axis=0) * 4, 1, rtol=1e-2)


def test_decibels_stop_below_the_loudest_of_each_spectrogram() -> None:
    x = np.stack([np.full((1, 2, 2), 1.0), np.full((1, 2, 2), 100.0)])
    x[:, 0, 0, 0] = 1e-12
    found = audio.AmplitudeToDB(top_db=30)(x).numpy()
    np.testing.assert_allclose(found[:, 0, 0, 0], [-30, -10])
    assert audio.AmplitudeToDB("magnitude")(np.array([10.0])).item() == pytest.approx(20)


def test_normalized_and_complex_spectra() -> None:
    x = wb.tensor(SOUND.astype(np.float32))
    wide = np.pad(SOUND.astype(np.float32), ((0, 0), (40, 40)))
    np.testing.assert_allclose(audio.Spectrogram(64, pad=40)(x).numpy(), audio.Spectrogram(64)(wide).numpy(), atol=1e-5)
    plain, scaled = audio.Spectrogram(64, power=1)(x), audio.Spectrogram(64, power=1, normalized=True)(x)
    np.testing.assert_allclose(plain.numpy() / np.sqrt((np.hanning(65)[:-1] ** 2).sum()), scaled.numpy(), rtol=1e-4)
    np.testing.assert_allclose(np.abs(audio.Spectrogram(64, power=None)(x).numpy()), plain.numpy(), atol=1e-4)


def naive_resample(x: np.ndarray, old: int, new: int, width: int = 6, rolloff: float = 0.99) -> np.ndarray:
    """Every new sample as a sum over all old ones, weighted by a sinc under a Hann window."""
    base = min(old, new) * rolloff
    out = []
    for place in range(math.ceil(len(x) * new / old)):
        total = 0.0
        for number, value in enumerate(x):
            time = (number / old - place / new) * base
            if abs(time) < width:
                total += value * np.sinc(time) * math.cos(time * math.pi / width / 2) ** 2 * base / old
        out.append(total)
    return np.array(out)


@pytest.mark.parametrize(("old", "new"), [(3, 2), (2, 3), (441, 160), (8000, 16000), (1, 5)])
def test_resampling_equals_the_sum_over_all_samples(old: int, new: int) -> None:
    x = SOUND[:, :90]
    expected = np.stack([naive_resample(row, *(n // math.gcd(old, new) for n in (old, new))) for row in x])
    np.testing.assert_allclose(audio.resample(wb.tensor(x), old, new).numpy(), expected, atol=1e-12)


def test_a_resampled_tone_stays_a_tone() -> None:
    tone = lambda rate: np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    found = audio.Resample(16000, 11025)(tone(16000)).numpy()
    np.testing.assert_allclose(found[200:-200], tone(11025)[200:-200], atol=5e-3)
    assert audio.Resample()(SOUND).shape == SOUND.shape


# ---------------------------------------------------------------- augmentation
def test_masks_are_one_run_of_at_most_the_width_asked_for() -> None:
    x = wb.ones(3, 20, 50)
    widths, starts = [], set()
    for seed in range(60):
        with seeded(seed):
            time, frequency = audio.TimeMasking(10)(x).numpy(), audio.FrequencyMasking(5, iid_masks=True)(x).numpy()
        assert (time == time[:1, :1]).all(), "alike in every spectrogram and frequency"
        masked = np.flatnonzero(time[0, 0] == 0)
        assert len(masked) <= 10
        assert len(masked) == 0 or np.ptp(masked) == len(masked) - 1
        widths.append(len(masked))
        starts.update(masked[:1].tolist())
        assert (frequency == frequency[:, :, :1]).all()
    assert len(set(widths)) > 6
    assert min(starts) < 8
    assert max(starts) > 35
    with seeded(0):
        drawn = audio.FrequencyMasking(15, iid_masks=True)(wb.ones(30, 20, 1)).numpy().sum(axis=(1, 2))
        assert len(set(drawn.tolist())) > 5
        assert (audio.TimeMasking(50, p=0.2)(wb.ones(1, 20, 50)).numpy() == 0).mean() <= 0.2


def test_spec_augment_masks_with_the_mean() -> None:
    x = RNG.normal(2, 1, (2, 40, 60)).astype(np.float32)
    with seeded(1):
        found = audio.SpecAugment(2, 20, 2, 10)(x).numpy()
    changed = found != x
    assert 0.05 < changed.mean() < 0.9
    np.testing.assert_allclose(found[changed], x.mean(), rtol=1e-5)
    with seeded(1):
        assert (audio.SpecAugment(2, 20, 2, 10, zero_masking=True)(x).numpy()[changed] == 0).all()


def test_noise_has_the_ratio_asked_for_and_shifts_keep_the_sound() -> None:
    x = wb.tensor(SOUND)
    with seeded(0):
        noise = audio.AddNoise((10, 10))(x).numpy() - SOUND
        np.testing.assert_allclose(10 * np.log10((SOUND**2).mean(axis=1) / (noise**2).mean(axis=1)), 10)
        shifted = {tuple(np.flatnonzero(audio.TimeShift(0.2)(wb.tensor([0.0] * 10 + [1.0] + [0.0] * 10)).numpy())) for _ in range(50)}
        rolled = audio.TimeShift(1.0, roll=True)(x).numpy()
        assert (audio.TimeShift(1.0)(wb.ones(4)).numpy() <= 1).all()
    assert shifted == {(place,) for place in range(6, 15)}
    np.testing.assert_allclose(np.sort(rolled), np.sort(SOUND))


@pytest.mark.parametrize("wrong", [
    lambda: wb.stft(wb.ones(10), 32, center=False), lambda: wb.stft(wb.ones(10), 32),
    lambda: wb.stft(wb.ones(50), 8, window=wb.ones(4)), lambda: wb.stft(wb.ones(50), 8, win_length=9), lambda: wb.stft(wb.arange(50), 8),
    lambda: wb.stft(wb.ones(50), 8, pad_mode="mirror"), lambda: audio.hz_to_mel(1, "bark"),
    lambda: audio.melscale_fbanks(10, 5.0, 5.0, 2, 100), lambda: audio.melscale_fbanks(10, 0.0, 5.0, 2, 100, "area"), lambda: audio.create_dct(0, 3),
    lambda: audio.MelScale(n_stft=9)(wb.ones(8, 3)), lambda: audio.AmplitudeToDB("energy"), lambda: audio.AmplitudeToDB(top_db=-1),
    lambda: audio.MFCC(dct_type=3),
    lambda: audio.MFCC(n_mfcc=50, melkwargs={"n_mels": 40}), lambda: audio.LogMelSpectrogram(offset=0), lambda: audio.Resample(0, 1),
    lambda: audio.Resample(1, 2, rolloff=0),
    lambda: audio.TimeMasking(-1), lambda: audio.TimeMasking(1, p=2), lambda: audio.TimeMasking(1)(wb.ones(3)), lambda: audio.TimeShift(2),
    lambda: audio.AddNoise((3, 1)), lambda: audio.save("/tmp/x.wav", np.ones(3), 1), lambda: audio.save("/tmp/x.wav", np.ones((1, 3)), 1, 12),
    lambda: audio.load("/tmp/x.wav", -1),
])
def test_wrong_use_is_an_error(wrong) -> None:
    with pytest.raises((errors.ArgumentError, errors.ShapeError)):
        wrong()
