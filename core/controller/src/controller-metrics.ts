import { Counter, Gauge, Registry } from "prom-client";

/** What a controller counts. */
export interface ControllerMeter {
  /** The cluster's bindings were looked at, and written as far as needed. */
  reconciled(isDone: boolean): void;
}

/** The counts of a controller, as Prometheus reads them. */
export class ControllerMetrics implements ControllerMeter {
  readonly #registry = new Registry();
  readonly #reconciles = new Counter({
    name: "netbind_controller_reconciles_total",
    help: "Looks at the cluster's bindings by the replica that leads, by their result.",
    labelNames: ["result"] as const,
    registers: [this.#registry],
  });

  /** `isLeading`: asked each time that the metrics are read. */
  constructor(isLeading: () => boolean) {
    new Gauge({
      name: "netbind_controller_leading",
      help: "1 for the replica that holds the Lease and writes, 0 for others.",
      registers: [this.#registry],
      collect() {
        this.set(isLeading() ? 1 : 0);
      },
    });
  }

  reconciled(isDone: boolean): void {
    this.#reconciles.inc({ result: isDone ? "done" : "failed" });
  }

  /** The text of Prometheus' exposition format, with its content type. */
  async exposition(): Promise<{ readonly text: string; readonly contentType: string }> {
    return { text: await this.#registry.metrics(), contentType: this.#registry.contentType };
  }
}
