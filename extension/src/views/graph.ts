/**
 * The graph of a model or a computation, laid out by Graphviz in a worker.
 *
 * Modules open and close (double click, Enter); repeated blocks are folded into one. A node that is picked tells all
 * about itself beside the drawing. Arrow keys walk along the edges.
 */
import { button, h, uniqueId } from '../core/dom';
import { viewFrame } from '../core/frame';
import { Graph, Store } from '../core/store';
import { View } from '../core/view';
import { Camera } from '../graph/camera';
import { Picture, Shown, collapse, initiallyOpen, levels, openTo } from '../graph/collapse';
import { toDot } from '../graph/dot';
import { Layout } from '../graph/layout';
import { adopt } from '../graph/svg';
import { describe, detailOf, tableOf } from './graph-detail';
import { Legend, markFound, markPath, nameAll, paintEdges } from './graph-paint';
import { next } from './graph-walk';

const EMPTY_CODE = `wb.show.graph(loss)        # of a tensor, before backward
wb.show.graph(model, x)    # of a model on a batch
wb.show.graph(run)         # of a run's model`;

export const mountGraph: View = (element, store) => {
  const view = new GraphView(element, store);
  return () => view.dispose();
};

class GraphView {
  private graph: Graph | null = null;
  private open = new Set<string>();
  private unfolded = new Set<string>();
  private parameters = false;
  private painted = false;
  private picked: string | null = null;
  private picture: Picture | null = null;
  private drawn = '';
  private fit = true;
  /** a node to bring into the middle once the picture with it is there */
  private goal: string | null = null;
  private svg: SVGSVGElement | null = null;
  private readonly canvas = h('div', { class: 'wb-graph', tabindex: 0 });
  private readonly detail = h('div', { class: 'wb-graph-side' });
  private readonly search = h('input', { type: 'search', class: 'wb-search', placeholder: 'find a node', 'aria-label': 'Find a node by name; Enter goes to the next' });
  private readonly depth = h('input', { type: 'range', class: 'wb-depth', min: 0, max: 1, step: 1, id: uniqueId('depth') });
  private readonly depthLabel = h('label', { class: 'wb-label', for: this.depth.id, title: 'How many levels of modules are open' }, 'depth');
  private readonly legend = new Legend();
  private readonly camera = new Camera(this.canvas);
  private readonly layout = new Layout();
  private readonly frame;
  private readonly unsubscribe: () => void;

  constructor(element: HTMLElement, private readonly store: Store) {
    this.frame = viewFrame(element, {
      name: 'graph',
      title: 'Graph',
      draw: () => this.draw(),
      table: () => (this.graph ? tableOf(this.graph) : { caption: 'no graph', head: [], rows: [] }),
      pictures: { svg: () => this.svg }
    });
    this.frame.tools.append(...this.makeTools());
    this.frame.body.append(h('div', { class: 'wb-graph-pair' }, h('div', { class: 'wb-graph-box' }, this.canvas, this.legend.element), this.detail));
    this.frame.picture(this.canvas);
    this.canvas.addEventListener('click', event => this.click(event));
    this.canvas.addEventListener('dblclick', event => this.toggle(this.idAt(event)));
    this.canvas.addEventListener('keydown', event => this.key(event));
    this.canvas.addEventListener('pointerover', event => this.hover(this.idAt(event)));
    this.canvas.addEventListener('pointerleave', () => this.hover(null));
    this.search.addEventListener('input', () => markFound(this.svg, this.picture, this.search.value));
    this.search.addEventListener('keydown', event => event.key === 'Enter' && this.goToFound());
    this.depth.addEventListener('input', () => this.graph && this.setOpen(openTo(this.graph, Number(this.depth.value))));
    this.unsubscribe = store.subscribe(change => {
      if (change === 'graph' || change === 'selection' || change === 'runs') this.frame.schedule();
    });
    this.frame.schedule();
  }

  dispose(): void {
    this.unsubscribe();
    this.layout.stop();
    this.frame.dispose();
  }

