/** Something that others wait for until the test lets it be. */
export interface Door {
  readonly opened: Promise<void>;
  open(): void;
}

export function createDoor(): Door {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}
