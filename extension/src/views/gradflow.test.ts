/** Gradient flow: what it calls out, how it thins and clips, and what a click or a key picks. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { shortName, withoutCommon } from '../core/format';
import { GradientFlow, Store } from '../core/store';
import { mountGradflow } from './gradflow';
import { axisColumns, columnAt, columnOf, decades, layoutOf } from './gradflow-draw';
import { Column, callouts, cellOf, columnsOf, describe, grouped, range, tableOf } from './gradflow-model';

const BINS = 4;

/** A flow from gradient norms [sample][layer]; NaN means that the layer broke there. */
function flowOf(norms: number[][]): GradientFlow {
  const layers = norms[0].map((_, layer) => `block.${layer}.weight`);
  return {
    layers,
    bins: BINS,
    steps: norms.map((_, sample) => sample * 10),
    stats: norms.map(row => Float32Array.from(row.flatMap(norm => [norm, 1, norm / 100, Number.isNaN(norm) ? 3 : 0, 0]))),
    range: norms.map(row => Float32Array.from(row.flatMap(norm => [-norm, norm]))),
    counts: norms.map(row => Uint32Array.from(row.flatMap(() => [1, 5, 5, 1])))
  };
}

const steady = (samples: number, ...norms: number[]): number[][] => Array.from({ length: samples }, () => norms);

it('calls out layers that vanish, explode, break and stand still, the worst first', () => {
  const norms = steady(8, 1, 1e-5, 1, 1, 0, 1, 1);
  norms[7] = [1, 1e-5, 50, 1, 0, 1, 1];
  norms[3] = [1, 1e-5, 1, NaN, 0, 1, 1];
  const found = callouts(flowOf(norms));
  expect(found.map(({ kind, layer }) => `${kind} ${layer}`)).toEqual(['broken 3', 'exploding 2', 'vanishing 1', 'still 4']);
  expect(found[0]).toMatchObject({ sample: 3, text: 'block.3.weight: NaN or Inf in its gradients at step 30' });
});

it('says nothing about a healthy network', () => {
  const flow = flowOf(steady(8, 1, 0.5, 0.2));
  expect(callouts(flow)).toEqual([]);
  expect(describe(flow)).toContain('No layer vanishes or explodes.');
});

it('counts instead of listing when many layers have the same trouble', () => {
  const found = grouped(callouts(flowOf(steady(2, 1e-9, 1e-9, 1e-9, 1, 1, 1, 1))));
  expect(found.map(({ text }) => text)).toEqual(['3 layers are vanishing: under a thousandth of the typical gradient']);
});

it('gives update/weight a scale around 1e-3 and leaves a few outliers out of any', () => {
  const [low, high] = range(flowOf(steady(4, 1e-3, 1e-2)), 'ratio');
  expect((low + high) / 2).toBeCloseTo(-3);
  const norms = Array.from({ length: 1000 }, () => [1, 10]);
  norms[5] = [1, 1e20];
  expect(range(flowOf(norms), 'gradient')[1]).toBeCloseTo(1);
});

it('has a scale even when nothing is finite', () => {
  expect(range(flowOf([[NaN, 0]]), 'gradient')).toEqual([-1, 0]);
});

it('thins long runs to columns that cover every sample once', () => {
  const columns = columnsOf(1000, 240);
  expect(columns.length).toBe(80);
  expect(columns.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, index) => from + index))).toEqual([...Array(1000).keys()]);
  expect(columnsOf(5, 600)).toHaveLength(5);
});

it('keeps a single broken sample visible among many', () => {
  const all: Column = { from: 0, to: 3 };
  expect(cellOf(flowOf([[1], [NaN], [100]]), 'gradient', 0, all)).toEqual({ power: 1, broken: true });
});

it('finds columns by place and by sample', () => {
  const layout = layoutOf(flowOf(steady(50, 1, 1)), 600);
  expect(columnAt(layout, layout.left - 1)).toBeNull();
  expect(columnAt(layout, layout.left + layout.cell * 7.5)).toBe(7);
  expect(columnAt(layout, 600)).toBeNull();
  expect(columnOf(layout, 49)).toBe(49);
  expect(axisColumns(layout)[0]).toBe(0);
  expect(axisColumns(layout).at(-1)).toBe(49);
});

it('labels at most five powers of ten', () => {
  expect(decades(-2.5, 1.2)).toEqual([-2, -1, 0, 1]);
  expect(decades(-20, 0).length).toBeLessThanOrEqual(5);
});

it('shortens names without losing what tells them apart', () => {
  expect(shortName('head.fc1.weight', 30)).toBe('head.fc1.weight');
  const names = [60, 61].map(index => shortName(`model.transformer.layers.${index}.attention.projection.weight`, 36));
  expect(names[0]).not.toBe(names[1]);
  for (const name of names) expect(name.length).toBeLessThanOrEqual(36);
  expect(names[0]).toContain('.60.');
  expect(shortName('a.b.c.d.e.f.g.h.i.j', 8)).toHaveLength(8);
  expect(withoutCommon(['net.blocks.0.weight', 'net.blocks.1.weight'], 12)).toEqual(['…0.weight', '…1.weight']);
  expect(withoutCommon(['net.blocks', 'net.head'], 12)).toEqual(['net.blocks', 'net.head']);
  expect(withoutCommon(['net.a', 'net.a.weight.of.it'], 12)).toEqual(['…a', '…a.weight.of.it']);
});

it('has every layer in the table', () => {
  const { rows, head } = tableOf(flowOf(steady(3, 1, 1e-9, 1)), 2);
  expect(rows).toHaveLength(3);
  expect(rows[1][head.indexOf('note')]).toBe('vanishing');
});

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

function mounted(flow: GradientFlow | null): { store: Store; unmount: () => void } {
  const store = new Store();
  store.apply({ op: 'runs', runs: [{ run: 'a', title: 'A', state: 'running' }] }, []);
  store.run!.gradflow = flow;
  const unmount = mountGradflow(document.body, store, { kind: 'offline', send: () => undefined });
  vi.advanceTimersByTime(500);
  return { store, unmount };
}

const readout = (): string => document.querySelector('.wb-readout')!.textContent!;

it('opens the layer that most needs a look, and walks by keys', () => {
  mounted(flowOf(steady(6, 1, 1e-9, 1, 1)));
  expect(readout()).toContain('block.1.weight, step 50');
  const map = document.querySelector('.wb-heatmap')!;
  for (const key of ['ArrowDown', 'ArrowLeft']) {
    map.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    vi.advanceTimersByTime(500);
  }
  expect(readout()).toContain('block.2.weight, step 40');
});

it('names its picture with the sentence and explains itself when empty', () => {
  const { unmount } = mounted(flowOf(steady(6, 1, 1)));
  const map = document.querySelector('.wb-heatmap')!;
  expect(map.getAttribute('role')).toBe('img');
  const named = map.getAttribute('aria-labelledby')!.split(' ').map(id => document.getElementById(id)!.textContent).join(' ');
  expect(named).toContain('2 parameters from input to output');
  unmount();
  expect(document.querySelector('.wb-view')).toBeNull();
  mounted(null);
  expect(document.querySelector('.wb-state')!.textContent).toContain('No gradients have been looked at yet');
});

it('shows a thousand layers by painting those in sight', () => {
  mounted(flowOf(steady(2, ...Array.from({ length: 1000 }, () => 1))));
  expect(document.querySelector<HTMLElement>('.wb-extent')!.style.height).toBe('13000px');
  expect(parseFloat(document.querySelector<HTMLElement>('.wb-heatmap')!.style.height)).toBeLessThan(600);
});
