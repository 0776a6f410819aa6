"""`wb.cuda`: what is missing is said without a device; streams, events and memory on one."""
import numpy as np
import pytest

import workbench as wb
from workbench.core.errors import ArgumentError, DeviceError

CALLS = [lambda: wb.cuda.synchronize(), lambda: wb.cuda.Stream(), lambda: wb.cuda.Event(), lambda: wb.cuda.memory_stats(), lambda: wb.cuda.empty_cache(),
         lambda: wb.cuda.memory_allocated(), lambda: wb.cuda.pin_memory(wb.ones(2)), lambda: wb.cuda.set_memory_limit(10),
         lambda: wb.cuda.unified_memory().__enter__()]
needs_device = pytest.mark.skipif(not wb.cuda.is_available(), reason="needs CuPy and a CUDA device")


@pytest.mark.skipif(wb.cuda.is_available(), reason="a device is here")
@pytest.mark.parametrize("call", CALLS)
def test_without_a_device_every_call_says_what_is_missing(call):
    assert wb.cuda.device_count() == 0
    with pytest.raises(DeviceError, match="CuPy|CUDA"):
        call()


def test_a_negative_limit_is_refused():
    with pytest.raises(ArgumentError, match="nbytes=-1"):
        wb.cuda.set_memory_limit(-1)


@pytest.mark.gpu
@needs_device
def test_streams_and_events():
    first, second = wb.cuda.Stream(), wb.cuda.Stream()
    start, end = wb.cuda.Event(enable_timing=True), wb.cuda.Event(enable_timing=True)
    x = wb.ones(500, 500).cuda()
    with first:
        start.record(first)
        y = x @ x
        end.record(first)
    second.wait_stream(first)
    with second:
        z = y + 1
    second.synchronize()
    assert end.query()
    assert start.elapsed_time(end) > 0
    assert (z.cpu().numpy() == 501).all()


@pytest.mark.gpu
@needs_device
def test_memory():
    wb.cuda.empty_cache()
    before = wb.cuda.memory_allocated()
    x = wb.zeros(1000, 1000).cuda()
    assert wb.cuda.memory_allocated() - before >= x.size * 4
    pinned = wb.cuda.pin_memory(wb.arange(5))
    np.testing.assert_array_equal(pinned.cuda().cpu().numpy(), np.arange(5))
    with wb.cuda.unified_memory():
        assert (wb.ones(3).cuda() + 1).cpu().tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(DeviceError, match="different devices"):
        x + wb.zeros(1000, 1000)
