import { everyCharacter, parsePattern, type CharacterSet, type PatternNode } from "./pattern-syntax.js";

/** Repetitions up to this many times are too few to hurt. */
const harmless = 3;

interface Edge {
  readonly from: number;
  readonly to: number;
  /** It goes back at most so many times; Infinity without bound, 0 where it is no repetition. */
  readonly times: number;
}

/** The characters of a pattern, by place, and which may follow which. An edge that can be gone in two ways is there twice. */
interface Places {
  readonly sets: readonly CharacterSet[];
  readonly edges: readonly Edge[];
  readonly last: readonly number[];
}

/**
 * Why a pattern may take without measure on some line, in words that end "…: <pattern>" well; undefined when its time
 * stays in proportion to the line. It finds every pattern that is exponential (two ways round the same loop for the same
 * text) and every one that is at least quadratic (two loops, one behind the other, that share a text), also where the
 * search for an unanchored pattern is one of the loops. Repetitions with a bound count as loops for the first alone.
 */
export function patternProblem(source: string): string | undefined {
  let root: PatternNode;
  try {
    root = parsePattern(source);
  } catch (error) {
    return (error as Error).message;
  }
  return (
    problemOf(root, true) ??
    lookedAt(root)
      .map((inner) => problemOf(inner, false))
      .find(Boolean)
  );
}

function problemOf(root: PatternNode, isSearched: boolean): string | undefined {
  const places = placesOf(root, isSearched);
  if (isExponential(places)) return "a repetition inside a repetition can take for ever";
  // Behind the last loop of a pattern that may end there nothing can fail, so nothing is tried again.
  const mayStopAnywhere = !hasAssertionBehind(root);
  if (isQuadratic(places, mayStopAnywhere)) return "two repetitions of the same text can take very long on long lines";
  return undefined;
}

function lookedAt(node: PatternNode): PatternNode[] {
  if (node.kind === "assertion") return node.inner ? [node.inner, ...lookedAt(node.inner)] : [];
  if (node.kind === "repeat") return lookedAt(node.item);
  return node.kind === "sequence"
    ? node.items.flatMap(lookedAt)
    : node.kind === "choice"
      ? node.options.flatMap(lookedAt)
      : [];
}

function hasAssertionBehind(node: PatternNode): boolean {
  if (node.kind === "assertion") return node.source !== "^";
  if (node.kind === "repeat") return hasAssertionBehind(node.item);
  if (node.kind === "sequence") return node.items.some(hasAssertionBehind);
  return node.kind === "choice" && node.options.some(hasAssertionBehind);
}

function isAnchored(node: PatternNode): boolean {
  if (node.kind === "assertion") return node.source === "^";
  if (node.kind === "choice") return node.options.every(isAnchored);
  return node.kind === "sequence" && node.items[0] !== undefined && isAnchored(node.items[0]);
}

/** A few rounds as they could be written out: `a{1,3}` is `a(?:aa?)?`. They are no loop, and may stand in one. */
function written({ item, min, max }: Extract<PatternNode, { kind: "repeat" }>): PatternNode {
  const items = Array.from({ length: min }, () => item);
  let rest: PatternNode | undefined;
  for (let round = min; round < max; round++) {
    rest = { kind: "repeat", item: rest ? { kind: "sequence", items: [item, rest] } : item, min: 0, max: 1 };
  }
  return { kind: "sequence", items: rest ? [...items, rest] : items };
}

function placesOf(root: PatternNode, isSearched: boolean): Places {
  const sets: CharacterSet[] = [];
  const edges: Edge[] = [];
  const join = (from: readonly number[], to: readonly number[], times: number): void => {
    for (const one of from) for (const other of to) edges.push({ from: one, to: other, times });
  };
  type Ends = { readonly empty: boolean; readonly first: readonly number[]; readonly last: readonly number[] };
  const nothing: Ends = { empty: true, first: [], last: [] };
  const visit = (node: PatternNode): Ends => {
    switch (node.kind) {
      case "assertion":
        return nothing;
      case "characters": {
        const place = sets.push(node.set) - 1;
        return { empty: false, first: [place], last: [place] };
      }
      case "choice": {
        const ends = node.options.map(visit);
        return {
          empty: ends.some(({ empty }) => empty),
          first: ends.flatMap(({ first }) => first),
          last: ends.flatMap(({ last }) => last),
        };
      }
      case "repeat": {
        if (node.max > 1 && node.max <= harmless) return visit(written(node));
        const { empty, first, last } = visit(node.item);
        if (node.max > harmless) join(last, first, node.max);
        // Rounds that have to be made and may take nothing: any of them may be the one that takes something.
        if (empty && node.min > harmless) join(last, first, node.max);
        return { empty: empty || node.min === 0, first, last };
      }
      case "sequence":
        return node.items.reduce<Ends>((before, item) => {
          const next = visit(item);
          join(before.last, next.first, 0);
          return {
            empty: before.empty && next.empty,
            first: before.empty ? [...before.first, ...next.first] : before.first,
            last: next.empty ? [...before.last, ...next.last] : next.last,
          };
        }, nothing);
    }
  };
  const branches = root.kind === "choice" ? root.options : [root];
  const all = branches.map((branch) => ({ ...visit(branch), isAnchored: isAnchored(branch) }));
  if (isSearched && all.some((branch) => !branch.isAnchored)) {
    const search = sets.push(everyCharacter) - 1;
    join([search], [search], Infinity);
    for (const branch of all) if (!branch.isAnchored) join([search], branch.first, 0);
  }
  return { sets, edges, last: all.flatMap(({ last }) => last) };
}

