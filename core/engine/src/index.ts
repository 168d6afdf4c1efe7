export type * from "./api.ts";
export { countOperations, diffNetwork, type Operations, type TapOwner, type WantedNetwork } from "./diff.ts";
export { type NftJson, type NftTable, nicTable, normaliseListing, replaceTable, showTable } from "./nft.ts";
export { type ObservedLink, type ObservedNetwork, podLinkOf } from "./observed.ts";
