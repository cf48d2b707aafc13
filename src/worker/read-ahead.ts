/** Reads that are about one thing, some of them begun before anybody asked. */
export interface ReadAhead {
  /** What `read` gives; `key` names it among the reads about this thing. */
  get<T>(key: string, read: () => Promise<T>): Promise<T>;
}

/**
 * Begins, along with a read, those that it led to the last time: a device's login and host keys are then asked for together
 * with its record, and not behind it. The record decides as ever; what was begun for nothing is dropped. Of `most` things
 * it is remembered what was read about them.
 */
export function createReadAhead(most: number): (about: string) => ReadAhead {
  const last = new Map<string, Map<string, () => Promise<unknown>>>();
  return (about) => {
    const begun = new Map<string, Promise<unknown>>();
    for (const [key, read] of last.get(about) ?? []) {
      const reading = read();
      reading.catch(() => undefined);
      begun.set(key, reading);
    }
    const asked = new Map<string, () => Promise<unknown>>();
    last.delete(about);
    last.set(about, asked);
    const [oldest] = last.keys();
    if (last.size > most && oldest !== undefined) last.delete(oldest);
    return {
      get<T>(key: string, read: () => Promise<T>): Promise<T> {
        asked.set(key, read);
        return (begun.get(key) as Promise<T> | undefined) ?? read();
      },
    };
  };
}
