import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Exec } from "@netbind/netns";
import { DEMO_GUEST, type Image } from "./image.ts";
import { imageCommand } from "./image-command.ts";

const PROBE_DEADLINE = 15_000;

/** How the guest's processor is made: by the machine's own, or in software. */
export type Accelerator = "kvm" | "tcg";

/**
 * Boots the demo guest's kernel under KVM and sees whether it comes up: /dev/kvm being there proves nothing. The answer
 * is kept for as long as the machine is up.
 */
export async function probeAccelerator(exec: Exec, image: Image, cache: string): Promise<Accelerator> {
  if (!existsSync("/dev/kvm")) return "tcg";
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const file = join(cache, "accelerator.json");
  const key = `${boot} ${image.version}`;
  try {
    const known = JSON.parse(readFileSync(file, "utf8")) as { key: string; accelerator: Accelerator };
    if (known.key === key) return known.accelerator;
  } catch {
    // Not probed yet.
  }
  const accelerator = await bootsUnderKvm(exec, image);
  writeFileSync(file, JSON.stringify({ key, accelerator }));
  return accelerator;
}

async function bootsUnderKvm(exec: Exec, image: Image): Promise<Accelerator> {
  const kernel = [
    "-kernel",
    DEMO_GUEST.kernel,
    "-initrd",
    DEMO_GUEST.initrd,
    "-append",
    "console=ttyS0 quiet panic=-1 rdinit=/bin/poweroff -- -f",
  ];
  const machine = [
    "-nodefaults",
    "-no-user-config",
    "-display",
    "none",
    "-no-reboot",
    "-machine",
    "q35",
    "-accel",
    "kvm",
    "-cpu",
    "host",
    "-m",
    "192",
  ];
  try {
    // The guest does nothing but end: QEMU's own end without an error is the proof.
    const qemu = ["qemu-system-x86_64", ...machine, ...kernel, "-serial", "stdio"];
    const shown = ["--dev-bind", "/dev/kvm", "/dev/kvm"];
    await exec(await imageCommand({ image, argv: qemu, shown }), { deadline: PROBE_DEADLINE });
    return "kvm";
  } catch {
    return "tcg";
  }
}
