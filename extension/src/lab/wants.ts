/**
 * What the views of one page want of one kernel, as one wish per run.
 *
 * A panel and an output may show the same run; the kernel hears the union, and only when it changes.
 */
import { Stream } from '../core/protocol';

export interface Wish {
  set(run: string, streams: readonly Stream[]): void;
  dispose(): void;
}

export class Wants {
  private wishes = new Set<Map<string, readonly Stream[]>>();
  private told = new Map<string, string>();

  constructor(private readonly tell: (run: string, streams: Stream[]) => void) {}

  /** A party with wishes of its own: for each run the last one set counts. */
  open(): Wish {
    const mine = new Map<string, readonly Stream[]>();
    this.wishes.add(mine);
    return {
      set: (run, streams) => {
        mine.set(run, streams);
        this.update();
      },
      dispose: () => {
        this.wishes.delete(mine);
        this.update();
      }
    };
  }

  /** Says everything again, to a kernel that may have forgotten or never heard. */
  repeat(): void {
    this.told.clear();
    this.update();
  }

  private update(): void {
    const union = new Map<string, Set<Stream>>([...this.told.keys()].map(run => [run, new Set()]));
    for (const wish of this.wishes) {
      for (const [run, streams] of wish) {
        if (!union.has(run)) union.set(run, new Set());
        streams.forEach(stream => union.get(run)!.add(stream));
      }
    }
    for (const [run, streams] of union) {
      const list = [...streams].sort();
      if (this.told.get(run) === list.join()) continue;
      this.told.set(run, list.join());
      this.tell(run, list);
    }
  }
}
