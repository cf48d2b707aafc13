/** Places for work of which only so much may be under way. */
export interface Places {
  /** Resolves when one is free, in the order of the calls, with what gives it back. */
  take(): Promise<() => void>;
}

export function createPlaces(count: number): Places {
  const waiting: (() => void)[] = [];
  let free = count;
  function leave(): void {
    const next = waiting.shift();
    if (next) next();
    else free++;
  }
  return {
    async take() {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return leave;
    },
  };
}
