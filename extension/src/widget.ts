/**
 * The anywidget entry: the same views in VS Code, Colab, and any notebook front end without our extension.
 *
 * The default export is a factory because `initialize` and `render` receive different proxies of one model; its
 * closure is what belongs to one model. The kernel hears of a widget only while one of its views is on the page:
 * JupyterLab makes the model of every output, also of those that our own renderer shows.
 */
import type { AnyModel, RenderProps } from '@anywidget/types';
import css from 'wb:style';
import { ToView, VERSION } from './core/protocol';
import { nextFrame } from './core/schedule';
import { Store } from './core/store';
import { Outgoing, Transport } from './core/view';
import { mountNamed } from './views/named';

/** Traits of the widget on the Python side. */
interface Traits {
  view: string;
  run: string;
}

const PING_EVERY = 1000;
const PATIENCE = 20_000;

/** A message outside the protocol of runs: only widgets lack a server that could hand out a file. */
interface AssetMessage {
  op: 'asset';
}

/**
 * The source of the graph's layout worker, from the kernel, once for all widgets of the page (each of them is a module
 * of its own); scripts/bundle.mjs puts this call in the place of the module.
 */
function provideLayout(fetch: () => Promise<string>): void {
  const page = globalThis as unknown as Record<symbol, unknown>;
  page[Symbol.for('workbench.layout')] = () => (page[Symbol.for('workbench.layout.source')] ??= fetch());
}

/** The line of one widget to its kernel. */
class WidgetLink {
  readonly store = new Store();
  private readonly name = Math.random().toString(36).slice(2, 10);
  private model: AnyModel<Traits> | null = null;
  private views = 0;
  private heard = false;
  private lastSeq: number | null = null;
  private cancelAck: (() => void) | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private pings = 0;
  private assetArrived: ((source: string) => void) | null = null;

  /** A view appears: the first one opens the line. */
  enter(model: AnyModel<Traits>): void {
    if (this.views++) return;
    this.model = model;
    this.lastSeq = null;
    this.heard = false;
    // Chosen before anything is known, so that the view stays on its run when others start.
    this.store.select(model.get('run'));
    model.on('msg:custom', this.take);
    this.timer = setInterval(() => this.tick(), PING_EVERY);
    this.ready();
    provideLayout(() => this.fetchAsset());
  }

  /** A view goes: the last one closes the line. */
  leave(): void {
    if (--this.views) return;
    this.send({ op: 'bye' });
    this.close();
  }

  send(message: Outgoing): void {
    try {
      this.model?.send({ ...message, view: this.name });
    } catch {
      // The kernel has gone, or was exchanged: what was seen stays, and nothing more can be said.
      this.close();
      this.store.disconnect();
    }
  }

  private close(): void {
    this.model?.off('msg:custom', this.take);
    this.model = null;
    clearInterval(this.timer);
    this.cancelAck?.();
  }

  private ready(): void {
    this.send({ op: 'ready', v: VERSION, run: this.model?.get('run') ?? '' });
  }

  private tick(): void {
    // What is sent before the front end has a subshell for us waits for the cell to end: ask again.
    if (!this.heard) this.ready();
    const waiting = [...this.store.runs.values()].some(run => run.state === 'running' && !run.control);
    if (waiting) this.send({ op: 'ping', id: ++this.pings });
  }

  private fetchAsset(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.assetArrived = resolve;
      setTimeout(() => reject(new Error('the kernel did not send the layout engine; is it busy?')), PATIENCE);
      this.model?.send({ op: 'asset' });
    });
  }

  private readonly take = (message: ToView | AssetMessage, buffers: DataView[]): void => {
    this.heard = true;
    if (message.op === 'asset') return this.assetArrived?.(new TextDecoder().decode(buffers[0]));
    if ('seq' in message) this.follow(message.seq);
    this.store.apply(message, buffers);
    // The kernel tells a widget of its own runs only: others than the shown one are there to be compared.
    if (message.op === 'hello' && message.run !== this.model?.get('run')) this.store.compared.add(message.run);
  };

  private follow(seq: number): void {
    const gap = this.lastSeq !== null && seq > this.lastSeq + 1;
    this.lastSeq = gap ? null : seq;
    if (gap) this.ready();
    this.cancelAck ??= nextFrame(() => {
      this.cancelAck = null;
      this.send({ op: 'ack', seq: this.lastSeq ?? seq });
    });
  }
}

export default () => {
  const link = new WidgetLink();
  return {
    render({ model, el }: RenderProps<Traits>) {
      const style = document.createElement('style');
      style.textContent = css;
      const box = document.createElement('div');
      box.className = 'wb-output';
      el.append(style, box);
      const transport: Transport = { kind: 'widget', send: message => link.send(message) };
      link.enter(model);
      const unmount = mountNamed(box, model.get('view'), link.store, transport);
      return () => {
        unmount();
        link.leave();
      };
    }
  };
};
