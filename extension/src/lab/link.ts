/**
 * The line between this page and one kernel.
 *
 * Down: the kernel opens a comm `workbench.live`; this page registers that target, so the comm arrives on iopub even
 * while a cell runs and before the kernel has answered any request. Up: everything goes over the control channel,
 * which the kernel serves on a thread of its own. A comm would wait on the main shell until the cell ends, or need a
 * subshell, which JupyterLab only starts after kernel info, which itself waits for the cell. A page reloaded in the
 * middle of a cell must be served at once: see `greet` and scout.ts.
 */
import { PageConfig } from '@jupyterlab/coreutils';
import { Kernel, KernelMessage } from '@jupyterlab/services';
import { JSONObject, UUID } from '@lumino/coreutils';
import { TARGETS, ToKernel, ToView, VERSION } from '../core/protocol';
import { nextFrame } from '../core/schedule';
import { Store } from '../core/store';
import { Outgoing, Transport } from '../core/view';
import { Scout } from './scout';
import { Wants } from './wants';

const PING_EVERY = 1000;
/** A kernel that does not tell its comms within this time runs a cell. */
const PATIENCE = 400;
/** At most one plea for a replay in this time, however many frames were lost. */
const REPLAY_EVERY = 1500;

export interface Face extends Transport {
  dispose(): void;
}

export class KernelLink {
  readonly store = new Store();
  /** This page's name for itself; a comm that carries another one is meant for another page. */
  readonly view = UUID.uuid4().slice(0, 8);
  private comm: Kernel.IComm | null = null;
  private lastSeq: number | null = null;
  private ackSeq = 0;
  private cancelAck: (() => void) | null = null;
  private lastReplay = 0;
  private pings = 0;
  private scout: Scout | null = null;
  private fresh = false;
  private readonly pinger: ReturnType<typeof setInterval>;
  private readonly wants = new Wants((run, streams) => this.send({ op: 'want', run, streams }));

  constructor(readonly kernel: Kernel.IKernelConnection) {
    kernel.registerCommTarget(TARGETS.live, (comm, open) => this.accept(comm, open));
    kernel.statusChanged.connect(this.onStatus, this);
    kernel.connectionStatusChanged.connect(this.onConnection, this);
    kernel.disposed.connect(() => this.dispose());
    this.pinger = setInterval(() => this.ping(), PING_EVERY);
    window.addEventListener('pagehide', this.leave);
    void this.greet();
  }

  /** A transport for one mounted view; views of one kernel share the link but each has wishes of its own. */
  face(kind: Transport['kind']): Face {
    const wish = this.wants.open();
    return {
      kind,
      send: message => (message.op === 'want' ? wish.set(message.run, message.streams) : this.send(message)),
      dispose: () => wish.dispose()
    };
  }

  /** Sends over the control channel. Nothing queues: what cannot go out now is asked again at the next greeting. */
  send(message: Outgoing): void {
    if (this.kernel.isDisposed || this.kernel.status === 'dead' || this.kernel.connectionStatus !== 'connected') return;
    const content = { ...message, view: this.view } as ToKernel as unknown as JSONObject;
    const request = KernelMessage.createMessage<KernelMessage.IDebugRequestMsg>({
      // The type of control messages is closed in JupyterLab; the wire protocol leaves it open.
      msgType: TARGETS.channel as string as 'debug_request',
      channel: 'control',
      session: this.kernel.clientId,
      username: this.kernel.username,
      content: content as never
    });
    if (!this.scout?.send(request)) this.kernel.sendControlMessage(request, false, true);
  }

  dispose(): void {
    window.removeEventListener('pagehide', this.leave);
    clearInterval(this.pinger);
    this.scout?.dispose();
    this.cancelAck?.();
  }

  /**
   * Asks a kernel that may have runs to send them. One that answers in time says itself whether it knows us; one that
   * does not is in a cell, perhaps ours, and is asked blindly: a kernel without workbench ignores the message.
   */
  private async greet(): Promise<void> {
    if (this.kernel.connectionStatus !== 'connected' || this.kernel.isDisposed) return;
    const known = this.kernel
      .requestCommInfo({ target_name: TARGETS.live })
      .then(({ content }) => content.status === 'ok' && Object.keys(content.comms).length > 0)
      .catch(() => false);
    const late = new Promise<'busy'>(resolve => setTimeout(() => resolve('busy'), PATIENCE));
    const answer = await Promise.race([known, late]);
    if (this.kernel.isDisposed) return;
    if (answer === 'busy') {
      // A kernel that only starts has no runs yet, and opens its comm when it gets one.
      const starting = this.fresh || this.kernel.model.execution_state === 'starting';
      if (starting && !this.comm) return;
      this.scout?.dispose();
      this.scout = new Scout(this.kernel, () => this.replay());
    } else if (answer || this.comm) this.replay();
  }

