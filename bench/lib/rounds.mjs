/**
 * Measures the sides in turn, A–B–B–A, so that what drifts meanwhile hits all alike. `measure` gets a side's name and
 * gives numbers by name, and what broke. Gives for each side its numbers of every round and everything that broke.
 */
export async function inTurn(sides, rounds, measure) {
  const results = new Map(sides.map((side) => [side, { numbers: {}, broken: new Set(), remarks: new Set() }]));
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      const { numbers, broken = [], remarks = [] } = await measure(side);
      const result = results.get(side);
      for (const [name, value] of Object.entries(numbers)) (result.numbers[name] ??= []).push(value);
      for (const what of broken) result.broken.add(what);
      for (const what of remarks) result.remarks.add(what);
    }
  }
  return results;
}
