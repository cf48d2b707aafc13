/** All that is to happen in a simulated world, in order of time; what is due at the same time happens in order of planning. */
export interface Timeline {
  /** Virtual milliseconds since the world began. */
  readonly now: number;
  /** How many things have happened. */
  readonly happened: number;
  /** Plans something `ms` milliseconds from now. */
  plan(ms: number, run: () => void): void;
  /** Lets things happen until `isOver` says so, `untilMs` is reached or nothing is planned any more. */
  go(untilMs: number, isOver: () => boolean): Promise<void>;
}

interface Planned {
  readonly at: number;
  readonly number: number;
  readonly run: () => void;
}

export function createTimeline(): Timeline {
  const heap: Planned[] = [];
  let now = 0;
  let number = 0;
  let happened = 0;

  const isBefore = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.number < b.number);

  function push(one: Planned): void {
    let at = heap.push(one) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent]!;
      if (!isBefore(one, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = one;
  }

  function pop(): Planned | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  return {
    get now() {
      return now;
    },
    get happened() {
      return happened;
    },
    plan(ms, run) {
      push({ at: now + Math.max(0, ms), number: number++, run });
    },
    async go(untilMs, isOver) {
      while (!isOver()) {
        const next = pop();
        if (!next || next.at > untilMs) return;
        now = next.at;
        happened += 1;
        next.run();
        await quiet();
        // So that the machine's own events are not kept waiting by ours.
        if (happened % 1_000 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      }
    },
  };
}

/**
 * Resolves when everything that follows from what just happened has happened: promises, and the one turn of the event
 * loop that the device engine gives itself to read all that has arrived.
 */
async function quiet(): Promise<void> {
  // What is asked for from within a promise comes when no promise is left to go on.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  while (process.getActiveResourcesInfo().includes("Immediate")) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
