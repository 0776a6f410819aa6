/**
 * The contract between a view and whatever mounts it: the JupyterLab panel, a cell output, an anywidget, a test.
 *
 * A view is a function of a store to DOM. It reads the store, draws into its element, sends through the transport,
 * and undoes all of it in the function it returns.
 */
import { Store } from './store';
import { ToKernel, Stream } from './protocol';

/** A message before the transport adds the id of the view. */
export type Outgoing = ToKernel extends infer Message ? (Message extends { view: string } ? Omit<Message, 'view'> : Message) : never;

export interface Transport {
  readonly kind: 'panel' | 'output' | 'widget' | 'offline';
  send(message: Outgoing): void;
}

/** Mounts a view; the result takes it down again. */
export type View = (element: HTMLElement, store: Store, transport: Transport) => () => void;

export type ViewName = 'curves' | 'graph' | 'gradflow' | 'activations' | 'attention';

/** A row of the registry in views/index.ts. */
export interface ViewEntry {
  name: ViewName;
  title: string;
  /** what the view asks of the kernel while it is visible */
  streams: Stream[];
  mount: View;
}
