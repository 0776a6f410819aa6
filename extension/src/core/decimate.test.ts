/** Fewer points, no lost spikes. */
import { expect, it } from 'vitest';
import { decimate, indexAt, lowerBound, smooth } from './decimate';

const range = (n: number): Float64Array => Float64Array.from({ length: n }, (_, index) => index);

it('keeps the one spike among 100 000 points, at its step', () => {
  const values = new Float32Array(100_000).fill(1);
  values[54_321] = 100;
  const { x, y } = decimate(range(100_000), values, 0, 100_000, 800);
  expect(x.length).toBeLessThanOrEqual(2 * 801);
  expect(x[y.indexOf(100)]).toBe(54_321);
});

it('leaves few points as they are, without holes, and one beyond each end', () => {
  const values = Float32Array.of(0, 1, NaN, 3, 4, 5, 6);
  const { x, y } = decimate(range(7), values, 2, 4, 100);
  expect([...x]).toEqual([1, 3, 4]);
  expect([...y]).toEqual([1, 3, 4]);
  expect([...decimate(range(7), values, 2.5, 3.5, 100).x]).toEqual([1, 3, 4]);
});

it('stays in order', () => {
  const values = Float32Array.from(range(5000), step => Math.sin(step));
  const { x } = decimate(range(5000), values, 0, 5000, 100);
  expect([...x]).toEqual([...x].sort((one, other) => one - other));
});

it('finds the value that a curve had at a step', () => {
  const steps = Float64Array.of(1, 2, 5, 9);
  expect(lowerBound(steps, 5)).toBe(2);
  expect(indexAt(steps, Float32Array.of(1, NaN, NaN, 4), 6)).toBe(0);
  expect(indexAt(steps, Float32Array.of(NaN, 1, 1, 4), 1)).toBe(-1);
});

it('smooths without bias at the start and leaves holes', () => {
  const smoothed = smooth(Float32Array.of(2, NaN, 2, 2), 0.9);
  expect(smoothed[0]).toBeCloseTo(2);
  expect(smoothed[1]).toBeNaN();
  expect(smoothed[3]).toBeCloseTo(2);
});
