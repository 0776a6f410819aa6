/**
 * Attention: every head of a layer as a small map; the chosen one large, token to token, with lines to what the query
 * under the cursor looks at. Mean of the heads and rollout through the layers stand beside the heads.
 */
import { paintBytes, prepare } from '../core/canvas';
import { button, h, setText } from '../core/dom';
import { viewFrame } from '../core/frame';
import { CIVIDIS_GRADIENT } from '../core/palette';
import { Attention, Store } from '../core/store';
import { themeOf } from '../core/theme';
import { View } from '../core/view';
import { Cursor, MapLayout, cellAt, drawLinks, drawMap, linksHeight, mapLayout } from './attention-draw';
import {
  AttentionMap, bytesOf, describe, describeCell, habit, head, linksOf, meanOfHeads, rollout, shrunk, strongest, strongestWeight, tableOf, visible
} from './attention-model';

const EMPTY_CODE = `run.tokens = corpus.tokens          # labels, in a run of your own
wb.show.attention(run)
wb.show.attention(model, ids, tokens=words)`;
const LARGE = 480;
const THUMBNAIL = 64;

type Choice = { kind: 'head'; index: number } | { kind: 'mean' } | { kind: 'rollout' };

export const mountAttention: View = (element, store) => {
  const view = new AttentionView(element, store);
  return () => view.dispose();
};

class AttentionView {
  private layer = 0;
  private choice: Choice = { kind: 'head', index: 0 };
  private cursor: Cursor | null = null;
  /** What is drawn, and what it was made from: cursor moves must not compute it again. */
  private shown: { found: Attention; key: string; map: AttentionMap; image: HTMLCanvasElement; sentence: string } | null = null;
  private layout: MapLayout | null = null;
  private readonly picker = h('select', { class: 'wb-select', 'aria-label': 'Layer' });
  private readonly heads = h('div', { class: 'wb-heads', role: 'group', 'aria-label': 'Heads' });
  private readonly title = h('h4', { class: 'wb-subtitle' });
  private readonly large = h('canvas', { class: 'wb-attention', tabindex: 0 });
  private readonly links = h('canvas', { class: 'wb-attention-links', 'aria-hidden': 'true' });
  private readonly strongest = h('span');
  private readonly legend = h('div', { class: 'wb-legend' }, h('span', {}, 'attention weight 0'), h('span', { class: 'wb-ramp', style: `background: ${CIVIDIS_GRADIENT}` }), this.strongest);
  private readonly readout = h('p', { class: 'wb-readout', 'aria-live': 'polite' });
  private readonly frame;
  private readonly unsubscribe: () => void;

  constructor(element: HTMLElement, private readonly store: Store) {
    this.frame = viewFrame(element, {
      name: 'attention',
      title: 'Attention',
      draw: () => this.draw(),
      table: () => (this.found ? tableOf(this.found, this.current(this.found).map) : { caption: 'no attention', head: [], rows: [] }),
      pictures: { png: () => this.large }
    });
    this.frame.tools.append(this.picker);
    this.frame.body.append(this.heads, this.title, h('div', { class: 'wb-attention-pair' }, this.large, this.links), this.legend, this.readout);
    this.frame.picture(this.large);
    this.listen();
    this.unsubscribe = store.subscribe(change => {
      if (change === 'selection') this.cursor = null;
      if (change === 'attention' || change === 'selection' || change === 'runs') this.frame.schedule();
    });
    this.frame.schedule();
  }

  dispose(): void {
    this.unsubscribe();
    this.frame.dispose();
  }

  private listen(): void {
    this.picker.addEventListener('change', () => {
      this.layer = Number(this.picker.value);
      this.frame.schedule();
    });
    const point = (event: MouseEvent): void => {
      const cell = this.shown && this.layout && cellAt(this.shown.map, this.layout, event.offsetX, event.offsetY);
      if (cell) this.move(cell);
    };
    this.large.addEventListener('mousemove', point);
    this.large.addEventListener('click', point);
    this.large.addEventListener('keydown', event => this.key(event));
  }

  private get found(): Attention | null {
    const found = this.store.run?.attention;
    return found?.layers.length ? found : null;
  }

  /** The chosen map, computed once for each arrival and choice. */
  private current(found: Attention): { map: AttentionMap; image: HTMLCanvasElement; sentence: string } {
    const key = `${this.layer}/${JSON.stringify(this.choice)}`;
    if (this.shown?.found !== found || this.shown.key !== key) {
      const map = this.compute(found);
      const image = document.createElement('canvas');
      paintBytes(image, bytesOf(map), map.queries, map.keys);
      this.shown = { found, key, map, image, sentence: describe(found, map) };
    }
    return this.shown;
  }

  private compute(found: Attention): AttentionMap {
    if (this.choice.kind === 'mean') return meanOfHeads(found, this.layer);
    if (this.choice.kind === 'rollout') return rollout(found, this.layer) ?? meanOfHeads(found, this.layer);
    return head(found, this.layer, this.choice.index);
  }

  private draw(): void {
    const found = this.found;
    if (!found) {
      if (this.store.run) this.frame.empty('No attention has been seen in this run: its model may have none.', EMPTY_CODE);
      else this.frame.empty('Nothing to show yet. Run this in a cell:', EMPTY_CODE);
      return;
    }
    this.frame.clear();
    this.layer = Math.min(this.layer, found.layers.length - 1);
    if (this.choice.kind === 'head') this.choice.index = Math.min(this.choice.index, found.layers[this.layer].heads - 1);
    this.fillPicker(found);
    this.drawHeads(found);
    const { map, image, sentence } = this.current(found);
    const theme = themeOf(this.large);
    if (this.cursor && (this.cursor.query >= map.queries || (this.cursor.key ?? 0) >= map.keys)) this.cursor = null;
    setText(this.title, map.title);
    setText(this.strongest, strongestWeight(map.weights).toFixed(2));
    const room = this.frame.body.clientWidth || LARGE;
    const layout = (this.layout = mapLayout(map, Math.max(180, Math.min(LARGE, room))));
    const context = prepare(this.large, layout.width, layout.height);
    if (context) drawMap(context, image, map, layout, found.tokens, this.cursor, theme);
    this.drawLinks(found, map, layout, room);
    this.frame.sentence(sentence);
  }

