/** The list of layers in the activations view: one row each, updated in place so that focus and hover stay. */
import { button, h, setAttribute, setText } from '../core/dom';
import { shape, short } from '../core/format';
import { Activations } from '../core/store';
import { countsOf, flags, outline, percent, statistic } from './activations-model';

const SPARK = { width: 84, height: 24 };
const SVG = 'http://www.w3.org/2000/svg';

interface Row {
  root: HTMLButtonElement;
  path: SVGPathElement;
  numbers: HTMLElement;
  dead: HTMLElement;
  saturated: HTMLElement;
  flags: HTMLElement;
}

export class LayerRows {
  readonly root = h('div', { class: 'wb-layers', role: 'group', 'aria-label': 'Layers' });
  private rows = new Map<string, Row>();
  private order = '';

  constructor(private readonly choose: (name: string) => void) {}

  /** Shows the layers of these indices, the open one marked. */
  update(found: Activations, indices: number[], open: string | null): void {
    const order = indices.map(index => `${found.layers[index].name}\t${found.layers[index].type}`).join('\n');
    if (order !== this.order) {
      this.order = order;
      this.rows = new Map(indices.map(index => [found.layers[index].name, this.row(found, index)]));
      this.root.replaceChildren(...[...this.rows.values()].map(({ root }) => root));
    }
    for (const index of indices) this.fill(found, index, open);
  }

  private row(found: Activations, index: number): Row {
    const { name, type, shape: dims } = found.layers[index];
    const path = document.createElementNS(SVG, 'path');
    const spark = document.createElementNS(SVG, 'svg');
    for (const [key, value] of Object.entries({ viewBox: `0 0 ${SPARK.width} ${SPARK.height}`, preserveAspectRatio: 'none', class: 'wb-spark', 'aria-hidden': 'true' })) {
      spark.setAttribute(key, value);
    }
    spark.append(path);
    const [numbers, dead, saturated] = [h('span', { class: 'wb-layer-numbers' }), meter('dead'), meter('saturated')];
    const said = h('span', { class: 'wb-layer-flags' });
    const root = button('', () => this.choose(name), { class: 'wb-layer', 'data-layer': name, title: name });
    root.append(
      h('span', { class: 'wb-layer-name' }, h('b', {}, name), h('span', { class: 'wb-layer-type' }, `${type} ${shape(dims.slice(1))}`)),
      spark, numbers, dead, saturated, said
    );
    return { root, path, numbers, dead, saturated, flags: said };
  }

  private fill(found: Activations, index: number, open: string | null): void {
    const row = this.rows.get(found.layers[index].name);
    if (!row) return;
    setAttribute(row.root, 'aria-pressed', String(found.layers[index].name === open));
    row.path.setAttribute('d', outline(countsOf(found, index), SPARK.width, SPARK.height));
    setText(row.numbers, `${short(statistic(found, index, 'mean'), 2)} ± ${short(statistic(found, index, 'std'), 2)}`);
    for (const column of ['dead', 'saturated'] as const) {
      const share = statistic(found, index, column);
      setText(row[column].firstElementChild!, percent(share));
      row[column].style.setProperty('--wb-share', String(Number.isFinite(share) ? share : 0));
    }
    const bad = flags(found, index);
    setText(row.flags, bad.length ? `⚠ ${bad.join(', ')}` : '');
  }
}

/** A share as a number over a bar, with its meaning for those who do not see the head of the column. */
function meter(name: string): HTMLElement {
  return h('span', { class: 'wb-share' }, h('span', {}), h('span', { class: 'wb-hidden' }, ` ${name}`));
}
