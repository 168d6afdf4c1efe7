export { main } from "./main.ts";
export { defineDomain, serveBinding, serveSidecar, type SidecarOptions } from "./serve.ts";
