import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inNetns, exec, waitUntil } from "@netbind/netns";

const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(":", ""), "hex");
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);

const ethernet = (to: string, from: string, type: number, payload: Buffer): Buffer =>
  Buffer.concat([macBytes(to), macBytes(from), u16(type), payload]);

/** The Internet checksum (RFC 1071). */
function checksum(data: Buffer): Buffer {
  const even = data.length % 2 === 0 ? data : Buffer.concat([data, Buffer.from([0])]);
  let sum = 0;
  for (let at = 0; at < even.length; at += 2) sum += even.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return u16(~sum & 0xffff);
}

function ipv4Udp(
  source: readonly number[],
  target: readonly number[],
  ports: readonly [number, number],
  payload: Buffer,
): Buffer {
  const udp = Buffer.concat([u16(ports[0]), u16(ports[1]), u16(8 + payload.length), u16(0), payload]);
  const head = Buffer.concat([
    Buffer.from([0x45, 0]),
    u16(20 + udp.length),
    Buffer.from([0, 1, 0, 0, 64, 17, 0, 0, ...source, ...target]),
  ]);
  checksum(head).copy(head, 10);
  return Buffer.concat([head, udp]);
}

/** A BOOTP message with DHCP options: 1 discover, 2 offer. */
function dhcp(kind: 1 | 2, mac: string, options: readonly number[]): Buffer {
  const message = Buffer.alloc(240);
  message.set([kind, 1, 6, 0, 0x12, 0x34, 0x56, 0x78]);
  message.set(kind === 2 ? [10, 66, 66, 66] : [0, 0, 0, 0], 16);
  macBytes(mac).copy(message, 28);
  message.set([0x63, 0x82, 0x53, 0x63], 236);
  return Buffer.concat([message, Buffer.from([53, 1, kind, ...options, 255])]);
}

const BROADCAST = "ff:ff:ff:ff:ff:ff";

/** A DHCP server's offer to everybody, with itself as the router. */
export const dhcpOffer = (from: string): Buffer =>
  ethernet(
    BROADCAST,
    from,
    0x0800,
    ipv4Udp(
      [10, 66, 66, 1],
      [255, 255, 255, 255],
      [67, 68],
      dhcp(2, BROADCAST, [54, 4, 10, 66, 66, 1, 3, 4, 10, 66, 66, 1]),
    ),
  );

/** A client's call for a DHCP server. */
export const dhcpDiscover = (from: string): Buffer =>
  ethernet(BROADCAST, from, 0x0800, ipv4Udp([0, 0, 0, 0], [255, 255, 255, 255], [68, 67], dhcp(1, from, [])));

/** A router advertisement that makes its sender everybody's router, with a prefix to make addresses from (RFC 4861, 4.2). */
export function routerAdvertisement(from: string): Buffer {
  const source = Buffer.from("fe800000000000000000000000000666", "hex");
  const target = Buffer.from("ff020000000000000000000000000001", "hex");
  const prefix = Buffer.from(`030440c0${"00015180".repeat(2)}00000000fd660000000000000000000000000000`, "hex");
  const body = Buffer.concat([Buffer.from([134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0]), prefix]);
  checksum(Buffer.concat([source, target, u16(0), u16(body.length), Buffer.from([0, 0, 0, 58]), body])).copy(body, 2);
  const head = Buffer.concat([Buffer.from([0x60, 0, 0, 0]), u16(body.length), Buffer.from([58, 255]), source, target]);
  return ethernet("33:33:00:00:00:01", from, 0x86dd, Buffer.concat([head, body]));
}

/** Somebody asks who has an address, and says that it has another. */
export const arpRequest = (from: string, sender: readonly number[], target: readonly number[]): Buffer =>
  ethernet(
    BROADCAST,
    from,
    0x0806,
    Buffer.concat([
      Buffer.from([0, 1, 8, 0, 6, 4, 0, 1]),
      macBytes(from),
      Buffer.from([...sender, 0, 0, 0, 0, 0, 0, ...target]),
    ]),
  );

/** Sends a frame from a link, as often as wanted; with `randomSource` each time from another MAC. */
export async function sendFrame(
  netns: string,
  link: string,
  frame: Buffer,
  count = 1,
  randomSource = false,
): Promise<void> {
  const hex = (frame.toString("hex").match(/../g) ?? []).join(":");
  const source = randomSource ? ["-a", "rand"] : [];
  await inNetns(netns, exec)(["mausezahn", link, "-q", "-c", String(count), ...source, hex], { deadline: 60_000 });
}

/** A frame as it was seen. */
export interface SeenFrame {
  readonly source: string;
  readonly type: number;
  readonly bytes: Buffer;
}

/** Listens to everything on a link. */
export class Sniffer implements AsyncDisposable {
  readonly #directory: string = mkdtempSync(join(tmpdir(), "netbind-sniff-"));
  readonly #process: ChildProcess;
  #said = "";

  private constructor(netns: string, link: string) {
    const argv = [
      `--net=${netns}`,
      "--",
      "netsniff-ng",
      "--in",
      link,
      "--out",
      this.#file,
      "--silent",
      "--no-sock-mem",
      "--ring-size",
      "16MiB",
    ];
    this.#process = spawn("nsenter", argv, { stdio: ["ignore", "ignore", "pipe"] });
    this.#process.stderr?.on("data", (chunk: Buffer) => {
      this.#said += chunk.toString("utf8");
    });
  }

  get #file(): string {
    return join(this.#directory, "frames.pcap");
  }

  static async on(netns: string, link: string): Promise<Sniffer> {
    const sniffer = new Sniffer(netns, link);
    if (!(await waitUntil(() => existsSync(sniffer.#file), 5000))) {
      await sniffer[Symbol.asyncDispose]();
      throw new Error(`netsniff-ng does not listen: ${sniffer.#said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    return sniffer;
  }

  /** Stops listening, and gives what was seen. */
  async frames(): Promise<readonly SeenFrame[]> {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    if (this.#process.exitCode === null) {
      this.#process.kill("SIGINT");
      await ended;
    }
    const file = readFileSync(this.#file);
    const found: SeenFrame[] = [];
    // pcap: a header of 24 bytes, then 16 before each frame, of which bytes 8 to 11 are its length here.
    for (let at = 24; at + 16 <= file.length; ) {
      const length = file.readUInt32LE(at + 8);
      const bytes = file.subarray(at + 16, at + 16 + length);
      const source = (bytes.subarray(6, 12).toString("hex").match(/../g) ?? []).join(":");
      found.push({ source, type: bytes.length >= 14 ? bytes.readUInt16BE(12) : 0, bytes });
      at += 16 + length;
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** True for a router advertisement. */
export const isRouterAdvertisement = ({ type, bytes }: SeenFrame): boolean =>
  type === 0x86dd && bytes[20] === 58 && bytes[54] === 134;
/** True for a message of a DHCP server. */
export const isDhcpServer = ({ type, bytes }: SeenFrame): boolean =>
  type === 0x0800 && bytes[23] === 17 && bytes.readUInt16BE(34) === 67;
