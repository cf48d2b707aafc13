/** A map of values that are made when they are first asked for, and then kept. Walking through them makes all. */
export function lazyMap<V>(names: Iterable<string>, make: (name: string) => V): ReadonlyMap<string, V> {
  const known = new Set(names);
  const made = new Map<string, V>();
  const valueOf = (name: string): V => {
    if (!made.has(name)) made.set(name, make(name));
    return made.get(name) as V;
  };
  function* values(): MapIterator<V> {
    for (const name of known) yield valueOf(name);
  }
  function* entries(): MapIterator<[string, V]> {
    for (const name of known) yield [name, valueOf(name)];
  }
  const map: ReadonlyMap<string, V> = {
    size: known.size,
    has: (name) => known.has(name),
    get: (name) => (known.has(name) ? valueOf(name) : undefined),
    keys: () => known.keys(),
    values,
    entries,
    forEach: (see) => known.forEach((name) => see(valueOf(name), name, map)),
    [Symbol.iterator]: entries,
  };
  return map;
}
