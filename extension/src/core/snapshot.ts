/**
 * The last picture of a view as it lies in a saved notebook: the messages that would rebuild it, buffers in base64.
 */
import { ToView, fromBase64 } from './protocol';
import { Store } from './store';

/** Content of `application/vnd.workbench.view+json`. */
export interface ViewOutput {
  v: number;
  run: string;
  view: string;
  snapshot?: { message: ToView; buffers?: string[] }[];
}

/** A store as the view last saw it. What ran then no longer runs; broken parts are left out. */
export function openSnapshot(output: ViewOutput): Store {
  const store = new Store();
  for (const { message, buffers } of output.snapshot ?? []) {
    try {
      store.apply(message, (buffers ?? []).map(fromBase64));
    } catch (problem) {
      console.warn('workbench: a part of a saved view could not be read', problem);
    }
  }
  store.disconnect();
  store.select(output.run);
  for (const id of companions(output)) store.compared.add(id);
  return store;
}

/** The other runs that an output tells of: it was made to compare them. */
export function companions(output: ViewOutput): string[] {
  const ids = (output.snapshot ?? []).map(({ message }) => (message.op === 'hello' ? message.run : output.run));
  return [...new Set(ids)].filter(id => id !== output.run);
}
