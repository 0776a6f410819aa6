/**
 * The dockable panel: the dashboard of whatever kernel the active notebook has.
 *
 * Every notebook's kernel is linked as soon as it exists, not only the active one: a run started in a notebook that
 * is then left must not be missed.
 */
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';
import { h } from '../core/dom';
import { ViewName } from '../core/view';
import { Dashboard, mountDashboard } from '../views/dashboard';
import { icon } from './icon';
import { Face, KernelLink, linkOf } from './link';

export const PANEL_ID = 'neural-workbench-panel';

export class WorkbenchPanel extends Widget {
  private link: KernelLink | null = null;
  private dashboard: Dashboard | null = null;
  private face: Face | null = null;
  private chosen: ViewName = 'curves';

  constructor(private readonly tracker: INotebookTracker) {
    super();
    this.id = PANEL_ID;
    this.title.caption = 'Workbench: live views of training';
    this.title.icon = icon;
    this.title.closable = true;
    this.addClass('wb-panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Workbench');
    tracker.forEach(notebook => this.watch(notebook));
    tracker.widgetAdded.connect((_, notebook) => this.watch(notebook));
    tracker.currentChanged.connect(() => this.refresh());
    this.refresh();
  }

  /** Brings one of the views to the front. */
  showView(name: ViewName): void {
    this.chosen = name;
    this.dashboard?.show(name);
  }

  override dispose(): void {
    this.unmount();
    super.dispose();
  }

  private watch(notebook: NotebookPanel): void {
    const changed = (): void => {
      const kernel = notebook.sessionContext.session?.kernel;
      if (kernel) linkOf(kernel);
      this.refresh();
    };
    notebook.sessionContext.kernelChanged.connect(changed);
    notebook.sessionContext.statusChanged.connect(changed);
    void notebook.sessionContext.ready.then(changed);
  }

  private refresh(): void {
    if (this.isDisposed) return;
    const kernel = this.tracker.currentWidget?.sessionContext.session?.kernel ?? null;
    const link = kernel && linkOf(kernel);
    if (link && link === this.link && this.dashboard) return;
    this.unmount();
    this.link = link;
    if (!link) {
      this.node.replaceChildren(this.emptyState());
      return;
    }
    this.node.replaceChildren();
    this.face = link.face('panel');
    this.dashboard = mountDashboard(this.node, link.store, this.face, this.chosen, name => (this.chosen = name));
  }

  private unmount(): void {
    this.dashboard?.unmount();
    this.face?.dispose();
    this.dashboard = this.face = null;
  }

  private emptyState(): HTMLElement {
    const notebook = this.tracker.currentWidget;
    const text = notebook
      ? `“${notebook.title.label}” has no running kernel. Start one, and a run in it appears here.`
      : 'Open a notebook, and the training runs of its kernel appear here.';
    return h('div', { class: 'wb-view wb-panel-empty' }, h('div', { class: 'wb-state', 'data-kind': 'empty' }, h('p', {}, text)));
  }
}
