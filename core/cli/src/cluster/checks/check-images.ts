import type { ImageAnswer } from "@netbind/local";
import type { ClusterFinding } from "@netbind/view";
import type { ClusterFacts } from "../facts.ts";
import { textAt, type Value } from "../fields.ts";
import { isError, objectOf } from "../found.ts";
import { listed, type Looks } from "../looks.ts";
import { type StuckContainer, nodeOf, stuckContainers } from "./check-agents.ts";

/** Asks a registry for an image. */
export type AskImage = (image: string) => Promise<ImageAnswer>;

/** The images that are registered, each with the names of its bindings. */
function registeredImages({ registry }: ClusterFacts): ReadonlyMap<string, readonly string[]> {
  const byImage = new Map<string, string[]>();
  for (const [name, entry] of Object.entries(registry?.entries ?? {})) {
    const image = textAt(entry, "sidecarImage");
    if (image !== "") byImage.set(image, [...(byImage.get(image) ?? []), name]);
  }
  return byImage;
}

/** What the registries say of the registered images, as this machine reaches them. */
async function checkRegistered(facts: ClusterFacts, looks: Looks, ask: AskImage): Promise<readonly ClusterFinding[]> {
  const { registry } = facts;
  if (registry === undefined) return [];
  const asked = [...registeredImages(facts)].map(async ([image, names]) => {
    const answer = await ask(image);
    if (answer === "there") return [];
    if ("unknown" in answer) {
      looks.miss(`${answer.unknown} (asked from this machine, not from the cluster's nodes)`);
      return [];
    }
    return names.map((name) =>
      isError("SIDECAR_IMAGE_MISSING", {
        object: registry.object,
        field: [...registry.path, name, "sidecarImage"].join("."),
        problem: `the registry does not have ${image} (asked from this machine)`,
        fix: "correct the image's name, or mirror the image to that registry",
      }),
    );
  });
  return (await Promise.all(asked)).flat();
}

/** What a node says of a launcher pod's images. */
export const pullFinding = (pod: unknown, { name, image, reason, message }: StuckContainer): ClusterFinding =>
  isError("IMAGE_NOT_PULLED", {
    object: objectOf("Pod", pod),
    field: `spec.containers[${name}].image`,
    problem: `node ${JSON.stringify(nodeOf(pod))} cannot pull ${JSON.stringify(image)}: ${reason}${message === "" ? "" : `: ${message}`}`,
    fix: name.startsWith("hook-sidecar-")
      ? "correct the image that is registered for the binding (spec.image of its NetworkBinding), mirror it, or give the VM's namespace a pull secret (imagePullSecrets of its service account)"
      : "correct the image's name, mirror it, or give the VM's namespace a pull secret",
  });

const checkPulled = ({ pending }: ClusterFacts): readonly ClusterFinding[] =>
  listed(pending).flatMap((pod) =>
    stuckContainers(pod)
      .filter(({ isPull }) => isPull)
      .map((container) => pullFinding(pod as Value, container)),
  );

/** Whether the images of bindings can be had: what nodes say, and what registries say to this machine. */
export async function checkImages(
  facts: ClusterFacts,
  looks: Looks,
  ask: AskImage,
): Promise<readonly ClusterFinding[]> {
  return [...checkPulled(facts), ...(await checkRegistered(facts, looks, ask))];
}
