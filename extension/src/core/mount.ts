/**
 * Mounting a view so that the kernel sends what is seen and nothing else.
 *
 * A probe costs time in the training loop; therefore a view asks (`want`) for its streams while it can be seen, for
 * the run that is shown, and takes the wish back when it is hidden, when another run is picked, or when it goes.
 */
import { Store } from './store';
import { Transport, ViewEntry } from './view';
import { watchVisible } from './visible';

export function mountView(element: HTMLElement, entry: ViewEntry, store: Store, transport: Transport): () => void {
  let visible = false;
  let asked: string | null = null;
  const ask = (): void => {
    const run = visible ? (store.run?.id ?? null) : null;
    if (run === asked) return;
    if (asked !== null) transport.send({ op: 'want', run: asked, streams: [] });
    if (run !== null) transport.send({ op: 'want', run, streams: entry.streams });
    asked = run;
  };
  const unmount = entry.mount(element, store, transport);
  const unsubscribe = store.subscribe(change => {
    if (change === 'selection' || change === 'runs') ask();
  });
  const unwatch = watchVisible(element, now => {
    visible = now;
    ask();
  });
  return () => {
    visible = false;
    ask();
    unwatch();
    unsubscribe();
    unmount();
  };
}
