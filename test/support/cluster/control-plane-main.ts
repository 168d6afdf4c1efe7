/**
 * The first process of a control plane's namespaces: `node control-plane-main.ts PLAN`, started by control-plane.ts. It
 * starts the programs, passes the machine's connections on to the API server, and takes orders at a socket. When it
 * ends, the kernel ends all that it started.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect, createServer, Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ControlPlanePlan } from "./control-plane-plan.ts";
import { ProgramSet } from "./program-set.ts";

const READY_WITHIN = 120_000;
const POLL = 50;

const plan = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as ControlPlanePlan;
const fail = (what: string): never => {
  console.error(what);
  process.send?.({ failed: what });
  process.exit(1);
};
const programs = new ProgramSet(plan.commands, plan.logs, fail, plan.environment);
const { tls } = plan;
const credentials = { ca: readFileSync(tls.ca), cert: readFileSync(tls.cert), key: readFileSync(tls.key) };

/** True once the API server says so. */
async function isReady(): Promise<boolean> {
  const asked = request({ host: plan.host, port: plan.port, path: "/readyz", ...credentials, timeout: 2000 });
  asked.on("timeout", () => asked.destroy(new Error("no answer")));
  asked.end();
  try {
    const [answer] = await once(asked, "response");
    answer.resume();
    return answer.statusCode === 200;
  } catch {
    return false;
  }
}

async function startApiServer(): Promise<void> {
  programs.start("kube-apiserver");
  const until = Date.now() + READY_WITHIN;
  while (!(await isReady())) {
    if (Date.now() > until) throw new Error(`kube-apiserver is not ready after ${READY_WITHIN / 1000} s`);
    await sleep(POLL);
  }
}

/** Passes connections of the machine's loopback, where the listening socket is from, on into this network namespace. */
function forward(client: Socket): void {
  const server = connect(plan.port, plan.host);
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
    from.pipe(to);
  }
}

const ORDERS: Readonly<Record<string, (name: string) => Promise<void>>> = {
  stop: (name) => programs.stop(name),
  start: async (name) => (name === "kube-apiserver" ? startApiServer() : programs.start(name)),
};

/** Takes one order a connection, such as "stop kube-apiserver", and answers "done" or what is wrong. */
async function obey(client: Socket): Promise<void> {
  const [text] = (await once(client, "data")) as [Buffer];
  const [verb = "", name = ""] = text.toString().trim().split(" ");
  const order = ORDERS[verb];
  if (order === undefined || !programs.names.includes(name)) return void client.end(`"${text}" is not an order`);
  await order(name);
  client.end("done");
}

/** With its starter, before that has recorded it, it ends too. */
const orphaned = (): void => process.exit(1);
process.once("disconnect", orphaned);
process.on("message", (_, handle) => {
  if (!(handle instanceof Server)) return;
  handle.on("connection", forward);
  process.off("disconnect", orphaned);
  process.send?.("forwarding", undefined, undefined, () => process.disconnect());
});
createServer((client) => {
  client.on("error", () => undefined);
  obey(client).catch((error: Error) => client.end(error.message));
}).listen(plan.orders);

try {
  execFileSync("ip", ["-batch", "-"], { input: plan.network.join("\n"), stdio: ["pipe", "inherit", "inherit"] });
  // Between nodes; settings of this network namespace alone.
  for (const setting of ["ipv4/ip_forward", "ipv6/conf/all/forwarding"]) writeFileSync(`/proc/sys/net/${setting}`, "1");
  programs.start("etcd");
  await startApiServer();
  for (const name of programs.names) programs.start(name);
  process.send?.("ready");
} catch (error) {
  fail((error as Error).message);
}
