import { formatVersion, type KubevirtMinor, nearestVersion, NEWEST_KUBEVIRT } from "@netbind/kubevirt";
import type { InputDocument } from "./documents.ts";

/** What a KubeVirt CR's status says of the version that its cluster runs. */
export interface ObservedVersion {
  /** As it is written, such as `v1.6.2`. */
  readonly text: string;
  readonly file: string;
  readonly line: number;
}

/** The version whose rules an input is judged by. */
export interface ChosenVersion {
  readonly version: KubevirtMinor;
  /** What it was taken from: the command line, the status of the KubeVirt CR, or neither, for it is the newest. */
  readonly from: "option" | "status" | "newest";
  /** What the KubeVirt CR's status says. */
  readonly observed?: ObservedVersion;
  /** Which it is and why, where the input has a say in it. */
  readonly because?: string;
}

const FIELD = "status.observedKubeVirtVersion";
const LONGEST = 64;

/** What a KubeVirt CR's status says; nothing for one that no cluster has taken yet. */
export function observedIn(kubevirt: InputDocument | undefined): ObservedVersion | undefined {
  const status = kubevirt?.value["status"] as { readonly observedKubeVirtVersion?: unknown } | undefined;
  const text = status?.observedKubeVirtVersion;
  if (kubevirt === undefined || typeof text !== "string" || text === "") return undefined;
  return { text: text.slice(0, LONGEST), file: kubevirt.file, line: kubevirt.lineOf(FIELD) };
}

/** The version that is asked for, else the cluster's own, else the newest. */
export function chooseVersion(observed: ObservedVersion | undefined, asked: KubevirtMinor | undefined): ChosenVersion {
  if (observed === undefined)
    return asked === undefined ? { version: NEWEST_KUBEVIRT, from: "newest" } : { version: asked, from: "option" };
  const { text, file, line } = observed;
  const says = `${file}:${line}: the KubeVirt CR's ${FIELD} is ${text}`;
  if (asked !== undefined)
    return {
      ...{ version: asked, from: "option", observed },
      because: `${says}; the rules of ${formatVersion(asked)} are asked, by --kubevirt-version`,
    };
  const version = nearestVersion(text);
  if (version === undefined)
    return {
      ...{ version: NEWEST_KUBEVIRT, from: "newest", observed },
      because: `${says}, which is not a version; the rules of ${formatVersion(NEWEST_KUBEVIRT)} are asked`,
    };
  const isKnown = /^v?(1\.\d{1,4})(?!\d)/.exec(text)?.[1] === `1.${version}`;
  const why = isKnown ? "" : ", the nearest that are known";
  return {
    version,
    from: "status",
    observed,
    because: `${says}; the rules of ${formatVersion(version)} are asked${why}`,
  };
}
