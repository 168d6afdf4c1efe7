/** The order of a tier's files: those that wait for long begin first, so that others run beside their waiting, and none waits alone at the end. */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Without a record of earlier runs Vitest begins with large files, and these are small beside what they wait for. */
export const WAITING: readonly string[] = [
  ...["kernel/held-sidecars", "kernel/plugin-process"],
  ...["api/controller-replicas", "api/role-use", "api/hyperconverged", "api/leader-election", "api/lifecycle"],
];
const ends = WAITING.map((name) => `/test/${name}.test.ts`);
const place = ({ moduleId }: TestSpecification): number => {
  const at = ends.findIndex((end) => moduleId.endsWith(end));
  return at < 0 ? ends.length : at;
};

export class WaitsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}
