/** What a point of priority is worth in a line, in milliseconds of waiting: a job's place is its time of acceptance less that. */
export const priorityPointMs = 60_000;
