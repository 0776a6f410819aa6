/**
 * When to draw: at most once a frame, and never not at all.
 *
 * A hidden tab gets no animation frames; a timer takes over there so that acknowledgements still go out and training
 * statistics do not pile up behind a picture no one sees.
 */

const HIDDEN_DELAY = 250;

/** Runs `task` at the next animation frame, or soon if the page is hidden; the result cancels it. */
export function nextFrame(task: () => void): () => void {
  let open = true;
  const run = (): void => {
    if (!open) return;
    cancel();
    task();
  };
  const frame = requestAnimationFrame(run);
  const timer = setTimeout(run, HIDDEN_DELAY);
  const cancel = (): void => {
    open = false;
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  return cancel;
}

/** A function that may be called any number of times and runs `task` once a frame; `cancel` drops a pending run. */
export function coalesced(task: () => void): { (): void; cancel(): void } {
  let cancel: (() => void) | null = null;
  const request = (): void => {
    cancel ??= nextFrame(() => {
      cancel = null;
      task();
    });
  };
  return Object.assign(request, {
    cancel: (): void => {
      cancel?.();
      cancel = null;
    }
  });
}
