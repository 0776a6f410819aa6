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

  private readonly take = (message: ToView, buffers: DataView[]): void => {
    this.heard = true;
    if ('seq' in message) this.follow(message.seq);
    this.store.apply(message, buffers);
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
