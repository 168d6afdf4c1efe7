export type * from "./api.ts";
export { countOperations, diffNetwork, type Operations, type TapOwner, type WantedNetwork } from "./diff.ts";
export { type NftJson, type NftTable, nicTable, normaliseListing, replaceTable, showTable } from "./nft.ts";
export { type ObservedLink, type ObservedNetwork, podLinkOf } from "./observed.ts";
export { type AttachedNic, attachmentOf, attachVmi, type Host, type PodFacts, wantedNetwork } from "./attach.ts";
export { authorize, findPlanProblems } from "./authorize.ts";
export { dnsmasqConfig } from "./dnsmasq.ts";
export { type Grants, STANDARD_GRANTS } from "./grants.ts";
export { type NicPlanner, planNic, plannerOf } from "./plan-nic.ts";
