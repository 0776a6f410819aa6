/**
 * Views in cell outputs, for `application/vnd.workbench.view+json`.
 *
 * An output shows the same store as the panel, pinned to its own run. In a notebook that was saved and reopened there
 * is no kernel, or one that never heard of the run: then the snapshot in the output is replayed, so that the last
 * picture is there and can still be looked through.
 */
import { ISessionContext } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { h } from '../core/dom';
import { ViewOutput, companions, openSnapshot } from '../core/snapshot';
import { Store } from '../core/store';
import { Transport } from '../core/view';
import { mountNamed } from '../views/named';
import { KernelLink, linkOf, linkWith } from './link';

const MIME = 'application/vnd.workbench.view+json';
/** Before the widget manager's renderer (-10): an output carries both, and this one needs no widget state. */
const RANK = -20;

const OFFLINE: Transport = { kind: 'offline', send: () => undefined };

class ViewRenderer extends Widget implements IRenderMime.IRenderer {
  private output: ViewOutput | null = null;
  private undo: (() => void)[] = [];
  private live = false;

  constructor(private readonly tracker: INotebookTracker) {
    super();
    this.addClass('wb-output');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const before = this.output;
    const output = (this.output = model.data[MIME] as unknown as ViewOutput);
    // The kernel writes a fresh snapshot when a run ends: a live view has seen it all, and keeps its tab and zoom.
    if (this.live && before?.run === output.run && before.view === output.view) return;
    if (this.isAttached) this.mount();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.output) this.mount();
  }

  protected override onBeforeDetach(message: Message): void {
    this.unmount();
    super.onBeforeDetach(message);
  }

  override dispose(): void {
    this.unmount();
    super.dispose();
  }

  /** Live where the kernel knows the run, from the snapshot otherwise, and over to live when the kernel tells of it. */
  private mount(): void {
    this.unmount();
    const output = this.output!;
    const notebook = this.tracker.find(each => each.node.contains(this.node));
    const kernel = notebook?.sessionContext.session?.kernel;
    const link = kernel ? linkOf(kernel) : linkWith(output.run);
    if (notebook) this.remountWith(notebook.sessionContext, link);
    if (link?.store.runs.has(output.run)) return this.mountLive(link, output);
    this.mountStore(openSnapshot(output), OFFLINE, output.view);
    if (!link) return;
    const stop = link.store.subscribe(() => {
      if (link.store.runs.has(output.run)) this.mount();
    });
    this.undo.push(stop);
  }

  /** A page that loads has its outputs before its kernel; a kernel can also be exchanged under an open notebook. */
  private remountWith(context: ISessionContext, link: KernelLink | null): void {
    const changed = (): void => {
      const kernel = context.session?.kernel;
      if (kernel && linkOf(kernel) !== link) this.mount();
    };
    context.kernelChanged.connect(changed);
    this.undo.push(() => context.kernelChanged.disconnect(changed));
  }

  private mountLive(link: KernelLink, output: ViewOutput): void {
    const pin = link.store.pin(output.run, companions(output));
    this.live = true;
    const face = link.face('output');
    this.mountStore(pin.store, face, output.view);
    this.undo.push(() => pin.dispose(), () => face.dispose());
  }

  private mountStore(store: Store, transport: Transport, view: string): void {
    const box = h('div');
    this.node.replaceChildren(box);
    this.undo.push(mountNamed(box, view, store, transport));
  }

  private unmount(): void {
    this.live = false;
    for (const each of this.undo.splice(0)) each();
  }
}

export function addRenderer(rendermime: IRenderMimeRegistry, tracker: INotebookTracker): void {
  const factory: IRenderMime.IRendererFactory = {
    // Everything in the output becomes text and numbers, never HTML: fit for notebooks that are not trusted.
    safe: true,
    mimeTypes: [MIME],
    createRenderer: () => new ViewRenderer(tracker)
  };
  rendermime.addFactory(factory, RANK);
}
