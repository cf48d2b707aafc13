/** Places for jobs, kept for a claim that is under way. */
export interface Places {
  readonly count: number;
  /** Gives them back: what was claimed runs by now, or nothing was. */
  release(): void;
}

/** The room for jobs that the zones of one worker share. */
export interface Room {
  /** Keeps up to `most` places. Who gets fewer than there will be is woken when another gives some back. */
  keep(most: number, wake: () => void): Places;
}

/** Room for as many jobs as `free` says may be added to those that run. */
export function createRoom(free: () => number): Room {
  let kept = 0;
  const short = new Set<() => void>();
  return {
    keep(most, wake) {
      const wanted = Math.min(most, free());
      const count = Math.max(0, Math.min(wanted, free() - kept));
      if (count < wanted) short.add(wake);
      kept += count;
      let held = count;
      return {
        count,
        release() {
          if (held === 0) return;
          kept -= held;
          held = 0;
          const woken = [...short];
          short.clear();
          for (const wakeOne of woken) wakeOne();
        },
      };
    },
  };
}