  private makeTools(): HTMLElement[] {
    const flip = (text: string, title: string, act: () => boolean): HTMLButtonElement => {
      const each = button(text, () => {
        each.setAttribute('aria-pressed', String(act()));
        this.frame.schedule();
      }, { 'aria-pressed': 'false', title, 'data-wb-cmd': text });
      return each;
    };
    return [
      button('Fit', () => this.camera.fit(), { title: 'Show all of it (0)', 'data-wb-cmd': 'fit' }),
      h('span', { class: 'wb-depth-box' }, this.depthLabel, this.depth),
      flip('parameters', 'Draw parameters and buffers too', () => {
        this.fit = true;
        return (this.parameters = !this.parameters);
      }),
      flip('gradients', 'Colour edges by the size of the gradient that flows back along them', () => (this.painted = !this.painted)),
      this.search
    ];
  }

  private draw(): void {
    const graph = this.store.run?.graph ?? null;
    if (!graph) {
      if (this.store.run) this.frame.empty('No graph has been recorded in this run.', EMPTY_CODE);
      else this.frame.empty('Nothing to show yet. Run this in a cell:', EMPTY_CODE);
      return;
    }
    this.frame.clear();
    if (graph !== this.graph) this.take(graph);
    this.picture = collapse(graph, { open: this.open, unfolded: this.unfolded, parameters: this.parameters });
    this.frame.sentence(describe(graph, this.picture));
    const dot = toDot(this.picture);
    if (dot !== this.drawn) void this.render(dot, this.picture);
    else {
      // Nothing was picked just now, so nothing is read aloud.
      this.detail.removeAttribute('aria-live');
      this.refresh();
    }
  }

  /** The same nodes with new numbers keep the person's view of them; another graph starts afresh. */
  private take(graph: Graph): void {
    const before = this.graph?.nodes;
    const same = before?.length === graph.nodes.length && before.every((node, index) => node.id === graph.nodes[index].id);
    this.graph = graph;
    if (same) return;
    this.open = initiallyOpen(graph);
    this.unfolded = new Set();
    this.picked = null;
    this.fit = true;
    const tree = levels(graph);
    const deepest = tree.findIndex(level => !level.some(id => this.open.has(id)));
    this.depth.max = String(tree.length);
    this.depth.value = String(deepest < 0 ? tree.length : deepest);
    this.depth.parentElement!.hidden = tree.length < 1;
  }

  /** The old picture stays until the new one is there. */
  private async render(dot: string, picture: Picture): Promise<void> {
    this.drawn = dot;
    this.canvas.setAttribute('aria-busy', 'true');
    try {
      const text = await this.layout.svg(dot);
      if (text === null) return;
      this.svg = adopt(text);
      nameAll(this.svg, picture);
      this.canvas.replaceChildren(this.svg);
      this.canvas.dataset.nodes = String(picture.nodes.length);
      this.camera.take(this.svg, this.fit);
      this.fit = false;
      this.refresh();
      if (this.goal) this.show(this.goal);
      this.goal = null;
    } catch (problem) {
      this.drawn = '';
      this.frame.error(`The graph could not be laid out: ${problem instanceof Error ? problem.message : String(problem)}`);
    }
    this.canvas.removeAttribute('aria-busy');
  }

  /** Everything about a picture that changes without a new layout. */
  private refresh(): void {
    if (!this.svg || !this.picture) return;
    this.legend.show(this.painted, paintEdges(this.svg, this.painted ? this.picture : null));
    markFound(this.svg, this.picture, this.search.value);
    this.showDetail();
  }

  private setOpen(open: Set<string>): void {
    this.open = open;
    this.unfolded = new Set();
    this.fit = true;
    this.frame.schedule();
  }

  /** What is drawn under an id: a node, or the frame of an open module. */
  private shown(id: string | null): Shown | undefined {
    const frame = this.picture?.clusters.find(each => each.id === id);
    return frame ? { id: frame.id, node: frame, times: 1, folded: [frame], result: frame, broken: false } : this.picture?.nodes.find(each => each.id === id);
  }

  private element(id: string): SVGGElement | null {
    const node = this.picture?.nodes.findIndex(each => each.id === id) ?? -1;
    const frame = this.picture?.clusters.findIndex(each => each.id === id) ?? -1;
    return this.svg?.querySelector(node >= 0 ? `#wb-node-${node}` : `#wb-cluster-${frame}`) ?? null;
  }

