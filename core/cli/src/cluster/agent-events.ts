import { EVENTS, type ListRequest } from "@netbind/kube";
import { numberAt, textAt } from "./fields.ts";

/** The node agent's name as the source of events. */
export const AGENT = "netbind-agent";

/** An event of an object, as far as it is read. */
export interface SaidEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  /** RFC 3339; empty where the event has no time. */
  readonly at: string;
  readonly count: number;
  /** Who says it, such as `netbind-agent`. */
  readonly by: string;
  /** Whom it is about. */
  readonly about: { readonly kind: string; readonly namespace: string; readonly name: string; readonly uid: string };
}

/** Reads an event (core/v1), however it was written. */
export function readEvent(object: unknown): SaidEvent {
  const timeOf = (...names: readonly string[]): string => names.map((name) => textAt(object, name)).find(Boolean) ?? "";
  return {
    type: textAt(object, "type"),
    reason: textAt(object, "reason"),
    message: textAt(object, "message"),
    at: timeOf("lastTimestamp", "eventTime", "firstTimestamp"),
    count: Math.max(numberAt(object, "count"), 1),
    by: textAt(object, "source", "component") || textAt(object, "reportingComponent"),
    about: {
      kind: textAt(object, "involvedObject", "kind"),
      namespace: textAt(object, "involvedObject", "namespace"),
      name: textAt(object, "involvedObject", "name"),
      uid: textAt(object, "involvedObject", "uid"),
    },
  };
}

/** Events that node agents wrote; `namespace`: absent for all. */
export const agentEvents = (namespace?: string): ListRequest<SaidEvent> => ({
  resource: EVENTS,
  ...(namespace === undefined ? {} : { namespace }),
  fieldSelector: `source=${AGENT}`,
  read: readEvent,
});

/** The last of what was said of each object, by its UID. */
export function lastByUid(events: readonly SaidEvent[]): ReadonlyMap<string, SaidEvent> {
  const last = new Map<string, SaidEvent>();
  for (const event of events) {
    const before = last.get(event.about.uid);
    if (before === undefined || Date.parse(before.at) <= Date.parse(event.at)) last.set(event.about.uid, event);
  }
  return last;
}
