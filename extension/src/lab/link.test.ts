/** A link against a kernel that is idle, busy, restarted, or talking to another page. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Signal } from '@lumino/signaling';
import { KernelLink } from './link';

type Sent = { op: string; [key: string]: unknown };

/** As much of a kernel connection as a link touches. */
class FakeKernel {
  connectionStatus = 'connected';
  status = 'idle';
  isDisposed = false;
  clientId = 'client';
  username = '';
  model = { execution_state: 'busy' };
  statusChanged = new Signal<this, string>(this);
  connectionStatusChanged = new Signal<this, string>(this);
  disposed = new Signal<this, void>(this);
  sent: Sent[] = [];
  clones: FakeKernel[] = [];
  private target: ((comm: FakeComm, open: unknown) => void) | null = null;

  constructor(private readonly comms: Promise<string[]>) {}

  registerCommTarget(_: string, callback: (comm: FakeComm, open: unknown) => void): void {
    this.target = callback;
  }
  async requestCommInfo(): Promise<unknown> {
    return { content: { status: 'ok', comms: Object.fromEntries((await this.comms).map(id => [id, {}])) } };
  }
  sendControlMessage({ content }: { content: Sent }): void {
    this.sent.push(content);
  }
  clone(): FakeKernel {
    const clone = new FakeKernel(this.comms);
    this.clones.push(clone);
    return clone;
  }
  dispose(): void {
    this.isDisposed = true;
  }
  open(view = ''): FakeComm {
    const comm = new FakeComm();
    this.target!(comm, { content: { data: { view } } });
    return comm;
  }
  take(op: string): Sent[] {
    return this.sent.filter(message => message.op === op);
  }
}

class FakeComm {
  onMsg: (message: unknown) => void = () => undefined;
  onClose: () => void = () => undefined;
  send(data: object, ...buffers: ArrayBufferView[]): void {
    this.onMsg({ content: { data }, buffers });
  }
}

const IDLE = (): FakeKernel => new FakeKernel(Promise.resolve([]));
const link = (kernel: FakeKernel): KernelLink => new KernelLink(kernel as never);
const frame = (seq: number): [object, ...ArrayBufferView[]] => [
  { op: 'series', run: 'a', seq, names: ['loss'], n: 1, reset: false },
  Float64Array.of(seq),
  Float32Array.of(1)
];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('greeting', () => {
  it('sends nothing to a kernel that never heard of us', async () => {
    const kernel = IDLE();
    link(kernel);
    await vi.advanceTimersByTimeAsync(900);
    expect(kernel.sent).toEqual([]);
    expect(kernel.clones).toEqual([]);
  });

  it('asks an idle kernel that has runs', async () => {
    const kernel = new FakeKernel(Promise.resolve(['c1']));
    const { view } = link(kernel);
    await vi.advanceTimersByTimeAsync(10);
    expect(kernel.sent).toEqual([{ op: 'ready', v: 1, run: '', view }]);
  });

  it('asks a busy kernel over a connection of its own, past the queue', async () => {
    const kernel = new FakeKernel(new Promise(() => undefined));
    link(kernel);
    await vi.advanceTimersByTimeAsync(500);
    const [scout] = kernel.clones;
    scout.connectionStatusChanged.emit('connected');
    expect(scout.take('ready').length).toBe(1);
    expect(kernel.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(scout.isDisposed).toBe(true);
  });
});

describe('greeting again', () => {
  it('after the connection was lost and found, also in the middle of a cell', async () => {
    const kernel = new FakeKernel(new Promise(() => undefined));
    kernel.model.execution_state = 'starting';
    link(kernel);
    await vi.advanceTimersByTimeAsync(500);
    expect(kernel.clones).toEqual([]);
    kernel.open();
    kernel.connectionStatusChanged.emit('connected');
    await vi.advanceTimersByTimeAsync(500);
    expect(kernel.clones.length).toBe(1);
  });
});

describe('frames', () => {
  it('are acknowledged once drawn, the last of several for all', async () => {
    const kernel = IDLE();
    link(kernel);
    const comm = kernel.open();
    for (const seq of [1, 2, 3]) comm.send(...frame(seq));
    expect(kernel.take('ack')).toEqual([]);
    await vi.advanceTimersByTimeAsync(300);
    expect(kernel.take('ack').map(({ seq }) => seq)).toEqual([3]);
  });

  it('that were lost are asked for again, but not in a flood', async () => {
    const kernel = IDLE();
    link(kernel);
    const comm = kernel.open();
    await vi.advanceTimersByTimeAsync(2000);
    kernel.sent.length = 0;
    for (const seq of [1, 4, 9, 20]) comm.send(...frame(seq));
    expect(kernel.take('ready').length).toBe(1);
  });

  it('that cannot be read do not stop those behind them', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const kernel = IDLE();
    const { store } = link(kernel);
    const comm = kernel.open();
    comm.send({ ...frame(1)[0], n: 7 });
    comm.send(...frame(2));
    expect(store.run?.series.length).toBe(1);
    expect(warn).toHaveBeenCalled();
    warn.mockRestore();
  });

  it('for another page are left alone', () => {
    const kernel = IDLE();
    const { store } = link(kernel);
    kernel.open('someone-else').send(...frame(1));
    expect(store.runs.size).toBe(0);
    expect(kernel.sent).toEqual([]);
  });

  it('of a comm that was replaced are left alone', () => {
    const kernel = IDLE();
    const { store, view } = link(kernel);
    const old = kernel.open();
    kernel.open(view).send(...frame(1));
    old.send(...frame(7));
    expect([...store.run!.series.steps]).toEqual([1]);
  });
});

it('knocks while a cell runs until the way back is proved', async () => {
  const kernel = IDLE();
  link(kernel);
  const comm = kernel.open();
  const state = { op: 'state', run: 'a', state: 'running', step: 1, rate: 1, values: {} };
  comm.send({ ...state, control: false });
  await vi.advanceTimersByTimeAsync(2100);
  expect(kernel.take('ping').map(({ id }) => id)).toEqual([1, 2]);
  comm.send({ ...state, control: true });
  await vi.advanceTimersByTimeAsync(3000);
  expect(kernel.take('ping').length).toBe(2);
});

it('a restart keeps the pictures, and a new run is taken up by itself', () => {
  const kernel = IDLE();
  const { store } = link(kernel);
  const comm = kernel.open();
  comm.send({ op: 'state', run: 'a', state: 'running', step: 1, rate: 1, values: {}, control: true });
  kernel.statusChanged.emit('restarting');
  expect(store.run).toMatchObject({ id: 'a', state: 'stopped', control: false });
  kernel.open().send({ op: 'state', run: 'b', state: 'running', step: 0, rate: null, values: {}, control: false });
  expect(store.run?.id).toBe('b');
});
