import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes minutes or waits for leases. Begun last, it would keep one process busy when the others have nothing left. */
const long = ["/test/mutants/", "/test/simulation/", "/test/e2e/", "/test/store/model/"];

/** Begins the long ones first, in the order that vitest has for them otherwise. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = long.findIndex((part) => moduleId.includes(part));
      return place < 0 ? long.length : place;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
