import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type JobType,
  JobTypeOrder,
  JobTypeSchema,
  type ListJobTypesRequest,
  ListJobTypesRequestSchema,
  type ListJobTypesResponse,
  ListJobTypesResponseSchema,
  type TaskSchemaSchema,
} from "@pointsman/sdk/v1";
import type { TaskSchema } from "../../domain/task-type.js";
import type { Store, TaskTypeRecord } from "../../store/store.js";
import { effectClassNumbers } from "./job-enums.js";
import { listKey, pageSize, readPageToken, writePageToken } from "../page-token.js";

/** A page of the types of tasks that a request meets. A type that several zones know is one. */
export async function listJobTypes(
  { taskTypes }: Pick<Store, "taskTypes">,
  request: ListJobTypesRequest,
): Promise<ListJobTypesResponse> {
  const about = create(ListJobTypesRequestSchema, { ...request, pageSize: 0, pageToken: "" });
  const key = listKey("ListJobTypes", ListJobTypesRequestSchema, about);
  const behind = readPageToken(key, 1, request.pageToken)?.[0];
  const byLoad = request.orderBy === JobTypeOrder.LOADED;
  const place = ({ latest }: Known): string => (byLoad ? latestFirst(latest) : "") + latest.name;
  const found = byName(await taskTypes.list(request.zones))
    .filter(({ latest }) => meets(request, latest))
    .map((known) => ({ known, place: place(known) }))
    .sort((one, other) => (one.place < other.place ? -1 : 1))
    .filter((one) => behind === undefined || one.place > behind);
  const page = found.slice(0, pageSize(request.pageSize));
  const last = page.at(-1);
  return create(ListJobTypesResponseSchema, {
    types: page.map(({ known }) => viewJobType(known)),
    nextPageToken: last && found.length > page.length ? writePageToken(key, [last.place]) : "",
  });
}

/** A type in each of the zones that know it, by zone; the one that was loaded last describes it. */
interface Known {
  readonly latest: TaskTypeRecord;
  readonly inZones: readonly TaskTypeRecord[];
}

function byName(records: readonly TaskTypeRecord[]): Known[] {
  const found = new Map<string, Known>();
  for (const record of records) {
    const { latest = record, inZones = [] } = found.get(record.name) ?? {};
    found.set(record.name, {
      latest: record.loadMs > latest.loadMs ? record : latest,
      inZones: [...inZones, record],
    });
  }
  return [...found.values()];
}

/** Sorts the latest time first. */
function latestFirst({ loadMs }: TaskTypeRecord): string {
  return `${String(Number.MAX_SAFE_INTEGER - loadMs).padStart(16, "0")} `;
}

function meets({ names, labels, text }: ListJobTypesRequest, type: TaskTypeRecord): boolean {
  const wanted = text.toLowerCase();
  const words = [
    type.name,
    type.description,
    ...Object.entries(type.labels).map(([name, value]) => `${name}=${value}`),
  ];
  return (
    (names.length === 0 || names.includes(type.name)) &&
    Object.entries(labels).every(([name, value]) => type.labels[name] === value) &&
    (wanted === "" || words.some((word) => word.toLowerCase().includes(wanted)))
  );
}

function viewJobType({ latest, inZones }: Known): JobType {
  const { name, description, labels, input, output, delivery, maxDeferrals, loadMs } = latest;
  return create(JobTypeSchema, {
    ...{ name, description, labels: { ...labels }, maxDeferrals },
    input: schemaMessage(input),
    output: schemaMessage(output),
    delivery: effectClassNumbers[delivery],
    workers: inZones.flatMap(({ zone, workers }) => workers.map((worker) => ({ worker, zone }))),
    loadTime: timestampFromMs(loadMs),
  });
}

function schemaMessage(schema: TaskSchema | undefined): MessageInitShape<typeof TaskSchemaSchema> {
  if (!schema) return {};
  if (schema.kind === "json") return { schema: { case: "jsonSchema", value: schema.schema } };
  const value = { typeName: schema.type, fileDescriptorSet: Buffer.from(schema.files, "base64") };
  return { schema: { case: "message", value } };
}
