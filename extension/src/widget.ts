/**
 * The anywidget entry: the same views in VS Code, Colab, and any notebook front end without our extension.
 *
 * The default export is a factory because `initialize` and `render` receive different proxies of one model; its
 * closure is what belongs to one model.
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

export default () => {
  const store = new Store();
  const view = Math.random().toString(36).slice(2, 10);
  const post = (model: AnyModel<Traits>, message: Outgoing): void => model.send({ ...message, view });

  return {
    initialize({ model }: { model: AnyModel<Traits> }) {
      // Chosen before anything is known, so that the view stays on its run when others start.
      store.select(model.get('run'));
      const ready = (): void => post(model, { op: 'ready', v: VERSION, run: model.get('run') });
      let heard = false;
      let lastSeq: number | null = null;
      let cancelAck: (() => void) | null = null;
      const take = (message: ToView, buffers: DataView[]): void => {
        heard = true;
        if ('seq' in message) {
          const gap = lastSeq !== null && message.seq > lastSeq + 1;
          lastSeq = gap ? null : message.seq;
          if (gap) ready();
          cancelAck ??= nextFrame(() => {
            cancelAck = null;
            post(model, { op: 'ack', seq: message.seq });
          });
        }
        store.apply(message, buffers);
      };
      model.on('msg:custom', take);
      ready();
      let pings = 0;
      const pinger = setInterval(() => {
        // What is sent before the front end has a subshell for us waits for the cell to end: ask again.
        if (!heard) ready();
        const waiting = [...store.runs.values()].some(run => run.state === 'running' && !run.control);
        if (waiting) post(model, { op: 'ping', id: ++pings });
      }, PING_EVERY);
      return () => {
        model.off('msg:custom', take);
        clearInterval(pinger);
        cancelAck?.();
      };
    },

    render({ model, el }: RenderProps<Traits>) {
      const style = document.createElement('style');
      style.textContent = css;
      const box = document.createElement('div');
      box.className = 'wb-output';
      el.append(style, box);
      const transport: Transport = { kind: 'widget', send: message => post(model, message) };
      return mountNamed(box, model.get('view'), store, transport);
    }
  };
};
