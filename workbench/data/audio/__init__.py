"""Sounds: WAV files, spectrograms, mel bands, cepstra, augmentation."""
from .augment import AddNoise, FrequencyMasking, SpecAugment, TimeMasking, TimeShift
from .features import MFCC, AmplitudeToDB, LogMelSpectrogram, MelScale, MelSpectrogram, Resample, Spectrogram
from .functional import (
    amplitude_to_db,
    create_dct,
    hz_to_mel,
    mel_to_hz,
    melscale_fbanks,
    resample,
    spectrogram,
)
from .wav import AudioInfo, info, load, save

__all__ = ["AddNoise", "AmplitudeToDB", "AudioInfo", "FrequencyMasking", "LogMelSpectrogram", "MFCC", "MelScale", "MelSpectrogram",
           "Resample", "SpecAugment", "Spectrogram", "TimeMasking", "TimeShift", "amplitude_to_db", "create_dct",
           "hz_to_mel", "info", "load", "mel_to_hz", "melscale_fbanks", "resample", "save", "spectrogram"]
