/** A store ends in the same state whatever the transport repeats, reorders or loses. */
import { describe, expect, it, vi } from 'vitest';
import { storeOf } from '../gallery/encode';
import { training } from '../gallery/training';
import { HelloMessage, SeriesMessage } from './protocol';
import { Series } from './series';
import { openSnapshot } from './snapshot';
import { Store } from './store';

const hello = (run: string, v = 1): HelloMessage => ({ op: 'hello', v, run, title: run, controls: [], streams: ['series'], total: null });
const series = (run: string, n: number, reset = false): SeriesMessage => ({ op: 'series', run, seq: 1, names: ['loss'], n, reset });
const rows = (steps: number[], values: number[]): [Float64Array, Float32Array] => [Float64Array.from(steps), Float32Array.from(values)];

describe('series', () => {
  it('appends rows and keeps holes', () => {
    const curve = new Series();
    curve.merge(['loss'], ...rows([1, 2], [5, 4]));
    curve.merge(['loss', 'val'], ...rows([3], [3, 9]));
    expect([...curve.steps]).toEqual([1, 2, 3]);
    expect([...curve.column('val')]).toEqual([NaN, NaN, 9]);
    expect(curve.last('loss')).toBe(3);
  });

  it('takes a frame twice without counting it twice', () => {
    const curve = new Series();
    for (let time = 0; time < 2; time++) curve.merge(['loss'], ...rows([1, 2, 3], [3, 2, 1]));
    expect([...curve.column('loss')]).toEqual([3, 2, 1]);
  });

  it('inserts a stretch of higher resolution and late values', () => {
    const curve = new Series();
    curve.merge(['loss'], ...rows([0, 10, 20], [0, 10, 20]));
    curve.merge(['loss'], ...rows([10, 11, 12], [10, 11, 12]));
    curve.merge(['val'], ...rows([20], [7]));
    expect([...curve.steps]).toEqual([0, 10, 11, 12, 20]);
    expect([...curve.column('loss')]).toEqual([0, 10, 11, 12, 20]);
    expect(curve.last('val')).toBe(7);
  });

  it('grows past its first buffer', () => {
    const curve = new Series();
    for (let start = 0; start < 5000; start += 100) {
      curve.merge(['loss'], Float64Array.from({ length: 100 }, (_, index) => start + index), new Float32Array(100).fill(start));
    }
    expect(curve.length).toBe(5000);
    expect(curve.column('loss')[4999]).toBe(4900);
  });
});

describe('store', () => {
  it('shows the newest run until one is picked', () => {
    const store = new Store();
    store.apply(hello('a'), []);
    store.apply(hello('b'), []);
    expect(store.run?.id).toBe('b');
    store.select('a');
    store.apply(hello('c'), []);
    expect(store.run?.id).toBe('a');
    store.select('c');
    store.apply(hello('d'), []);
    expect(store.run?.id).toBe('d');
  });

  it('forgets what it held of a run when it says hello again, and keeps its state', () => {
    const store = storeOf(training);
    store.apply({ ...hello('a'), title: 'again' }, []);
    expect(store.runs.get('a')).toMatchObject({ title: 'again', state: 'running', step: 1677 });
    expect(store.runs.get('a')?.series.length).toBe(0);
  });

  it('says which side is old when versions differ, and takes nothing', () => {
    const store = new Store();
    store.apply(hello('a', 99), []);
    expect(store.problem).toContain('upgrade the JupyterLab extension');
    expect(store.runs.size).toBe(0);
  });

  it('replaces curves on reset', () => {
    const store = new Store();
    store.apply(series('a', 2), rows([1, 2], [1, 2]));
    store.apply(series('a', 1, true), rows([5], [5]));
    expect([...store.run!.series.steps]).toEqual([5]);
  });

  it('a pin stays on its run and hears of changes', () => {
    const store = storeOf(training);
    const { store: pinned, dispose } = store.pin('b');
    const heard = vi.fn();
    pinned.subscribe(heard);
    store.select('a');
    expect(pinned.run?.id).toBe('b');
    store.apply({ op: 'state', run: 'b', state: 'running', step: 1, rate: null, values: {}, control: true }, []);
    expect(heard).toHaveBeenCalledWith('state', store.runs.get('b'));
    dispose();
    store.apply({ op: 'bye', run: 'a' }, []);
    expect(heard).toHaveBeenCalledTimes(1);
  });

  it('a dead kernel leaves the picture and takes the controls away', () => {
    const store = storeOf(training);
    store.disconnect();
    expect(store.runs.get('a')).toMatchObject({ state: 'stopped', control: false });
    expect(store.runs.get('b')?.state).toBe('done');
    expect(store.runs.get('a')?.series.length).toBe(1677);
  });

  it('keeps gradient flow bounded over a long run', () => {
    const store = new Store();
    for (let step = 0; step < 1000; step++) {
      store.apply(
        { op: 'gradflow', run: 'a', seq: step, layers: ['w'], n: 1, bins: 2, reset: false },
        [Float64Array.of(step), new Float32Array(5).fill(step), new Float32Array(2), new Uint32Array(2)]
      );
    }
    const flow = store.run!.gradflow!;
    expect(flow.steps.length).toBeLessThanOrEqual(400);
    expect(flow.steps[0]).toBe(0);
    expect(flow.steps[flow.steps.length - 1]).toBe(999);
    expect(flow.stats.map(each => each[0])).toEqual(flow.steps);
  });
});

it('a snapshot opens to its run, and a broken part of it does not hide the rest', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const snapshot = [
    { message: hello('a') },
    { message: series('a', 1), buffers: ['AAAAAAAA8D8=', 'AAAAQA=='] },
    { message: series('a', 9), buffers: ['AAAAAAAA8D8='] }
  ];
  const store = openSnapshot({ v: 1, run: 'a', view: 'curves', snapshot });
  expect([...store.run!.series.steps]).toEqual([1]);
  expect(store.run!.series.last('loss')).toBe(2);
  expect(warn).toHaveBeenCalledTimes(1);
  warn.mockRestore();
});
