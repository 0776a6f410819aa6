/** The kernel hears the union of all wishes, once. */
import { expect, it } from 'vitest';
import { Wants } from './wants';

it('tells the union of what panel and output want, and only changes', () => {
  const told: string[] = [];
  const wants = new Wants((run, streams) => told.push(`${run}: ${streams}`));
  const panel = wants.open();
  const output = wants.open();
  panel.set('a', ['series']);
  output.set('a', ['series', 'graph']);
  output.set('a', ['series', 'graph']);
  output.dispose();
  panel.set('a', []);
  expect(told).toEqual(['a: series', 'a: graph,series', 'a: series', 'a: ']);
});

it('says everything again to a kernel that may have forgotten', () => {
  const told: string[] = [];
  const wants = new Wants((run, streams) => told.push(`${run}: ${streams}`));
  wants.open().set('a', ['graph']);
  wants.repeat();
  expect(told).toEqual(['a: graph', 'a: graph']);
});
