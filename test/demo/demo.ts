/**
 * Boots a real guest through the masquerade binding, shows what it got, proves its traffic, and cleans up.
 * Usage: npm run demo -- [--cidr 10.77.0.0/24] [--port 8081]
 */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { findVm, guestCommand, netnsPath, State, stateDirectories, type VmStatus } from "@netbind/local";
import { consoleSocket } from "@netbind/local";
import { netbind } from "../support/guest/netbind.ts";
import { Outside, OUTSIDE_PORTS } from "../support/peers/outside.ts";
import { demoVmi } from "./vmi.ts";

const NAME = "netbind-demo";
const USAGE =
  "usage: npm run demo -- [--cidr NETWORK] [--port PORT]\n  --cidr  the guest's network (vmNetworkCIDR), such as 10.77.0.0/24\n  --port  the port that is listed and that the guest's web server listens on (80)\n";

interface Options {
  readonly cidr?: string;
  readonly port: number;
}

function readOptions(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        cidr: { type: "string" },
        port: { type: "string", default: "80" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help || !/^\d{1,5}$/.test(values.port)) return undefined;
    return { port: Number(values.port), ...(values.cidr === undefined ? {} : { cidr: values.cidr }) };
  } catch {
    return undefined;
  }
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
let failed = 0;
function prove(what: string, holds: boolean, shown: string): void {
  if (!holds) failed += 1;
  say(`  ${holds ? "ok  " : "FAIL"}  ${what}: ${shown}`);
}

/** The guest's web server may be up a moment after its address. */
async function fetchPatiently(outside: Outside, url: string): Promise<string> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const page = await outside.fetch(url).catch(() => undefined);
    if (page !== undefined) return page;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return "nothing";
}

async function proveTraffic(status: VmStatus, port: number, nonce: string): Promise<void> {
  const state = new State(stateDirectories(process.env));
  const [nic] = status.nics;
  const pod = nic?.podAddresses[0] ?? "";
  using outside = await Outside.start(netnsPath(state.nodeNetns));
  const gateway = pod.replace(/\.\d+$/, ".1");
  const guest = consoleSocket(state, findVm(state, NAME));

  say("\nProof, from a host outside the pod:");
  for (const address of nic?.podAddresses ?? []) {
    const url = `http://${address.includes(":") ? `[${address}]` : address}:${port}/`;
    const page = (await fetchPatiently(outside, url)).trim();
    const holds = page === nonce;
    prove(
      `HTTP from ${url}`,
      holds,
      holds ? `the guest's nonce ${nonce}` : `got ${JSON.stringify(page)}, expected ${nonce}`,
    );
  }
  const other = port === 81 ? 82 : 81;
  const refused = await outside.connect(pod, other);
  prove(`TCP to port ${other}, which is not listed`, refused === "ECONNREFUSED", refused);
  await guestCommand(guest, `echo out-${nonce} | nc -w 3 ${gateway} ${OUTSIDE_PORTS.tcp}`);
  const tcp = await outside.sees("tcp", nonce);
  prove("TCP out of the guest comes from", tcp.address === pod, tcp.address);
  await guestCommand(guest, `syslogd -R ${gateway}:${OUTSIDE_PORTS.udp}; sleep 1; logger out-${nonce}`);
  const udp = await outside.sees("udp", nonce);
  prove("UDP out of the guest comes from", udp.address === pod, udp.address);
}

async function demo({ cidr, port }: Options): Promise<number> {
  const nonce = randomBytes(8).toString("hex");
  const vmi = demoVmi({ name: NAME, port, nonce, ...(cidr === undefined ? {} : { cidr }) });
  say(`The VM: the guide's masquerade example, completed\n\n${vmi.replace(/^/gm, "    ")}`);
  const started = await netbind(["run", "-f", "-", "--keep", "-o", "json"], { stdin: vmi, echoStderr: true });
  if (started.code !== 0) return started.code ?? 1;
  try {
    say((await netbind(["status", NAME])).stdout);
    await proveTraffic(JSON.parse(started.stdout) as VmStatus, port, nonce);
  } finally {
    say("\nCleaning up");
    const stopped = await netbind(["stop", NAME], { echoStderr: true });
    if (stopped.code !== 0) failed += 1;
  }
  say(failed === 0 ? "Done: everything above was seen, and nothing is left" : `${failed} of the above failed`);
  return failed === 0 ? 0 : 1;
}

const options = readOptions();
// Ctrl-C reaches the command that runs meanwhile, which stops its VM; what it left running is stopped here.
process.on("SIGINT", () => undefined);
if (options === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  process.exitCode = await demo(options);
}
