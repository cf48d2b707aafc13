import type { Client } from "@connectrpc/connect";
import { callUnary, type CallOptions, type Connection } from "./call.js";
import { createPagedList, type ListOptions, type PagedList } from "./page.js";
import { JobTypeOrder, type JobService, type JobType } from "./v1.js";

/** Which types of tasks are meant: fields are joined by AND, the values of a field by OR. */
export interface JobTypeFilter {
  readonly names?: readonly string[] | undefined;
  /** Labels that must all stand on the type. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Text that the name, the description or a label holds. */
  readonly text?: string | undefined;
  /** Zones of the workers that serve it. */
  readonly zones?: readonly string[] | undefined;
}

/** How types of tasks are listed. */
export interface ListJobTypesOptions extends CallOptions, ListOptions {
  /** By name, or by the time at which they were loaded, the latest first. Default "name". */
  readonly orderBy?: "name" | "loaded" | undefined;
}

/** Lists the types of tasks that workers have loaded. */
export function listJobTypes(
  connection: Connection,
  client: Client<typeof JobService>,
  { names = [], labels = {}, text = "", zones = [] }: JobTypeFilter,
  options: ListJobTypesOptions,
): PagedList<JobType> {
  const orderBy = { name: JobTypeOrder.NAME, loaded: JobTypeOrder.LOADED }[options.orderBy ?? "name"];
  const filter = { names: [...names], labels: { ...labels }, text, zones: [...zones], orderBy };
  return createPagedList(async (pageToken) => {
    const request = { ...filter, pageSize: options.pageSize ?? 0, pageToken };
    const response = await callUnary(connection, options, (call) => client.listJobTypes(request, call));
    return { items: response.types, nextPageToken: response.nextPageToken };
  }, options.pageToken);
}
