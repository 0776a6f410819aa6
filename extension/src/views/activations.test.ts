/** Activations: what is called out, what the filter finds, and what a click opens. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Activations, Store } from '../core/store';
import { mountActivations } from './activations';
import { channelRange, describe, firstChoice, flags, matching, outline, percent, tableOf } from './activations-model';

/** Layers from rows of mean, std, dead, saturated. */
function activationsOf(...rows: [name: string, mean: number, std: number, dead: number, saturated: number][]): Activations {
  return {
    step: 7,
    bins: 3,
    layers: rows.map(([name]) => ({ name, type: 'ReLU', shape: [2, 4] })),
    stats: Float32Array.from(rows.flatMap(([, mean, std, dead, saturated]) => [mean, std, -1, 3, dead, saturated])),
    range: Float32Array.from(rows.flatMap(() => [-1, 3])),
    counts: Uint32Array.from(rows.flatMap(() => [1, 4, 0])),
    maps: []
  };
}

const found = activationsOf(['stem', 0.5, 1, 0, 0], ['deep', 0, 1, 0.75, 0], ['gate', 0, 1, 0, 0.5], ['stuck', 1, 0, 0, 0], ['lost', NaN, NaN, NaN, NaN]);

it('says in words what is wrong', () => {
  expect(found.layers.map((_, index) => flags(found, index))).toEqual([
    [], ['75 % of its units are dead'], ['50 % saturated'], ['the same number everywhere'], ['not a number']
  ]);
  expect(describe(found)).toBe('Outputs of 5 layers at step 7. deep: 75 % of its units are dead; gate: 50 % saturated; stuck: the same number everywhere; lost: not a number.');
  expect(describe(activationsOf(['stem', 0, 1, 0, 0]))).toContain('none is dead or saturated');
  expect(tableOf(found).rows[1].at(-1)).toBe('75 % of its units are dead');
});

it('does not round a share that there is down to none', () => {
  expect([0, 0.001, 0.5, 1, NaN].map(percent)).toEqual(['0 %', '<1 %', '50 %', '100 %', '–']);
});

it('opens feature maps first, else the layer in trouble', () => {
  expect(firstChoice(found)).toBe('deep');
  expect(firstChoice({ ...found, maps: [{ layer: 'gate', channels: 1, height: 1, width: 1, lo: 0, hi: 1, values: new Uint8Array(1) }] })).toBe('gate');
  expect(firstChoice(activationsOf())).toBeNull();
});

it('filters by name or type and bounds the list', () => {
  expect(matching(found, ' DEE ').shown).toEqual([1]);
  expect(matching(found, 'relu').shown).toHaveLength(5);
  const many = activationsOf(...Array.from({ length: 1000 }, (_, index): [string, number, number, number, number] => [`layer.${index}`, 0, 1, 0, 0]));
  expect(matching(many, '')).toMatchObject({ more: 800 });
});

it('draws a bin that holds anything', () => {
  expect(outline([1, 0, 1000], 30, 20)).toBe('M0 20V19.2H10.0V20.0H20.0V0.0H30.0V20Z');
});

it('reads a channel in the units of its layer', () => {
  expect(channelRange(Uint8Array.of(0, 255, 0, 255), -1, 3)).toEqual({ low: -1, high: 3, mean: 1 });
});

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

function mounted(activations: Activations | null): Store {
  const store = new Store();
  store.apply({ op: 'runs', runs: [{ run: 'a', title: 'A', state: 'running' }] }, []);
  store.run!.activations = activations;
  mountActivations(document.body, store, { kind: 'offline', send: () => undefined });
  vi.advanceTimersByTime(500);
  return store;
}

const rows = (): HTMLButtonElement[] => [...document.querySelectorAll<HTMLButtonElement>('.wb-layer')];

it('opens the layer that is clicked and keeps its row when numbers change', () => {
  const store = mounted(found);
  const row = rows()[2];
  row.click();
  row.focus();
  vi.advanceTimersByTime(500);
  expect(document.querySelector('.wb-subtitle')!.textContent).toBe('gate · ReLU · 2 × 4');
  store.run!.activations = { ...found, step: 8, stats: found.stats.map(each => each * 2) };
  store.apply({ op: 'runs', runs: [{ run: 'a', title: 'A', state: 'running' }] }, []);
  vi.advanceTimersByTime(500);
  expect(rows()[2]).toBe(row);
  expect(document.activeElement).toBe(row);
  expect(row.getAttribute('aria-pressed')).toBe('true');
});

it('shows names from the kernel as text, filters, and says when nothing fits', () => {
  mounted(activationsOf(['<img src=x>', 0, 1, 0, 0]));
  expect(document.querySelector('.wb-layers img')).toBeNull();
  expect(document.querySelector('.wb-layer b')!.textContent).toBe('<img src=x>');
  const search = document.querySelector<HTMLInputElement>('.wb-search')!;
  search.value = 'nothing like it';
  search.dispatchEvent(new Event('input'));
  vi.advanceTimersByTime(500);
  expect(rows()).toHaveLength(0);
  expect(document.querySelector('.wb-layer-list .wb-readout')!.textContent).toBe('no layer of that name');
});

it('tells flat channels by words', () => {
  const maps = [{ layer: 'stem', channels: 2, height: 1, width: 2, lo: 0, hi: 1, values: Uint8Array.of(9, 9, 0, 255) }];
  mounted({ ...found, maps });
  expect([...document.querySelectorAll('.wb-maps figcaption')].map(each => each.textContent)).toEqual(['0 · flat', '1']);
  expect(document.querySelectorAll('.wb-map')[1].getAttribute('aria-label')).toBe('channel 1: from 0 to 1, mean 0.5');
});

it('explains itself when empty', () => {
  mounted(null);
  expect(document.querySelector('.wb-state code')!.textContent).toContain('wb.show.activations(run)');
});
