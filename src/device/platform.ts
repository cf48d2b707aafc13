/** One kind of device, compiled from its definition. */
export interface Platform {
  /** e.g. `cisco_ios`. */
  readonly name: string;
}
