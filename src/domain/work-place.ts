/** The zone of what names none; it always exists. */
export const defaultZone = "default";

/** How the endpoints begin that stand for no device: each such job has one of its own, so that none waits for another. */
const own = "job/";

/** The endpoint of a job without a device. */
export function ownEndpoint(job: string): string {
  return `${own}${job}`;
}

export function isOwnEndpoint(endpoint: string): boolean {
  return endpoint.startsWith(own);
}

/**
 * Whether a job is a task without a device. It may wait for jobs of its own, on devices that it does not hold, so it must never
 * stand in the way of what it waits for.
 */
export function isFreeTask({ type, endpoint }: { readonly type: string; readonly endpoint: string }): boolean {
  return type === "task" && isOwnEndpoint(endpoint);
}

/** What a job asks of a worker: to be on a node, to have loaded a type of task, or both. Undefined: any will do. */
export function skillOf({ node, task }: { readonly node?: string; readonly task?: string }): string | undefined {
  const parts = [...(node === undefined ? [] : [`node/${node}`]), ...(task === undefined ? [] : [`task/${task}`])];
  return parts.length === 0 ? undefined : parts.join(" ");
}

/** Everything that jobs can ask for which a worker has. */
export function skillsOf(node: string, tasks: readonly string[]): readonly string[] {
  const wishes = [{ node }, ...tasks.flatMap((task) => [{ task }, { node, task }])];
  return wishes.flatMap((wish) => skillOf(wish) ?? []);
}
