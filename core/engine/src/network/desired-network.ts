import type { NetworkPlan, PodLink } from "@netbind/contract";
import type { NftTable } from "./nft.ts";
import type { NftJson } from "./nft-json.ts";

/** Who may open the NIC's tap: the VM's user. */
export interface TapOwner {
  readonly uid: number;
  readonly gid: number;
}

/** A link that carries nothing: the kernel's own kind for that, or one without ports where the kernel has none. */
export type PlaceholderKind = "dummy" | "bridge";

/** What a NIC's network must look like, with what only the core knows. */
export interface DesiredNetwork {
  readonly plan: NetworkPlan;
  readonly table: NftTable;
  readonly owner: TapOwner;
  /** The name of the pod's link before a plan took it over. */
  readonly podLinkName: string;
  /** What stands in for a link whose kind this kernel lacks. */
  readonly placeholderKind: PlaceholderKind;
  /** The pod's link as it was recorded, where the plan leaves it as it was: then it is kept so. */
  readonly podLink?: PodLink;
  /** The table's listing after it was last applied; absent before the first time. */
  readonly appliedTable?: readonly NftJson[];
}
