/** What a compute container can try: to attach the sidecars of its own pod, with a seal that it made itself. */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectSidecar, encodeAttach, SEAL_FILE, sealOf } from "@netbind/remote/sidecar";

const HOOKS = "/var/run/kubevirt-hooks";
const bytes = encodeAttach({ namespace: "default", name: "forged", uid: "forged", nics: [] });
const reported: string[] = [];
for (const container of readdirSync(HOOKS)) {
  for (const sealed of [false, true]) {
    const directory = join(HOOKS, container, "netbind");
    if (sealed) writeFileSync(join(directory, SEAL_FILE), sealOf(bytes), { mode: 0o444 });
    const client = connectSidecar(join(directory, "attach.sock"));
    reported.push(
      await client.attach(bytes).then(
        () => "attached",
        (error: { code?: string }) => String(error.code),
      ),
    );
    client.close();
    rmSync(join(directory, SEAL_FILE), { force: true });
  }
}
writeFileSync(join(HOOKS, "told"), reported.join(" "));
