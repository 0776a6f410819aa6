/**
 * A second, short-lived connection to a kernel that is in the middle of a cell when the page is loaded.
 *
 * JupyterLab queues everything that any extension sends before the connection is up, and holds the whole queue, in
 * order, until kernel info arrives or three seconds pass. During a cell that is three seconds of empty views. The
 * queue of a connection of our own is empty, so what is sent on it goes out at once. It lives for that time only:
 * the server sends all of iopub to every connection.
 */
import { Kernel, KernelMessage } from '@jupyterlab/services';

const LIFE = 4000;

export class Scout {
  private line: Kernel.IKernelConnection | null = null;
  private readonly timer: ReturnType<typeof setTimeout>;

  constructor(kernel: Kernel.IKernelConnection, onOpen: () => void) {
    const line = kernel.clone();
    this.line = line;
    line.connectionStatusChanged.connect((_, status) => status === 'connected' && onOpen());
    this.timer = setTimeout(() => this.dispose(), LIFE);
  }

  /** Sends a control message if the way is open, and says whether it was. */
  send(message: KernelMessage.IControlMessage): boolean {
    if (this.line?.connectionStatus !== 'connected') return false;
    this.line.sendControlMessage(message, false, true);
    return true;
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.line?.dispose();
    this.line = null;
  }
}
