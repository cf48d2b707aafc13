import { asStoreError } from "./connection-errors.js";
import { type Packable, packPart } from "./pack.js";
import { list, type ScriptName, type ScriptReply, type Scripts, text } from "./scripts.js";

/** Jobs in one call at most, so that no call keeps Redis from its other work for more than some milliseconds. */
const mostItems = 64;
/** Bytes in one call at most, unless one job alone has more. */
const mostBytes = 256 * 1024;
/** Fewer than this are not divided between calls. */
const fewItems = 16;

/** One job's part in a call: as many values as every other's. */
export type Item = readonly Packable[];

interface Waiting {
  readonly item: Uint8Array;
  readonly width: number;
  readonly resolve: (answer: ScriptReply) => void;
  readonly reject: (error: unknown) => void;
}

/** What is asked for under one root, and the calls that are under way there. */
interface Place {
  readonly waiting: Waiting[];
  readonly underWay: Set<readonly Waiting[]>;
  scheduled: boolean;
}

/**
 * Makes calls of a script that takes many items. What is asked for in one turn of the event loop, or while `mostUnderWay`
 * calls are under way, goes together: the more there is to do, the less each costs, and nothing waits while there is little.
 * Redis works on one call while this process works on the answers of another. Each item has its own answer; only what fails
 * a whole call, such as a lost connection, fails all of its items and all that wait.
 */
export function createGatheredCalls(
  scripts: Scripts,
  script: ScriptName,
  mostUnderWay = 2,
): (root: string, item: Item) => Promise<ScriptReply> {
  const places = new Map<string, Place>();

  /** Takes what goes next: its share, so that calls which began together do not become one that all wait for. */
  function take({ waiting, underWay }: Place): Waiting[] {
    const all = waiting.length + [...underWay].reduce((sum, call) => sum + call.length, 0);
    const share = Math.min(mostItems, Math.max(fewItems, Math.ceil(all / mostUnderWay)));
    let bytes = 0;
    const fitting = waiting.findIndex((one, i) => i === share || ((bytes += one.item.length) > mostBytes && i > 0));
    return waiting.splice(0, fitting < 0 ? waiting.length : fitting);
  }

  async function send(root: string, together: readonly Waiting[]): Promise<void> {
    try {
      const reply = await scripts.runEach(
        script,
        root,
        together.map(({ item }) => item),
        together[0]?.width ?? 0,
      );
      const each = list(reply);
      together.forEach(({ resolve, reject }, i) => {
        const answer = each[i];
        const why = failureOf(answer);
        if (answer === undefined || why !== undefined) reject(asStoreError(new Error(why ?? "no answer")));
        else resolve(answer);
      });
    } catch (error) {
      // What waits behind it would have gone the same way, had it been sent; it must not wait for one call after another.
      const waiting = places.get(root)?.waiting.splice(0) ?? [];
      for (const { reject } of [...together, ...waiting]) reject(error);
    }
  }

  function flush(root: string): void {
    const place = places.get(root);
    if (!place) return;
    place.scheduled = false;
    while (place.waiting.length > 0 && place.underWay.size < mostUnderWay) {
      const call = take(place);
      place.underWay.add(call);
      void send(root, call).finally(() => {
        place.underWay.delete(call);
        schedule(root);
      });
    }
    if (place.waiting.length === 0 && place.underWay.size === 0) places.delete(root);
  }

  /** After all that is ready to run has run: whoever asks in answer to the last call is heard as well. */
  function schedule(root: string): void {
    const place = places.get(root);
    if (!place || place.scheduled) return;
    place.scheduled = true;
    process.nextTick(() => flush(root));
  }

  return (root, item) =>
    new Promise((resolve, reject) => {
      let place = places.get(root);
      if (!place) places.set(root, (place = { waiting: [], underWay: new Set(), scheduled: false }));
      place.waiting.push({ item: packPart(item), width: item.length, resolve, reject });
      schedule(root);
    });
}

/** Why an item failed; undefined when it did not. */
function failureOf(answer: ScriptReply | undefined): string | undefined {
  if (!Array.isArray(answer)) return undefined;
  const [first, why] = answer as readonly ScriptReply[];
  return Buffer.isBuffer(first) && first.toString() === "ERROR" ? text(why) : undefined;
}
