"""What a step of training frees, the next step takes without asking the system for pages again."""
from __future__ import annotations

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource
import numpy as np
{first}
def step():
    kept = [np.zeros(200_000) + number for number in range(10)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(first: str) -> int:
    return int(subprocess.run([sys.executable, "-c", STEPS.format(first=first)], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep freed memory in other ways, or not")
def test_steps_take_no_new_pages():
    assert faults("") > 20 * 1000 > 5000 > faults("import workbench")