  /** A closed page is not worth another frame. */
  private readonly leave = (): void => this.send({ op: 'bye' });

  private replay(): void {
    this.lastReplay = Date.now();
    this.lastSeq = null;
    this.wants.repeat();
    this.send({ op: 'ready', v: VERSION, run: '' });
  }

  private accept(comm: Kernel.IComm, open: KernelMessage.ICommOpenMsg): void {
    const { view } = open.content.data as { view?: string };
    // Nothing is sent on this comm, so the subshell that JupyterLab would start for it is not needed.
    (comm as { commsOverSubshells?: string }).commsOverSubshells = 'disabled';
    if (view && view !== this.view) return;
    this.comm = comm;
    this.fresh = false;
    this.lastSeq = null;
    comm.onMsg = message => this.take(comm, message);
    comm.onClose = () => {
      if (this.comm === comm) this.comm = null;
    };
    if (!view) this.replay();
  }

  private take(comm: Kernel.IComm, message: KernelMessage.ICommMsgMsg): void {
    if (comm !== this.comm) return;
    const data = message.content.data as unknown as ToView;
    if ('seq' in data) this.follow(data.seq);
    try {
      this.store.apply(data, message.buffers ?? []);
    } catch (problem) {
      // One broken frame must not stop JupyterLab's own handling of the messages behind it.
      console.warn('workbench: a message from the kernel could not be read', problem);
    }
  }

  /** Acknowledges a frame once it has been drawn, and asks for a replay when frames before it were lost. */
  private follow(seq: number): void {
    const gap = this.lastSeq !== null && seq > this.lastSeq + 1;
    this.lastSeq = seq;
    this.ackSeq = seq;
    this.cancelAck ??= nextFrame(() => {
      this.cancelAck = null;
      this.send({ op: 'ack', seq: this.ackSeq });
    });
    if (gap && Date.now() - this.lastReplay > REPLAY_EVERY) this.replay();
  }

  /** While a cell runs and the way back is not proved, keep knocking. */
  private ping(): void {
    const waiting = [...this.store.runs.values()].some(run => run.state === 'running' && !run.control);
    if (waiting && this.comm) this.send({ op: 'ping', id: ++this.pings });
  }

  private onStatus(_: Kernel.IKernelConnection, status: Kernel.Status): void {
    if (status !== 'restarting' && status !== 'autorestarting' && status !== 'dead') return;
    this.fresh = true;
    this.comm = null;
    this.lastSeq = null;
    this.store.disconnect();
  }

  private onConnection(_: Kernel.IKernelConnection, status: Kernel.ConnectionStatus): void {
    if (status === 'connected') void this.greet();
  }
}

/**
 * Has JupyterLab disregard the busy and idle that a kernel reports around each of our messages, and around the
 * subshells that JupyterLab starts for every comm: without this the kernel is shown as idle while a cell trains.
 */
export function keepStatus(): void {
  const option = 'untracked_message_types';
  const types: string[] = JSON.parse(PageConfig.getOption(option) || '[]');
  const ours = [TARGETS.channel, 'create_subshell_request', 'delete_subshell_request'];
  PageConfig.setOption(option, JSON.stringify([...types, ...ours]));
}

const links = new Map<Kernel.IKernelConnection, KernelLink>();

/** The one link of a kernel connection. */
export function linkOf(kernel: Kernel.IKernelConnection): KernelLink {
  let link = links.get(kernel);
  if (!link) {
    links.set(kernel, (link = new KernelLink(kernel)));
    kernel.disposed.connect(() => links.delete(kernel));
  }
  return link;
}

/** The link whose kernel has a run, for outputs that were dragged out of their notebook. */
export function linkWith(run: string): KernelLink | null {
  return [...links.values()].find(link => link.store.runs.has(run)) ?? null;
}
