/** Ways to the panel: command palette, launcher card, a button in every notebook's toolbar. */
import { JupyterFrontEnd } from '@jupyterlab/application';
import { ICommandPalette, ToolbarButton } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ViewName } from '../core/view';
import { icon } from './icon';

const CATEGORY = 'Workbench';
export const OPEN = 'workbench:open';

const VIEW_COMMANDS: { id: string; view: ViewName; label: string }[] = [
  { id: 'workbench:open-curves', view: 'curves', label: 'Show Training Curves' },
  { id: 'workbench:open-graph', view: 'graph', label: 'Show Model Graph' },
  { id: 'workbench:open-gradients', view: 'gradflow', label: 'Show Gradient Flow' },
  { id: 'workbench:open-activations', view: 'activations', label: 'Show Activations' },
  { id: 'workbench:open-attention', view: 'attention', label: 'Show Attention' }
];

export function addCommands(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  open: (view?: ViewName) => void,
  palette: ICommandPalette | null,
  launcher: ILauncher | null
): void {
  app.commands.addCommand(OPEN, {
    label: 'Workbench',
    caption: 'Live views of the training runs in the active notebook',
    icon,
    execute: () => open()
  });
  for (const { id, view, label } of VIEW_COMMANDS) app.commands.addCommand(id, { label, execute: () => open(view) });
  for (const command of [OPEN, ...VIEW_COMMANDS.map(({ id }) => id)]) palette?.addItem({ command, category: CATEGORY });
  // Cards of the kernel categories show a kernel's picture or a letter, not the command's icon.
  launcher?.add({ command: OPEN, category: 'Other', rank: 0 });

  tracker.widgetAdded.connect((_, notebook) => {
    const button = new ToolbarButton({ icon, tooltip: 'Show the Workbench panel', onClick: () => open() });
    // Beside the kernel's own items at the right; at the end where a front end has no such item.
    if (!notebook.toolbar.insertBefore('kernelName', 'workbench', button)) notebook.toolbar.addItem('workbench', button);
  });
}