  private idAt(event: Event): string | null {
    const group = (event.target as Element).closest?.('g.node, g.cluster');
    const index = Number(group?.id.split('-').pop());
    if (group?.id.startsWith('wb-node-')) return this.picture?.nodes[index]?.id ?? null;
    if (group?.id.startsWith('wb-cluster-')) return this.picture?.clusters[index]?.id ?? null;
    return null;
  }

  private click(event: MouseEvent): void {
    if (!this.camera.moved) this.pick(this.idAt(event));
  }

  private hover(id: string | null): void {
    markPath(this.svg, this.picture, id ?? this.picked);
  }

  private pick(id: string | null): void {
    this.picked = id;
    // Spoken when a person picks; new numbers of a running loop are not.
    this.detail.setAttribute('aria-live', 'polite');
    this.showDetail();
  }

  /** Picks a node and brings it into the middle. */
  private show(id: string): void {
    this.pick(id);
    const element = this.element(id);
    if (element) this.camera.centre(element);
  }

  private toggle(id: string | null): void {
    const shown = this.shown(id);
    if (!id || shown?.node.kind !== 'module') return;
    if (shown.times > 1) shown.folded.forEach(each => this.unfolded.add(each.id));
    else if (this.open.delete(id)) this.graph?.nodes.forEach(node => node.parent === id && this.unfolded.delete(node.id));
    else this.open.add(id);
    // The person looks at this place: it stays in the middle however much grows around it.
    this.goal = id;
    this.frame.schedule();
  }

  private showDetail(): void {
    this.svg?.querySelectorAll('.wb-picked').forEach(each => each.classList.remove('wb-picked'));
    const shown = this.shown(this.picked);
    markPath(this.svg, this.picture, shown?.id ?? null);
    if (!shown || !this.picture) {
      const hint = this.picture?.nodes.some(each => each.node.kind === 'module') ? ' Double click a module to open it.' : '';
      this.detail.replaceChildren(h('p', { class: 'wb-hint' }, `Click a node: its shape, its numbers, its gradient and the line that made it.${hint}`));
      return;
    }
    this.element(shown.id)?.classList.add('wb-picked');
    this.detail.replaceChildren(detailOf(shown, this.picture, id => this.show(id)));
    if (shown.node.kind !== 'module' || !this.graph?.nodes.includes(shown.node)) return;
    const text = shown.times > 1 ? 'Unfold' : this.open.has(shown.id) ? 'Close' : 'Open';
    this.detail.append(button(text, () => this.toggle(shown.id), { 'data-wb-cmd': 'toggle' }));
  }

  /** The next node of that name, after the picked one; modules that hide it are opened. */
  private goToFound(): void {
    const text = this.search.value.toLowerCase().trim();
    if (!this.graph || !text) return;
    const hits = this.graph.nodes.filter(node => `${node.label} ${node.type} ${node.id}`.toLowerCase().includes(text) && (this.parameters || (node.kind !== 'parameter' && node.kind !== 'buffer')));
    const hit = hits[(hits.findIndex(node => node.id === this.picked) + 1) % hits.length];
    if (!hit) return;
    if (this.shown(hit.id)) return this.show(hit.id);
    const byId = new Map(this.graph.nodes.map(node => [node.id, node]));
    for (let above = byId.get(hit.parent); above; above = byId.get(above.parent)) this.open.add(above.id);
    this.unfolded.add(hit.id);
    this.picked = this.goal = hit.id;
    this.frame.schedule();
  }

  private key(event: KeyboardEvent): void {
    const act = this.action(event.key);
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  private action(key: string): (() => void) | null {
    const at = this.shown(this.picked)?.id ?? null;
    if (key.startsWith('Arrow')) {
      return () => {
        const id = this.picture && next(this.picture, at, key);
        if (id) this.show(id);
      };
    }
    switch (key) {
      case 'Enter': return () => this.toggle(at);
      case 'Escape': return () => this.pick(null);
      case '+': return () => this.camera.zoom(1 / 1.2);
      case '-': return () => this.camera.zoom(1.2);
      case '0': return () => this.camera.fit();
      default: return null;
    }
  }
}