/** Which loop each place is in: places with the same number reach each other. -1: in none. */
function loopsOf(places: Places, counts: (edge: Edge) => boolean): readonly number[] {
  const { sets } = places;
  const next = sets.map(() => [] as number[]);
  for (const edge of places.edges) if (counts(edge)) next[edge.from]?.push(edge.to);
  const reach = sets.map((_, from) => reachable(next, from));
  const loop = sets.map(() => -1);
  for (const place of sets.keys()) {
    if (!reach[place]?.has(place) || loop[place] !== -1) continue;
    for (const other of reach[place]) if (reach[other]?.has(place)) loop[other] = place;
  }
  return loop;
}

function reachable(next: readonly (readonly number[])[], from: number): ReadonlySet<number> {
  const seen = new Set<number>();
  const open = [...(next[from] ?? [])];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    open.push(...(next[at] ?? []));
  }
  return seen;
}

/** Some text leads from a place back to it in two ways. */
function isExponential(places: Places): boolean {
  const loop = loopsOf(places, () => true);
  const inside = places.edges.filter(({ from, to }) => loop[from] !== -1 && loop[from] === loop[to]);
  const known = new Set(inside.map(({ from, to }) => `${from} ${to}`));
  if (known.size < inside.length) return true;
  const next = places.sets.map((_, from) => inside.filter((edge) => edge.from === from).map(({ to }) => to));
  // Two walkers over the same text: apart, having started together, and together again at the start.
  const pairsBehind = ([a, b]: readonly [number, number]): [number, number][] =>
    (next[a] ?? []).flatMap((x) =>
      (next[b] ?? []).filter((y) => meet(places, x, y)).map((y): [number, number] => [x, y]),
    );
  return places.sets.some((_, start) => {
    if (loop[start] === -1) return false;
    const seen = new Map<string, boolean>();
    const open: [number, number, boolean][] = pairsBehind([start, start]).map(([x, y]) => [x, y, x !== y]);
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const [x, y, apart] = at;
      if (apart && x === start && y === start) return true;
      const key = `${x} ${y}`;
      const before = seen.get(key);
      if (before === true || before === apart) continue;
      seen.set(key, apart);
      for (const [p, q] of pairsBehind([x, y])) open.push([p, q, apart || p !== q]);
    }
    return false;
  });
}

/** Some text leads round one loop, from it into another, and round that one. */
function isQuadratic(places: Places, mayStopAnywhere: boolean): boolean {
  const loop = loopsOf(places, ({ times }) => times === 0 || times === Infinity);
  const all = places.sets.map(() => [] as number[]);
  const round = places.sets.map(() => [] as number[]);
  for (const { from, to, times } of places.edges) {
    all[from]?.push(to);
    const isRound = loop[from] !== -1 && loop[from] === loop[to] && (times === 0 || times === Infinity);
    if (isRound) round[from]?.push(to);
  }
  const looping = [...places.sets.keys()].filter((place) => loop[place] !== -1);
  return looping.some((p) =>
    looping.some((q) => {
      if (p === q || (mayStopAnywhere && places.last.includes(q))) return false;
      const seen = new Set<string>();
      const open: [number, number, number][] = [[p, p, q]];
      for (let at = open.pop(); at !== undefined; at = open.pop()) {
        const [a, b, c] = at;
        for (const x of round[a] ?? [])
          for (const y of all[b] ?? [])
            for (const z of round[c] ?? []) {
              if (!meet(places, x, y, z)) continue;
              if (x === p && y === q && z === q) return true;
              const key = `${x} ${y} ${z}`;
              if (seen.has(key)) continue;
              seen.add(key);
              open.push([x, y, z]);
            }
      }
      return false;
    }),
  );
}

/** Whether one character fits all of these places. */
function meet({ sets }: Places, ...places: readonly number[]): boolean {
  return places.reduce((set, place) => set & (sets[place] ?? 0n), everyCharacter) !== 0n;
}