  private drawLinks(found: Attention, map: AttentionMap, layout: MapLayout, room: number): void {
    const beside = room - layout.width - 20;
    const width = Math.min(320, beside >= 220 ? beside : room);
    const query = this.cursor?.query ?? null;
    // A long text has no room for all its tokens: the last one stands for a query until one is picked.
    const shown = linksOf(map, query ?? map.queries - 1);
    const all = shown.left.length === map.queries;
    const height = all ? Math.max(layout.height - layout.top, linksHeight(shown, layout.height)) : linksHeight(shown, layout.height);
    this.links.style.marginTop = beside < 220 ? '0' : `${all ? layout.height - height : layout.top}px`;
    const context = prepare(this.links, width, height);
    if (context) drawLinks(context, shown, found.tokens, all ? query : (query ?? map.queries - 1), width, height, themeOf(this.links));
  }

  private fillPicker(found: Attention): void {
    const key = found.layers.map(layer => `${layer.name}/${layer.heads}`).join('\n');
    if (this.picker.dataset.key !== key) {
      this.picker.dataset.key = key;
      this.picker.replaceChildren(...found.layers.map((layer, index) => h('option', { value: index }, `${layer.name} · ${layer.heads} ${layer.heads === 1 ? 'head' : 'heads'}`)));
    }
    this.picker.value = String(this.layer);
  }

  private drawHeads(found: Attention): void {
    const key = `${this.layer}/${found.layers[this.layer].heads}/${found.layers.length}`;
    if (this.heads.dataset.key !== key) {
      this.heads.dataset.key = key;
      this.heads.replaceChildren(...this.choices(found).map(choice => this.headButton(choice)));
      this.painted = null;
    }
    this.choices(found).forEach((choice, index) => {
      this.heads.children[index]?.setAttribute('aria-pressed', String(JSON.stringify(choice) === JSON.stringify(this.choice)));
    });
    if (this.painted !== found) this.paintHeads(found);
    this.painted = found;
  }

  /** The arrival whose heads are painted: a cursor that moves leaves the thumbnails alone. */
  private painted: Attention | null = null;

  private choices(found: Attention): Choice[] {
    const { heads, queries, keys } = found.layers[this.layer];
    const all: Choice[] = Array.from({ length: heads }, (_, index) => ({ kind: 'head', index }));
    if (heads > 1) all.push({ kind: 'mean' });
    if (found.layers.length > 1 && queries === keys && queries <= 512) all.push({ kind: 'rollout' });
    return all;
  }

  private headButton(choice: Choice): HTMLElement {
    const each = button('', () => {
      this.choice = choice;
      this.frame.schedule();
    }, { class: 'wb-head-button', 'aria-pressed': 'false' });
    const name = choice.kind === 'head' ? `head ${choice.index}` : choice.kind;
    each.append(h('canvas', { 'aria-hidden': 'true' }), h('span', {}, name), h('small', {}));
    return each;
  }

  private paintHeads(found: Attention): void {
    this.choices(found).forEach((choice, index) => {
      const each = this.heads.children[index];
      const map = choice.kind === 'head' ? head(found, this.layer, choice.index) : choice.kind === 'mean' ? meanOfHeads(found, this.layer) : rollout(found, this.layer);
      const [canvas, , small] = each.children;
      if (!map) return;
      const little = shrunk(map, THUMBNAIL);
      paintBytes(canvas as HTMLCanvasElement, bytesOf(little), little.queries, little.keys);
      setText(small, choice.kind === 'rollout' ? `${this.layer + 1} of ${found.layers.length}` : habit(map));
    });
  }

  private key(event: KeyboardEvent): void {
    const map = this.shown?.map;
    if (!map) return;
    const { query, key } = this.cursor ?? { query: -1, key: null };
    const moves: Record<string, Cursor | null> = {
      ArrowUp: { query: query - 1, key }, ArrowDown: { query: query + 1, key },
      ArrowLeft: { query: Math.max(0, query), key: (key ?? map.keys) - 1 }, ArrowRight: { query: Math.max(0, query), key: (key ?? -1) + 1 },
      Home: { query: 0, key }, End: { query: map.queries - 1, key }, Escape: null
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    this.move(moves[event.key]);
  }

  private move(to: Cursor | null): void {
    const map = this.shown?.map;
    if (!map) return;
    const limit = (number: number, length: number): number => Math.max(0, Math.min(number, length - 1));
    const next = to && { query: limit(to.query, map.queries), key: to.key === null ? null : limit(to.key, map.keys) };
    if (next?.query === this.cursor?.query && next?.key === this.cursor?.key) return;
    this.cursor = next;
    setText(this.readout, next ? this.words(map, next) : '');
    this.frame.schedule();
  }

  private words(map: AttentionMap, { query, key }: Cursor): string {
    const tokens = this.found?.tokens ?? [];
    if (key !== null) return describeCell(tokens, map, query, key);
    const looks = strongest(map, query, 3).map(link => `${link.weight.toFixed(2)} to “${visible(tokens, link.key)}” (${link.key})`);
    return `query “${visible(tokens, query)}” (${query}) attends ${looks.join(', ') || 'to nothing much'}`;
  }
}
