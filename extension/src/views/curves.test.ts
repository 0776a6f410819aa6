/** What the curves view says; what it paints is looked at in the browser tests. */
import { expect, it } from 'vitest';
import { storeOf } from '../gallery/encode';
import { training } from '../gallery/training';
import { describe, groupNames, readout, tableOf } from './curves';

const store = storeOf(training);
const run = store.runs.get('a')!;

it('puts training and validation of one metric into one chart', () => {
  const groups = groupNames(['loss', 'accuracy', 'val_loss', 'train/accuracy', 'lr']);
  expect([...groups]).toEqual([
    ['loss', ['loss', 'val_loss']],
    ['accuracy', ['accuracy', 'train/accuracy']],
    ['lr', ['lr']]
  ]);
});

it('tells what happened in a sentence', () => {
  expect(describe(run)).toMatch(/^loss fell from 2\.\d+ to 0\.05\d*; accuracy rose from .* steps\.$/);
});

it('offers a bounded table that ends with the last step', () => {
  const { head, rows, caption } = tableOf(run);
  expect(head).toEqual(['step', 'loss', 'accuracy', 'val_loss']);
  expect(rows.length).toBeLessThanOrEqual(200);
  expect(rows[rows.length - 1][0]).toBe(1677);
  expect(caption).toContain('one step in 9');
});

it('reads values at a step, looking back over holes', () => {
  expect(readout([run], 150)).toMatch(/^step 150 · loss \S+ · accuracy \S+ · val_loss \S+$/);
  expect(readout([run, store.runs.get('b')!], 150)).toContain('SGD, lr 0.01: loss');
});
