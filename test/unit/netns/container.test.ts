/** The configuration of a container, by what the OCI runtime specification says of its fields. */
import { containerConfiguration } from "@netbind/netns";
import { expect, test } from "vitest";

const LIMITS = { processes: 10, files: 20, data: 30, fileSize: 40, tmp: 50 };
const container = {
  ...{ uid: 1_920_000_001, gid: 1_920_000_001, inside: 107, rootfs: "/root", cwd: "/w" },
  ...{ args: ["/bin/a", "b"], env: ["C=d"], limits: LIMITS },
  binds: [{ source: "/from", target: "/to", writable: true }],
};

test("its process is one user of the machine, whose root is none that anything runs as", () => {
  const { process, linux } = containerConfiguration(container) as {
    readonly process: object;
    readonly linux: Readonly<Record<string, unknown>>;
  };
  const mappings = [
    { containerID: 0, hostID: 1_899_999_997, size: 1 },
    { containerID: 107, hostID: 1_920_000_001, size: 1 },
  ];
  expect(process).toMatchObject({ user: { uid: 107, gid: 107 }, args: ["/bin/a", "b"], env: ["C=d"], cwd: "/w" });
  expect(process).toMatchObject({ capabilities: {}, noNewPrivileges: true });
  expect(linux).toMatchObject({ uidMappings: mappings, gidMappings: mappings });
  expect(linux["namespaces"]).toEqual(["pid", "ipc", "mount", "uts", "network", "user"].map((type) => ({ type })));
});

test("it can write to what is bound for it and to memory, each without programs and devices", () => {
  const { root, mounts } = containerConfiguration(container) as {
    readonly root: object;
    readonly mounts: readonly { readonly destination: string; readonly options?: readonly string[] }[];
  };
  expect(root).toEqual({ path: "/root", readonly: true });
  expect(mounts.map(({ destination }) => destination)).toEqual(["/proc", "/dev", "/tmp", "/to"]);
  for (const { options = [] } of mounts.slice(1)) expect(options).toEqual(expect.arrayContaining(["nosuid", "noexec"]));
  expect(mounts[2]?.options).toContain("size=50");
  expect(mounts[3]?.options).toEqual(expect.arrayContaining(["rw", "nodev"]));
});
