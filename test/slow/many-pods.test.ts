import { expect, test } from "vitest";
import { attachMany } from "../support/kube/many-pods.ts";

const PODS = 100;
/** What an agent may take of its node's memory. */
const PSS_LIMIT_MB = 80;

test("a hundred pods at once: all are attached, the agent stays small, and nothing is left", {
  timeout: 1_200_000,
}, async () => {
  const { attachedMs, releasedMs, pssMb } = await attachMany(PODS);
  console.log(
    `${PODS} pods: ${Math.round(attachedMs / PODS)} ms a pod to attach, ${Math.round(releasedMs)} ms to release, agent ${pssMb.toFixed(1)} MB PSS`,
  );
  expect(pssMb).toBeLessThanOrEqual(PSS_LIMIT_MB);
});
