/** The graph view in a page: states, picking, walking, painting. The layout runs on this thread. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Store } from '../core/store';
import { Transport } from '../core/view';
import { GRAPHS, graphSample } from '../gallery/graph';
import { storeOf } from '../gallery/encode';
import { training } from '../gallery/training';
import { collapse } from '../graph/collapse';
import { mountGraph } from './graph';
import { next, pathOf } from './graph-walk';

const transport: Transport = { kind: 'offline', send: () => undefined };
let unmount = (): void => undefined;
afterEach(() => unmount());

async function mounted(name: keyof typeof GRAPHS): Promise<HTMLElement> {
  const element = document.createElement('div');
  document.body.append(element);
  unmount = mountGraph(element, storeOf([...training, graphSample(name)]), transport);
  await vi.waitFor(() => expect(element.querySelector('.wb-graph svg')).not.toBeNull(), 5000);
  return element;
}

const press = (element: HTMLElement, key: string): boolean =>
  element.querySelector('.wb-graph')!.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
const title = (element: HTMLElement): string | null => element.querySelector('.wb-node-detail h4')?.textContent ?? null;

describe('the graph view', () => {
  it('says what to run while there is no graph', async () => {
    const element = document.createElement('div');
    unmount = mountGraph(element, new Store(), transport);
    await vi.waitFor(() => expect(element.textContent).toContain('wb.show.graph(loss)'));
  });

  it('walks along edges by the arrow keys and tells about each node', async () => {
    const element = await mounted('tape');
    const seen = ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowUp', 'ArrowLeft'].map(key => (press(element, key), title(element)));
    expect(seen).toEqual(['x', 'mul', 'add', 'mul', 'mul']);
    expect(element.querySelector('.wb-facts')!.textContent).toContain('cell 4, line 17');
    expect(element.querySelector('.wb-numbers')!.textContent).toContain('−6');
    press(element, 'Escape');
    expect(title(element)).toBeNull();
  });

  it('says in words and on the node that something is not a number', async () => {
    const element = await mounted('cnn');
    expect(element.querySelector('.wb-broken text:last-of-type')!.textContent).toBe('✕ not a number');
    expect(element.querySelector('.wb-sentence')!.textContent).toContain('not a number: log');
    element.querySelector('.wb-broken text')!.dispatchEvent(new MouseEvent('click', { bubbles: true }));
    expect(element.querySelector('.wb-numbers .wb-bad')!.textContent).toContain('12 NaN, 3 Inf');
  });

  it('opens what hides a node that is searched for', async () => {
    const element = await mounted('transformer');
    const search = element.querySelector<HTMLInputElement>('.wb-search')!;
    search.value = 'blocks.17.self_attn';
    search.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }));
    await vi.waitFor(() => expect(element.querySelector('.wb-picked title')?.textContent).toContain('blocks.17.self_attn'), 5000);
  });

  it('paints edges by gradient and explains the colours', async () => {
    const element = await mounted('mlp');
    element.querySelector<HTMLElement>('[data-wb-cmd=gradients]')!.click();
    await vi.waitFor(() => expect(element.querySelectorAll('.wb-flow').length).toBeGreaterThan(3));
    expect(element.querySelector<HTMLElement>('.wb-graph-legend')!.hidden).toBe(false);
  });
});

describe('walking', () => {
  const picture = collapse(GRAPHS.tape(), { open: new Set(), unfolded: new Set(), parameters: false });

  it('steps between the inputs of one op', () => {
    expect(next(picture, 'i:0', 'ArrowRight')).toBe('i:1');
    expect(next(picture, 'i:1', 'ArrowRight')).toBeUndefined();
  });

  it('knows what flows into a node and what it flows into', () => {
    expect(pathOf(picture, 'o:2')).toEqual(new Set(['o:2', 'o:4', 'o:5', 'out:0', 'i:0', 'i:1']));
  });
});
