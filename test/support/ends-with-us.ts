/**
 * The command line of a program that the kernel ends when whoever starts it is gone, however that ended. What it starts
 * itself is not ended by this. Elsewhere than on Linux: the program as it is.
 */
export function endsWithUs(program: string, args: readonly string[]): readonly [program: string, args: string[]] {
  if (process.platform !== "linux") return [program, [...args]];
  // It becomes the program, under the same process id.
  return ["setpriv", ["--pdeathsig", "KILL", "--", program, ...args]];
}
