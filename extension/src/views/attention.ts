/**
 * Attention: every head of a layer as a small map; the chosen one large, token to token, with lines to what the query
 * under the cursor looks at.
 */
import { paintBytes, prepare } from '../core/canvas';
import { button, h } from '../core/dom';
import { viewFrame } from '../core/frame';
import { CIVIDIS_GRADIENT } from '../core/palette';
import { Attention, Store } from '../core/store';
import { themeOf } from '../core/theme';
import { View } from '../core/view';
import { Map2, describe, head, meanOfHeads, rollout, strongest, tableOf } from './attention-model';

const EMPTY_CODE = `run.tokens = corpus.tokens          # labels, in a run of your own
wb.show.attention(run)
wb.show.attention(model, ids, tokens=words)`;
const LARGE = 380;
const MOST_LABELS = 48;
const LINE_ROWS = 40;

type Choice = { kind: 'head'; index: number } | { kind: 'mean' } | { kind: 'rollout' };

export const mountAttention: View = (element, store) => {
  const view = new AttentionView(element, store);
  return () => view.dispose();
};

class AttentionView {
  private layer = 0;
  private choice: Choice = { kind: 'head', index: 0 };
  private query: number | null = null;
  private readonly picker = h('select', { class: 'wb-select', 'aria-label': 'Layer' });
  private readonly heads = h('div', { class: 'wb-heads', role: 'group', 'aria-label': 'Heads' });
  private readonly large = h('canvas', { class: 'wb-attention', tabindex: 0 });
  private readonly lines = h('canvas', { class: 'wb-attention-lines', 'aria-hidden': 'true' });
  private readonly legend = h('div', { class: 'wb-legend' }, h('span', {}, 'weight 0'), h('span', { class: 'wb-ramp', style: `background: ${CIVIDIS_GRADIENT}` }), h('span', {}, 'strongest'));
  private readonly readout = h('p', { class: 'wb-readout', 'aria-live': 'polite' });
  private readonly frame;
  private readonly unsubscribe: () => void;

  constructor(element: HTMLElement, private readonly store: Store) {
    this.frame = viewFrame(element, {
      name: 'attention',
      title: 'Attention',
      draw: () => this.draw(),
      table: () => (this.found ? tableOf(this.found, this.map(this.found)) : { caption: 'no attention', head: [], rows: [] }),
      pictures: { png: () => this.large }
    });
    this.frame.tools.append(this.picker);
    this.frame.body.append(this.heads, h('div', { class: 'wb-attention-pair' }, this.large, this.lines), this.legend, this.readout);
    this.frame.picture(this.large);
    this.picker.addEventListener('change', () => {
      this.layer = Number(this.picker.value);
      this.choice = { kind: 'head', index: 0 };
      this.frame.schedule();
    });
    this.large.addEventListener('mousemove', event => this.point(event));
    this.large.addEventListener('keydown', event => this.key(event));
    this.unsubscribe = store.subscribe(change => {
      if (change === 'attention' || change === 'selection' || change === 'runs') this.frame.schedule();
    });
    this.frame.schedule();
  }

  dispose(): void {
    this.unsubscribe();
    this.frame.dispose();
  }

  private get found(): Attention | null {
    const found = this.store.run?.attention;
    return found?.layers.length ? found : null;
  }

  private map(found: Attention): Map2 {
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
    this.fillPicker(found);
    this.drawHeads(found);
    const map = this.map(found);
    this.drawLarge(found, map);
    this.drawLines(found, map);
    this.frame.sentence(describe(found, map));
  }

  private fillPicker(found: Attention): void {
    const key = found.layers.map(layer => layer.name).join('\n');
    if (this.picker.dataset.key !== key) {
      this.picker.dataset.key = key;
      this.picker.replaceChildren(...found.layers.map((layer, index) => h('option', { value: index }, `${layer.name} · ${layer.heads} heads`)));
    }
    this.picker.value = String(this.layer);
  }

  private drawHeads(found: Attention): void {
    const { heads, queries, keys, weights } = found.layers[this.layer];
    const key = `${this.layer}/${found.step}/${JSON.stringify(this.choice)}`;
    if (this.heads.dataset.key === key) return;
    this.heads.dataset.key = key;
    const size = queries * keys;
    const small = (choice: Choice, title: string, bytes: ArrayLike<number>): HTMLElement => {
      const image = h('canvas', { 'aria-hidden': 'true' });
      paintBytes(image, stretched(bytes), queries, keys);
      const each = button('', () => {
        this.choice = choice;
        this.frame.schedule();
      }, { class: 'wb-head-button', 'aria-pressed': String(JSON.stringify(choice) === JSON.stringify(this.choice)) });
      each.append(image, title);
      return each;
    };
    const all = Array.from({ length: heads }, (_, index) => small({ kind: 'head', index }, `head ${index}`, weights.subarray(index * size, (index + 1) * size)));
    all.push(small({ kind: 'mean' }, 'mean', bytesOf(meanOfHeads(found, this.layer))));
    const rolled = rollout(found, this.layer);
    if (rolled) all.push(small({ kind: 'rollout' }, 'rollout', bytesOf(rolled)));
    this.heads.replaceChildren(...all);
  }

  private side(): number {
    return Math.max(180, Math.min(LARGE, (this.heads.clientWidth || LARGE) - 4));
  }

