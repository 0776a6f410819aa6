/** Layout off the page's thread. A new request ends the one before: only the last picture matters. */

export class Layout {
  private worker: Worker | null = null;
  private busy = false;
  private turn = 0;

  /** The SVG text of a DOT graph; null when a later request has taken over. Throws what went wrong. */
  async svg(dot: string): Promise<string | null> {
    const turn = ++this.turn;
    if (this.busy) this.stop();
    const worker = (this.worker ??= await start());
    if (turn !== this.turn) return null;
    this.busy = true;
    const answer = await new Promise<{ svg?: string; problem?: string }>(resolve => {
      worker.onmessage = event => resolve(event.data);
      worker.onerror = event => resolve({ problem: event.message });
      worker.postMessage(dot);
    });
    if (turn !== this.turn) return null;
    this.busy = false;
    if (answer.svg === undefined) throw new Error(answer.problem ?? 'the layout gave no picture');
    return answer.svg;
  }

  stop(): void {
    this.worker?.terminate();
    this.worker = null;
    this.busy = false;
  }
}

/** A worker from the bundled source; Graphviz comes along with it, and only now. */
async function start(): Promise<Worker> {
  const { default: source } = await import('./worker.gen');
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  try {
    return new Worker(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}
