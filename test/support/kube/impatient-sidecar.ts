/** A sidecar with little patience, to see what it says while nobody attaches it: its argument is its hooks directory. */
import masquerade from "@netbind/plugin-masquerade";
import { serveSidecar } from "@netbind/sidecar";

await serveSidecar(masquerade, {
  hooksDirectory: process.argv[2] ?? "",
  containerName: "hook-sidecar-0",
  withBinding: false,
  agentTimeout: { first: 100, next: 150 },
});
