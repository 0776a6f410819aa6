/** The decoder takes what a websocket delivers: unaligned, little endian, described by the message. */
import { describe, expect, it } from 'vitest';
import { GradflowMessage, ProtocolError, SeriesMessage, decode, fromBase64, numbers } from './protocol';

/** The bytes of an array, starting at an odd offset of a larger buffer. */
function unaligned(array: Float64Array | Float32Array): DataView {
  const bytes = new Uint8Array(array.buffer);
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  return new DataView(shifted.buffer, 3, bytes.length);
}

const series: SeriesMessage = { op: 'series', run: 'r', seq: 1, names: ['loss', 'accuracy'], n: 2, reset: false };

describe('decode', () => {
  it('copies buffers that no typed array could view', () => {
    const steps = Float64Array.of(16777217, 16777218);
    const values = Float32Array.of(1, 2, 3, NaN);
    const { arrays } = decode(series, [unaligned(steps), unaligned(values)]);
    expect([...arrays.steps]).toEqual([16777217, 16777218]);
    expect([...arrays.values]).toEqual([1, 2, 3, NaN]);
  });

  it('refuses a buffer of another length than the message says', () => {
    expect(() => decode(series, [new Float64Array(2), new Float32Array(3)])).toThrow(ProtocolError);
    expect(() => decode(series, [new Float64Array(2)])).toThrow('series.values has no numbers, 4 expected');
  });

  it('reads lengths from lists, numbers and constants alike', () => {
    const flow: GradflowMessage = { op: 'gradflow', run: 'r', seq: 1, layers: ['a', 'b'], n: 1, bins: 3, reset: true };
    const { arrays } = decode(flow, [new Float64Array(1), new Float32Array(10), new Float32Array(4), new Uint32Array(6)]);
    expect(arrays.stats.length).toBe(10);
    expect(arrays.counts.length).toBe(6);
  });

  it('gives the buffers after the fixed ones as a list', () => {
    const message = { op: 'attention', run: 'r', seq: 1, step: 0, tokens: [], layers: [] } as const;
    const { rest } = decode({ ...message, tokens: [], layers: [] }, [Uint8Array.of(1, 2), Uint8Array.of(3)]);
    expect(rest.map(each => [...each])).toEqual([[1, 2], [3]]);
  });
});

it('numbers refuses half a number', () => {
  expect(() => numbers('f4', new Uint8Array(6))).toThrow('a f4 buffer has 6 bytes');
});

it('fromBase64 gives back bytes', () => {
  expect([...fromBase64('AP9/')]).toEqual([0, 255, 127]);
});