  private margins(map: Map2): number {
    return map.queries <= MOST_LABELS ? 64 : 8;
  }

  private drawLarge(found: Attention, map: Map2): void {
    const side = this.side();
    const margin = this.margins(map);
    const context = prepare(this.large, side, side);
    if (!context) return;
    const image = document.createElement('canvas');
    paintBytes(image, stretched(bytesOf(map)), map.queries, map.keys);
    context.imageSmoothingEnabled = map.keys > side;
    context.drawImage(image, margin, margin, side - margin, side - margin);
    const theme = themeOf(this.large);
    context.strokeStyle = theme.text;
    context.lineWidth = 1.5;
    if (this.query !== null) {
      const row = (side - margin) / map.queries;
      context.strokeRect(margin, margin + this.query * row, side - margin, Math.max(2, row));
    }
    if (margin < 20) return;
    const step = (side - margin) / map.queries;
    context.fillStyle = theme.text;
    context.font = `${Math.min(12, Math.max(8, step))}px ${theme.font}`;
    context.textBaseline = 'middle';
    for (let index = 0; index < map.queries; index++) {
      context.textAlign = 'right';
      context.fillText((found.tokens[index] ?? '').slice(0, 9), margin - 4, margin + (index + 0.5) * step);
      context.save();
      context.translate(margin + (index + 0.5) * step, margin - 4);
      context.rotate(-Math.PI / 2);
      context.textAlign = 'left';
      context.fillText((found.tokens[index] ?? '').slice(0, 9), 0, 0);
      context.restore();
    }
  }

  /** Queries at the left, keys at the right, a line for every strong look; those of the chosen query in full colour. */
  private drawLines(found: Attention, map: Map2): void {
    const side = this.side();
    const rows = Math.min(map.queries, LINE_ROWS);
    this.lines.hidden = map.queries > LINE_ROWS;
    const width = Math.min(220, side);
    const context = this.lines.hidden ? null : prepare(this.lines, width, side);
    if (!context) return;
    const theme = themeOf(this.lines);
    const step = side / rows;
    context.strokeStyle = theme.accent;
    for (let query = 0; query < rows; query++) {
      for (const { key, weight } of strongest(map, query)) {
        if (key >= rows) continue;
        const chosen = this.query === null || this.query === query;
        context.globalAlpha = chosen ? Math.min(1, 0.08 + weight) : 0.05;
        context.lineWidth = 0.5 + 2.5 * weight;
        context.beginPath();
        context.moveTo(60, (query + 0.5) * step);
        context.bezierCurveTo(width / 2, (query + 0.5) * step, width / 2, (key + 0.5) * step, width - 60, (key + 0.5) * step);
        context.stroke();
      }
    }
    context.globalAlpha = 1;
    context.fillStyle = theme.text;
    context.font = `${Math.min(12, Math.max(8, step))}px ${theme.font}`;
    context.textBaseline = 'middle';
    for (let index = 0; index < rows; index++) {
      const token = (found.tokens[index] ?? '').slice(0, 8);
      context.textAlign = 'right';
      context.fillText(token, 56, (index + 0.5) * step);
      context.textAlign = 'left';
      context.fillText(token, width - 56, (index + 0.5) * step);
    }
  }

  private point(event: MouseEvent): void {
    const found = this.found;
    if (!found) return;
    const map = this.map(found);
    const margin = this.margins(map);
    const side = this.side();
    const place = (offset: number, count: number): number => Math.floor(((offset - margin) / (side - margin)) * count);
    const [query, key] = [place(event.offsetY, map.queries), place(event.offsetX, map.keys)];
    if (query < 0 || key < 0 || query >= map.queries || key >= map.keys) return;
    this.readout.textContent = `query “${found.tokens[query]}” (${query}) attends ${map.weights[query * map.keys + key].toFixed(2)} to “${found.tokens[key]}” (${key})`;
    this.chooseQuery(query);
  }

  private key(event: KeyboardEvent): void {
    const found = this.found;
    if (!found || !['ArrowUp', 'ArrowDown', 'Escape'].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === 'Escape') return this.chooseQuery(null);
    const map = this.map(found);
    const next = (this.query ?? -1) + (event.key === 'ArrowDown' ? 1 : -1);
    const query = Math.max(0, Math.min(map.queries - 1, next));
    const looks = strongest(map, query, 3).map(({ key, weight }) => `“${found.tokens[key]}” (${key}) ${weight.toFixed(2)}`);
    this.readout.textContent = `query “${found.tokens[query]}” (${query}) attends to ${looks.join(', ')}`;
    this.chooseQuery(query);
  }

  private chooseQuery(query: number | null): void {
    if (query === this.query) return;
    this.query = query;
    this.frame.schedule();
  }
}

function bytesOf(map: Map2): Uint8Array {
  return Uint8Array.from(map.weights, weight => Math.round(weight * 255));
}

/** The same picture with its strongest weight at full brightness: in long texts every weight is small. */
function stretched(bytes: ArrayLike<number>): Uint8Array {
  let most = 1;
  for (let index = 0; index < bytes.length; index++) most = Math.max(most, bytes[index]);
  return Uint8Array.from({ length: bytes.length }, (_, index) => Math.round((bytes[index] / most) * 255));
}
