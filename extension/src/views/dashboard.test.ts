/** Tabs as the ARIA practices describe them, and wishes that follow what is visible. */
import { afterEach, expect, it } from 'vitest';
import { storeOf } from '../gallery/encode';
import { training } from '../gallery/training';
import { Outgoing } from '../core/view';
import { mountDashboard, neighbour } from './dashboard';

afterEach(() => document.body.replaceChildren());

it.each([
  ['ArrowRight', 4, 0],
  ['ArrowLeft', 0, 4],
  ['Home', 3, 0],
  ['End', 1, 4],
  ['a', 1, null]
])('%s from tab %d leads to %s', (key, index, target) => expect(neighbour(key, index as number, 5)).toBe(target));

it('asks for the streams of the shown view and takes the wish back', () => {
  const sent: Outgoing[] = [];
  // Without numbers: there is no canvas here to draw them on.
  const store = storeOf(training.filter(({ message }) => message.op !== 'series'));
  const dashboard = mountDashboard(document.body, store, { kind: 'panel', send: message => sent.push(message) });
  expect(sent).toContainEqual({ op: 'want', run: 'a', streams: ['series'] });
  expect(document.querySelector('[role=tab][aria-selected=true]')?.textContent).toBe('Curves');
  store.select('b');
  expect(sent.slice(-2)).toEqual([
    { op: 'want', run: 'a', streams: [] },
    { op: 'want', run: 'b', streams: ['series'] }
  ]);
  dashboard.unmount();
  expect(sent[sent.length - 1]).toEqual({ op: 'want', run: 'b', streams: [] });
});
