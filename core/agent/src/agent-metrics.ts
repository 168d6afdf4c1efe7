import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EventReason } from "./event-reasons.ts";

/** What an agent counts. No label has a name of a pod or a VM: their number has no bound. */
export interface AgentMeter {
  /** How many pods are attached now. */
  attached(pods: number): void;
  /** A pod was attached, in so many seconds. */
  attachedIn(seconds: number): void;
  /** Something of an attached pod was not as recorded any more, and is again. */
  repaired(): void;
  /** A pod is not attached, and that was reported with this reason. */
  refused(reason: EventReason): void;
}

/** Seconds: from what a ready pod takes to where KubeVirt gives up. */
const BUCKETS = [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 180];

/** The counts of an agent, as Prometheus reads them. */
export class AgentMetrics implements AgentMeter {
  readonly #registry = new Registry();
  readonly #attached = new Gauge({
    name: "netbind_agent_attached_pods",
    help: "Launcher pods of this node that are attached.",
    registers: [this.#registry],
  });
  readonly #seconds = new Histogram({
    name: "netbind_agent_attach_seconds",
    help: "Seconds that attaching a pod took, of the try that succeeded.",
    buckets: BUCKETS,
    registers: [this.#registry],
  });
  readonly #repairs = new Counter({
    name: "netbind_agent_repairs_total",
    help: "Pods in which something was not as recorded any more, and was repaired.",
    registers: [this.#registry],
  });
  readonly #refusals = new Counter({
    name: "netbind_agent_refusals_total",
    help: "Reports that a pod is not attached, by the reason of the event.",
    labelNames: ["reason"] as const,
    registers: [this.#registry],
  });

  attached(pods: number): void {
    this.#attached.set(pods);
  }

  attachedIn(seconds: number): void {
    this.#seconds.observe(seconds);
  }

  repaired(): void {
    this.#repairs.inc();
  }

  refused(reason: EventReason): void {
    this.#refusals.inc({ reason });
  }

  /** The text of Prometheus' exposition format, with its content type. */
  async exposition(): Promise<{ readonly text: string; readonly contentType: string }> {
    return { text: await this.#registry.metrics(), contentType: this.#registry.contentType };
  }
}
