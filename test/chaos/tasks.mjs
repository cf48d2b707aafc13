import { defineTask } from "@pointsman/sdk/task";

// What the other jobs of a chaos run do, as tasks of both effect classes.

export const change = defineTask({
  name: "chaos.change",
  delivery: "AT_MOST_ONCE",
  async run({ input, device }) {
    await device().configure(input.lines, { acceptUnproven: true });
  },
});

export const read = defineTask({
  name: "chaos.read",
  delivery: "READ_ONLY",
  async run({ input, device }) {
    await device().run(input.command);
  },
});
