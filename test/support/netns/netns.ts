import { randomBytes } from "node:crypto";
import { inNetns, type Exec, exec } from "@netbind/netns";

/** A network namespace of a test's own, gone when the test is. */
export class TestNetns implements AsyncDisposable {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  static async make(): Promise<TestNetns> {
    const netns = new TestNetns(`nbtest-${randomBytes(4).toString("hex")}`);
    await exec(["ip", "netns", "add", netns.name]);
    await netns.exec(["ip", "link", "set", "lo", "up"]);
    return netns;
  }

  get path(): string {
    return `/run/netns/${this.name}`;
  }

  get exec(): Exec {
    return inNetns(this.path, exec);
  }

  /** Joins two namespaces by a cable, with an address at each end. */
  static async cable(
    a: TestNetns,
    b: TestNetns,
    names: readonly [string, string],
    addresses: readonly [string, string],
    mtu: number,
  ): Promise<void> {
    await a.exec([
      "ip",
      "link",
      "add",
      names[0],
      "mtu",
      String(mtu),
      "type",
      "veth",
      "peer",
      "name",
      names[1],
      "mtu",
      String(mtu),
      "netns",
      b.name,
    ]);
    for (const [netns, name, address] of [
      [a, names[0], addresses[0]],
      [b, names[1], addresses[1]],
    ] as const) {
      await netns.exec(["ip", "addr", "add", address, "dev", name]);
      await netns.exec(["ip", "link", "set", name, "up"]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await exec(["ip", "netns", "delete", this.name]);
  }
}
