/**
 * What Netbind has on the machine for the state directories of this test's process. Nothing else is looked at, so other
 * tests, other checkouts and other software may start and end whatever they like meanwhile.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { netnsPath, State } from "@netbind/local";
import { exec } from "@netbind/netns";

/** What a test must leave as it found it. Of each kind, what belongs to a state directory of this test's process. */
export interface MachineState {
  readonly netns: readonly string[];
  /** Links of the machine's own network namespace. */
  readonly links: readonly string[];
  readonly mounts: readonly string[];
  readonly processes: readonly string[];
  /** VMs' directories, lock files and the node's directory. */
  readonly files: readonly string[];
}

/** A state directory of this test's process, and what was seen of it: users and namespaces outlive the records that name them. */
class OwnState {
  readonly state: State;
  readonly #users = new Set<number>();
  readonly #namespaces = new Set<string>();
  /** The directory, and what the names of its namespaces begin with. */
  readonly #named: RegExp;
  readonly #netns: string;

  constructor(path: string) {
    this.state = new State({ state: path, cache: "/nowhere", logs: "/nowhere" });
    // What is bound from a file system is listed with its path there, not with the one here: the last name is what both have.
    const name = basename(this.state.root).replaceAll(".", "\\.");
    this.#named = new RegExp(`/${name}(?![\\w.-])`);
    this.#netns = netnsPath(this.state.nodeNetns.replace(/node$/, ""));
  }

