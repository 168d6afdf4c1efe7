/** A VM whose sidecar runs from its OCI image: pulled from a registry on loopback, started by crun, as on a cluster. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { findVm, listVms } from "@netbind/local";
import { isAlive, type ProcessId } from "@netbind/netns";
import { processesOf } from "@netbind/pod";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useLab } from "../support/guest/lab.ts";
import { machineState } from "../support/guest/machine.ts";
import { netbind } from "../support/guest/netbind.ts";
import { tarOf, writeLayout } from "../support/images/oci-layout.ts";
import { removeOldSidecars, SidecarRegistry } from "../support/images/sidecar-registry.ts";
import { documents, kubevirt, vm } from "../support/kube/objects.ts";

const lab = useLab();
let images: SidecarRegistry;
beforeAll(async () => {
  removeOldSidecars(lab.state.cache);
  images = await SidecarRegistry.start(["masquerade"]);
  process.env["SSL_CERT_FILE"] = images.registry.certificate;
});
afterAll(async () => {
  delete process.env["SSL_CERT_FILE"];
  await images[Symbol.asyncDispose]();
});

const VM = vm("contained", { interfaces: [{ name: "red", masquerade: {} }], networks: [{ name: "red", pod: {} }] });
const registered = (sidecarImage: string): string => documents(VM, kubevirt({ masquerade: { sidecarImage } }));
const sidecar = (): ProcessId =>
  processesOf(findVm(lab.state, "contained"), "sidecar masquerade")[0] ?? expect.fail("no process of the sidecar");

test("an image whose container starts nothing, and one that cannot be had: said with what to do, nothing is left", async () => {
  const before = await machineState();
  const layout = mkdtempSync("/var/tmp/netbind-e2e-layout-");
  try {
    const config = { Entrypoint: ["/no/such/program"] };
    writeLayout(layout, { layers: [await tarOf([{ name: "etc/hostname" }])], config });
    await images.registry.push(layout, "image", "no/sidecar:1");
    const run = (image: string) =>
      netbind(["run", "-f", "-", "--sidecars", "image"], { env: lab.env, stdin: registered(image) });
    const none = await run(`${images.registry.host}/no/sidecar:1`);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain(`image ${images.registry.host}/no/sidecar:1: as the sidecar of binding "masquerade"`);
    expect(none.stderr).toContain("/no/such/program");
    const missing = await run(`${images.registry.host}/not/there:1`);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(`image ${images.registry.host}/not/there:1 is not there`);
    expect(missing.stderr).toContain("register that name for masquerade in the KubeVirt CR");
    expect(listVms(lab.state)).toEqual([]);
    expect(await machineState()).toEqual(before);
  } finally {
    rmSync(layout, { recursive: true });
  }
});

test("the registered image: the container is the VM's user without rights, is started again where it is gone, and ends with its VM", async () => {
  await lab.start(registered(images.reference("masquerade")), "--sidecars", "image");
  const first = sidecar();
  const { vmUid, sidecars } = findVm(lab.state, "contained");
  expect(sidecars?.["masquerade"]).toMatchObject({ image: images.reference("masquerade") });
  const status = readFileSync(`/proc/${first.pid}/status`, "utf8");
  expect(status).toMatch(new RegExp(`^Uid:\t${vmUid}\t${vmUid}\t`, "m"));
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
    expect(status).toMatch(new RegExp(`^${set}:\t0{16}$`, "m"));
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  expect(status).toMatch(/^Seccomp:\t2$/m);
  expect(readFileSync(`/proc/${first.pid}/mountinfo`, "utf8")).toMatch(/ \/ ro,/);
  // It has no link of the pod's, and the machine's process that has its number is not to be seen.
  expect(readFileSync(`/proc/${first.pid}/net/dev`, "utf8")).not.toContain("eth0");
  expect(status).toMatch(/^NSpid:\t\d+\t1$/m);
  expect(await lab.inGuest("contained", "ip -4 addr show eth0")).toContain("10.0.2.2");

  process.kill(first.pid, "SIGKILL");
  const checked = await netbind(["check"], { env: lab.env });
  expect(checked.code).not.toBe(0);
  expect(checked.stdout).toContain("sidecar of binding masquerade does not answer");
  const repaired = await netbind(["apply"], { env: lab.env });
  expect(repaired.code, repaired.stderr).toBe(0);
  const second = sidecar();
  expect(second.pid).not.toBe(first.pid);
  await lab.stop("contained");
  expect(isAlive(second)).toBe(false);
});
