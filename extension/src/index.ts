/** The JupyterLab extension: a panel, its commands, and the renderer of views in outputs. */
import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ViewName } from './core/view';
import { addCommands } from './lab/commands';
import { keepStatus } from './lab/link';
import { addRenderer } from './lab/mime';
import { PANEL_ID, WorkbenchPanel } from './lab/panel';

const PANEL = 'neural-workbench:panel';

const panel: JupyterFrontEndPlugin<void> = {
  id: PANEL,
  description: 'A panel with live views of the training runs in the active notebook.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette, ILauncher, ILayoutRestorer, ISettingRegistry],
  activate: async (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null
  ) => {
    keepStatus();
    let widget: WorkbenchPanel | null = null;
    let area = 'right';
    const build = (): WorkbenchPanel => {
      if (!widget || widget.isDisposed) {
        widget = new WorkbenchPanel(tracker);
        widget.disposed.connect(() => (widget = null));
      }
      // Side bars show icons, with the caption on hover; tabs of the main area show names.
      widget.title.label = area === 'main' ? 'Workbench' : '';
      if (!widget.isAttached) app.shell.add(widget, area, { rank: 900, mode: area === 'main' ? 'split-right' : undefined });
      return widget;
    };
    const open = (view?: ViewName): void => {
      const shown = build();
      if (view) shown.showView(view);
      app.shell.activateById(PANEL_ID);
    };
    addCommands(app, tracker, open, palette, launcher);
    if (settings) {
      const loaded = await settings.load(PANEL).catch(() => null);
      area = (loaded?.get('area').composite as string | undefined) ?? area;
    }
    // Built at once, though closed: it links the kernels, so that runs are known when someone looks.
    restorer?.add(build(), PANEL_ID);
  }
};

const outputs: JupyterFrontEndPlugin<void> = {
  id: 'neural-workbench:outputs',
  description: 'Shows views of training runs in cell outputs.',
  autoStart: true,
  requires: [IRenderMimeRegistry, INotebookTracker],
  activate: (_: JupyterFrontEnd, rendermime: IRenderMimeRegistry, tracker: INotebookTracker) => addRenderer(rendermime, tracker)
};

export default [panel, outputs];
