import { readFileSync } from "node:fs";
import { factorOf } from "../exec/factor.ts";

/** What one process, or all of one user's together, may take of the machine. ARCHITECTURE.md has the table. */
export interface Limits {
  /** Processes and threads of its user's, on the whole machine. Absent: as many as its user may have anyway. */
  readonly processes?: number;
  /** Open files of each process. */
  readonly files: number;
  /** Bytes of private memory of each process. */
  readonly data: number;
  /** Bytes that any file of its may have: what it prints must not fill the machine. */
  readonly fileSize: number;
  /** Bytes of its /tmp. */
  readonly tmp: number;
}

/** What a control group's processes may take together. */
export interface GroupLimits {
  /** Processes and threads. */
  readonly processes: number;
  /** Bytes, with what they have in files in memory. */
  readonly memory: number;
  /** Processors' time, in processors. */
  readonly cpus: number;
}

const MIB = 1024 ** 2;
/** The environment variable that sets how many times more than usual everything may take: 1 to 100. */
const SCALE = "NETBIND_LIMIT_SCALE";
const factor = factorOf(SCALE);

/** A limit, times the factor that the environment sets. */
export const scaled = (limit: number): number => Math.round(limit * factor);

/** Bytes that any file of a sandbox may have. */
export const FILE_LIMIT: number = scaled(16 * MIB);

const SERVICE_PROCESSES = scaled(512);
/** All of a pod's servers run as one user: two processes each, two servers for each NIC. One has 2 MiB of memory. */
export const SERVICE_LIMITS: Limits = {
  processes: SERVICE_PROCESSES,
  files: scaled(256),
  data: scaled(32 * MIB),
  fileSize: FILE_LIMIT,
  tmp: 0,
};

/** What all servers of a pod may take together, where control groups limit it. */
export const SERVICE_GROUP: GroupLimits = { processes: SERVICE_PROCESSES, memory: scaled(256 * MIB), cpus: scaled(1) };

/** The most that this process may give away, by the kernel's names of limits: without CAP_SYS_RESOURCE it raises none. */
const hardLimit = (name: string): number => {
  const line = readFileSync("/proc/self/limits", "utf8")
    .split("\n")
    .find((one) => one.startsWith(`${name} `));
  const [, hard] = line?.slice(name.length).trim().split(/\s+/) ?? [];
  return hard === undefined || hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
};

const option = (name: string, kernels: string, limit: number): string => {
  const least = Math.min(limit, hardLimit(kernels));
  return `--${name}=${least}:${least}`;
};

/** As options of prlimit(1), soft and hard alike; no core file is written. */
export const limitOptions = ({ processes, files, data, fileSize }: Partial<Limits>): readonly string[] => [
  ...(processes === undefined ? [] : [option("nproc", "Max processes", processes)]),
  ...(files === undefined ? [] : [option("nofile", "Max open files", files)]),
  ...(data === undefined ? [] : [option("data", "Max data size", data)]),
  ...(fileSize === undefined ? [] : [option("fsize", "Max file size", fileSize)]),
  "--core=0:0",
];

/** What to do about a limit. */
export const RAISE_LIMITS: string = `set ${SCALE} to more than ${factor} to raise all limits`;

/** Which limit a process ran into, by what it printed before it ended; empty where that names none. */
export function explainLimits(said: string, { processes, files, data }: Limits): string {
  const met = [
    ...(processes !== undefined && /Resource temporarily unavailable|[Cc]annot fork/.test(said)
      ? [`${processes} processes and threads of its user`]
      : []),
    ...(/Too many open files/.test(said) ? [`${files} open files`] : []),
    ...(/Cannot allocate memory|[Oo]ut of memory|memory exhausted|could not get memory|bad_alloc/.test(said)
      ? [`${data} bytes of memory`]
      : []),
  ];
  return met.length === 0 ? "" : ` (it may have ${met.join(" and ")}: ${RAISE_LIMITS})`;
}
