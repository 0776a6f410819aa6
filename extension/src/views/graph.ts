/**
 * The graph of a model or a computation, laid out by Graphviz in a worker.
 *
 * Modules open and close (double click, Enter); repeated blocks are folded into one. A node that is picked tells all
 * about itself beside the drawing. Arrow keys walk along the edges.
 */
import { button, h } from '../core/dom';
import { viewFrame } from '../core/frame';
import { cividis, css } from '../core/palette';
import { Graph, Store } from '../core/store';
import { View } from '../core/view';
import { Camera } from '../graph/camera';
import { BUDGET, Picture, Shown, collapse, initiallyOpen } from '../graph/collapse';
import { toDot } from '../graph/dot';
import { Layout } from '../graph/layout';
import { adopt } from '../graph/svg';
import { describe, detailOf, tableOf } from './graph-detail';

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
  private svg: SVGSVGElement | null = null;
  private readonly canvas = h('div', { class: 'wb-graph', tabindex: 0 });
  private readonly detail = h('div', { class: 'wb-graph-side', 'aria-live': 'polite' });
  private readonly search = h('input', { type: 'search', class: 'wb-search', placeholder: 'find a node', 'aria-label': 'Find a node by name' });
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
    this.frame.body.append(h('div', { class: 'wb-graph-pair' }, this.canvas, this.detail));
    this.frame.picture(this.canvas);
    this.canvas.addEventListener('click', event => this.click(event));
    this.canvas.addEventListener('dblclick', event => this.toggle(this.idAt(event)));
    this.canvas.addEventListener('keydown', event => this.key(event));
    this.search.addEventListener('input', () => this.find(this.search.value.toLowerCase()));
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
      }, { 'aria-pressed': 'false', title });
      return each;
    };
    return [
      button('Fit', () => this.camera.fit(), { title: 'Show all of it (0)', 'data-wb-cmd': 'fit' }),
      button('Open all', () => this.openAll(), { 'data-wb-cmd': 'open-all' }),
      button('Close all', () => this.setOpen(new Set()), { 'data-wb-cmd': 'close-all' }),
      flip('parameters', 'Draw parameters and buffers too', () => (this.parameters = !this.parameters)),
      flip('gradients', 'Colour edges by the size of the gradient that flows back along them', () => {
        this.painted = !this.painted;
        this.paint();
        return this.painted;
      }),
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
    if (graph !== this.graph) {
      const same = this.graph && this.graph.nodes.map(node => node.id).join() === graph.nodes.map(node => node.id).join();
      if (!same) {
        this.open = initiallyOpen(graph);
        this.unfolded = new Set();
        this.picked = null;
        this.fit = true;
      }
      this.graph = graph;
    }
    this.picture = collapse(graph, { open: this.open, unfolded: this.unfolded, parameters: this.parameters });
    this.frame.sentence(describe(graph, this.picture));
    const dot = toDot(this.picture);
    if (dot !== this.drawn) void this.render(dot, this.picture);
    else this.showDetail();
  }

  /** The old picture stays until the new one is there. */
  private async render(dot: string, picture: Picture): Promise<void> {
    this.drawn = dot;
    this.canvas.setAttribute('aria-busy', 'true');
    try {
      const text = await this.layout.svg(dot);
      if (text === null) return;
      this.svg = adopt(text);
      this.canvas.replaceChildren(this.svg);
      this.canvas.dataset.nodes = String(picture.nodes.length);
      this.camera.take(this.svg, this.fit);
      this.fit = false;
      this.paint();
      this.showDetail();
    } catch (problem) {
      this.frame.error(`The graph could not be laid out: ${problem instanceof Error ? problem.message : String(problem)}`);
    } finally {
      this.canvas.removeAttribute('aria-busy');
    }
  }

  private openAll(): void {
    const modules = this.graph?.nodes.filter(node => node.kind === 'module').map(node => node.id) ?? [];
    const open = new Set(modules);
    // Beyond the budget a layout takes minutes: the deepest modules stay closed.
    const depth = (id: string): number => id.split('.').length;
    for (let most = Math.max(0, ...modules.map(depth)); most > 0; most--) {
      if (collapse(this.graph!, { open, unfolded: this.unfolded, parameters: this.parameters }).nodes.length <= BUDGET) break;
      for (const id of modules) if (depth(id) >= most) open.delete(id);
    }
    this.setOpen(open);
  }

  private setOpen(open: Set<string>): void {
    this.open = open;
    this.fit = true;
    this.frame.schedule();
  }

  private shown(id: string | null): Shown | undefined {
    return this.picture?.nodes.find(each => each.id === id);
  }

  private element(id: string): SVGGElement | null {
    const index = this.picture?.nodes.findIndex(each => each.id === id) ?? -1;
    return this.svg?.querySelector(`#wb-node-${index}`) ?? null;
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

  private pick(id: string | null): void {
    this.picked = id;
    this.showDetail();
  }

  private toggle(id: string | null): void {
    const node = this.graph?.nodes.find(each => each.id === id);
    if (!id || node?.kind !== 'module') return;
    const shown = this.shown(id);
    if (shown && shown.times > 1) this.unfolded.add(id);
    else if (this.open.has(id)) this.open.delete(id);
    else this.open.add(id);
    this.frame.schedule();
  }

  private showDetail(): void {
    this.svg?.querySelectorAll('.wb-picked').forEach(each => each.classList.remove('wb-picked'));
    const shown = this.shown(this.picked);
    if (!shown || !this.picture) {
      const hint = this.picture?.nodes.some(each => each.node.kind === 'module') ? ' Double click a module to open it.' : '';
      this.detail.replaceChildren(h('p', { class: 'wb-hint' }, `Click a node: its shape, its numbers, its gradient and the line that made it.${hint}`));
      return;
    }
    this.element(shown.id)?.classList.add('wb-picked');
    this.detail.replaceChildren(detailOf(shown, this.picture, id => this.pick(id)));
    if (shown.node.kind === 'module') this.detail.append(button(shown.times > 1 ? 'Unfold' : 'Open', () => this.toggle(shown.id)));
  }

  /** Edges in the colour of the gradient of the tensor they carry; thin and grey where it is not known. */
  private paint(): void {
    if (!this.svg || !this.picture) return;
    const norms = new Map(this.picture.nodes.map(({ id, node }) => [id, node.grad?.norm ?? null]));
    const powers = [...norms.values()].filter((norm): norm is number => norm !== null && norm > 0).map(Math.log10);
    const [low, high] = [Math.min(...powers), Math.max(...powers)];
    this.picture.edges.forEach(({ from }, index) => {
      const path = this.svg!.querySelector<SVGPathElement>(`#wb-edge-${index} path`);
      const norm = norms.get(from);
      if (!path) return;
      const known = this.painted && norm;
      path.style.stroke = known ? css(cividis(high > low ? (Math.log10(norm) - low) / (high - low) : 1)) : '';
      path.style.strokeWidth = known ? '3' : '';
    });
  }

  private find(text: string): void {
    this.svg?.querySelectorAll('.wb-found').forEach(each => each.classList.remove('wb-found'));
    if (!text) return;
    const hits = this.picture?.nodes.filter(({ node }) => `${node.label} ${node.type} ${node.id}`.toLowerCase().includes(text)) ?? [];
    hits.forEach(({ id }) => this.element(id)?.classList.add('wb-found'));
    const first = hits[0] && this.element(hits[0].id);
    if (first) this.camera.centre(first);
  }

  private key(event: KeyboardEvent): void {
    const act = this.action(event.key);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  private action(key: string): (() => void) | null {
    const edges = this.picture?.edges ?? [];
    const at = this.picked && this.shown(this.picked) ? this.picked : null;
    const to = (id: string | undefined) => (): void => {
      if (id === undefined) return;
      this.pick(id);
      const element = this.element(id);
      if (element) this.camera.centre(element);
    };
    const beside = (step: number): string | undefined => {
      const parent = edges.find(edge => edge.to === at)?.from;
      const row = edges.filter(edge => edge.from === parent).map(edge => edge.to);
      return row[row.indexOf(at ?? '') + step];
    };
    switch (key) {
      case 'ArrowDown': return to(at ? edges.find(edge => edge.from === at)?.to : this.picture?.nodes[0]?.id);
      case 'ArrowUp': return to(edges.find(edge => edge.to === at)?.from);
      case 'ArrowLeft': return to(beside(-1));
      case 'ArrowRight': return to(beside(1));
      case 'Enter': return () => this.toggle(at);
      case 'Escape': return () => this.pick(null);
      case '+': return () => this.camera.zoom(1 / 1.2);
      case '-': return () => this.camera.zoom(1.2);
      case '0': return () => this.camera.fit();
      default: return null;
    }
  }
}