  /** Remembers what a process can be told by once its record or its namespace's name is gone. */
  look(): void {
    // The kernel gives a namespace's number to the next one that is made, once nobody is in it and it has no name.
    const inUse = namespacesInUse();
    for (const id of this.#namespaces) if (!inUse.has(id)) this.#namespaces.delete(id);
    for (const name of namesIn("/run/netns")) {
      const id = namespaceId(netnsPath(name));
      // A number that is in use all the same may be another's by now: then it has a name of theirs.
      if (id !== undefined) this.#namespaces[this.ownsNetns(name) ? "add" : "delete"](id);
    }
    for (const id of this.state.podIds())
      for (const uid of usersIn(join(this.state.podDirectory(id), "record.json"))) this.#users.add(uid);
  }

  ownsNetns(name: string): boolean {
    return name === this.state.nodeNetns || this.state.idOfPod(name) !== undefined;
  }

  /** True where a text, such as a mount or a command line, names the directory or one of its namespaces. */
  isNamedIn(text: string): boolean {
    return this.#named.test(text) || text.includes(this.#netns);
  }

  ownsProcess(seen: SeenProcess): boolean {
    return this.#namespaces.has(seen.namespace) || this.#users.has(seen.user) || this.isNamedIn(seen.traces);
  }

  files(): readonly string[] {
    const { root } = this.state;
    const entries = ["vms", "locks", "migration", "writable"].flatMap((name) =>
      namesIn(join(root, name)).map((entry) => join(root, name, entry)),
    );
    return existsSync(this.state.node) ? [...entries, this.state.node] : entries;
  }
}

const own: OwnState[] = [];

/** Makes a state directory that counts as this test's own. Its name is like no other one's. */
export function makeStateDirectory(use: string): string {
  const path = mkdtempSync(`/run/netbind-${use}-`);
  own.push(new OwnState(path));
  return path;
}

function readOr<T>(read: () => T, other: T): T {
  try {
    return read();
  } catch {
    return other;
  }
}

const namesIn = (directory: string): readonly string[] => readOr(() => readdirSync(directory), []);
const namespaceId = (path: string): string | undefined => readOr(() => String(statSync(path).ino), undefined);

/** The network namespaces that a process is in. */
const namespacesInUse = (): ReadonlySet<string> =>
  new Set(
    namesIn("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => namespaceId(`/proc/${pid}/ns/net`) ?? []),
  );

/** The users that a pod's record gives away. */
function usersIn(record: string): readonly number[] {
  const reported = readOr(() => JSON.parse(readFileSync(record, "utf8")) as Readonly<Record<string, unknown>>, {});
  return Object.entries(reported).flatMap(([key, value]) =>
    /uid$/i.test(key) && typeof value === "number" ? [value] : [],
  );
}

/** What tells whose a process is: its arguments, what a CNI plugin is told, its open files, and the directories that it has mounted. */
function tracesOf(pid: string, mounted: Mounted): string {
  const here = `/proc/${pid}`;
  return [
    readOr(() => readFileSync(`${here}/cmdline`, "utf8"), ""),
    ...readOr(() => readFileSync(`${here}/environ`, "utf8"), "")
      .split("\0")
      .filter((variable) => variable.startsWith("CNI_")),
    ...namesIn(`${here}/fd`).map((fd) => readOr(() => readlinkSync(`${here}/fd/${fd}`), "")),
    mounted.of(pid),
  ].join("\n");
}

/** What is mounted somewhere, read once in a look for all processes that have the same mounts: a pod may have thousands. */
class Mounted {
  readonly #read = new Map<string, string>();

  of(pid: string): string {
    const place = ["ns/mnt", "root"].map((name) => readOr(() => readlinkSync(`/proc/${pid}/${name}`), "")).join(" ");
    const roots = this.#read.get(place) ?? rootsOf(pid);
    this.#read.set(place, roots);
    return roots;
  }
}

/** What is mounted in its own place, as the machine has it, is in everybody's copy of the machine's mounts. */
const rootsOf = (pid: string): string =>
  mountsOf(pid)
    .flatMap(({ root, point }) => (point.endsWith(root) ? [] : [root]))
    .join("\n");

/** A process as it is looked at: each of this once, however many state directories it is held against. */
class SeenProcess {
  readonly #pid: string;
  readonly #mounted: Mounted;
  readonly namespace: string;
  readonly user: number;
  #traces: string | undefined;

  constructor(pid: string, mounted: Mounted) {
    this.#pid = pid;
    this.#mounted = mounted;
    this.namespace = namespaceId(`/proc/${pid}/ns/net`) ?? "";
    this.user = readOr(() => statSync(`/proc/${pid}`).uid, -1);
  }

  get traces(): string {
    this.#traces ??= tracesOf(this.#pid, this.#mounted);
    return this.#traces;
  }
}

interface Mount {
  /** The directory of its file system that is mounted. */
  readonly root: string;
  readonly point: string;
}

const mountsOf = (pid: string): readonly Mount[] =>
  readOr(() => readFileSync(`/proc/${pid}/mountinfo`, "utf8"), "")
    .split("\n")
    .map((line) => line.split(" "))
    .map(([, , , root = "", point = ""]) => ({ root, point }));

/** A process's name where it is this test's own; none where it is another's or over. */
function ownProcess(pid: string, mounted: Mounted): readonly string[] {
  const status = (): string => readFileSync(`/proc/${pid}/status`, "utf8");
  try {
    const before = status();
    const seen = new SeenProcess(pid, mounted);
    const isOwn = own.some((one) => one.ownsProcess(seen));
    const name = /^Name:\t(.*)/.exec(before)?.[1] ?? "";
    // One that became another program meanwhile was seen by halves.
    if (!status().startsWith(`Name:\t${name}\n`)) return ownProcess(pid, new Mounted());
    return isOwn && !/^State:\tZ/m.test(before) ? [`${name} ${pid}`] : [];
  } catch {
    return [];
  }
}

interface Link {
  readonly ifname: string;
  readonly link_netnsid?: number;
}

/** Names that are given to links of pods alone: one of them on the machine's own network came there from a pod. */
const POD_LINK = /^(k6t-|pod[0-9a-f]{11}$)/;

/** Links of the machine whose other end is in a namespace of this test's, or that have a name as only links of pods have. */
async function ownLinks(): Promise<readonly string[]> {
  const links = JSON.parse(await exec(["ip", "-json", "link", "show"])) as readonly Link[];
  const known = JSON.parse((await exec(["ip", "-json", "netns", "list-id"])) || "[]") as readonly {
    nsid: number;
    name?: string;
  }[];
  const isOwn = (nsid: number): boolean =>
    known.some(({ nsid: id, name }) => id === nsid && name !== undefined && own.some((one) => one.ownsNetns(name)));
  return links
    .filter(({ ifname, link_netnsid }) => POD_LINK.test(ifname) || (link_netnsid !== undefined && isOwn(link_netnsid)))
    .map(({ ifname }) => ifname);
}

/** Looks at what this test's state directories have on the machine. */
export async function machineState(): Promise<MachineState> {
  for (const one of own) one.look();
  const mounted = new Mounted();
  return {
    netns: namesIn("/run/netns")
      .filter((name) => own.some((one) => one.ownsNetns(name)))
      .sort(),
    links: [...(await ownLinks())].sort(),
    mounts: mountsOf("self")
      .filter(
        ({ root, point }) => !point.startsWith("/run/netns/") && own.some((one) => one.isNamedIn(`${root}\n${point}`)),
      )
      .map(({ point }) => point)
      .sort(),
    processes: namesIn("/proc")
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .flatMap((pid) => ownProcess(pid, mounted))
      .sort(),
    files: own.flatMap((one) => one.files()).sort(),
  };
}
