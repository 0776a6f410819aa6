/** Layout off the page's thread. A new request ends the one before: only the last picture matters. */

interface Answer {
  svg?: string;
  problem?: string;
}

/** What a worker and its stand-in on the page's own thread have in common. */
interface Engine {
  onmessage: ((event: MessageEvent<Answer>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(dot: string): void;
  terminate(): void;
}

export class Layout {
  private engine: Engine | null = null;
  private waiting: ((answer: Answer) => void) | null = null;
  private turn = 0;

  constructor(private readonly load: () => Promise<string> = async () => (await import('./worker.gen')).default) {}

  /** The SVG text of a DOT graph; null when a later request has taken over. Throws what went wrong. */
  async svg(dot: string): Promise<string | null> {
    const turn = ++this.turn;
    if (this.waiting) this.stop();
    const source = await this.load();
    if (turn !== this.turn) return null;
    let answer = await this.ask((this.engine ??= start(source)), dot);
    if (answer.problem === REFUSED && turn === this.turn) answer = await this.ask((this.engine = onThisThread(source)), dot);
    if (turn !== this.turn) return null;
    if (answer.svg === undefined) throw new Error(answer.problem || 'the layout gave no picture');
    return answer.svg;
  }

  stop(): void {
    this.engine?.terminate();
    this.engine = null;
    this.waiting?.({});
    this.waiting = null;
  }

  private async ask(engine: Engine, dot: string): Promise<Answer> {
    const answer = await new Promise<Answer>(resolve => {
      this.waiting = resolve;
      engine.onmessage = event => resolve(event.data);
      // The script catches its own errors: an error without one means that the page's policy refused the worker.
      engine.onerror = event => resolve({ problem: event.message || REFUSED });
      engine.postMessage(dot);
    });
    if (engine === this.engine) this.waiting = null;
    return answer;
  }
}

const REFUSED = 'this page allows no workers';

/** A worker from the bundled source; Graphviz comes along with it, and only now. */
function start(source: string): Engine {
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  try {
    return new Worker(url);
  } catch {
    // Some pages forbid workers by policy: the layout then holds the page up for a moment, which beats no picture.
    return onThisThread(source);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** The worker's script in a function, with a scope of its own. */
function onThisThread(source: string): Engine {
  const engine: Engine = { onmessage: null, onerror: null, postMessage: () => undefined, terminate: () => (engine.onmessage = null) };
  const scope = {
    onmessage: null as ((event: { data: string }) => void) | null,
    postMessage: (data: Answer) => engine.onmessage?.({ data } as MessageEvent<Answer>)
  };
  new Function('self', source)(scope);
  engine.postMessage = dot => scope.onmessage?.({ data: dot });
  return engine;
}
