import type { ApiServer } from "./api-server.ts";

/** An event, as far as tests look at it. */
export interface ReadEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly involvedObject: { readonly kind: string; readonly name: string; readonly uid: string };
}

/** The events of a namespace. */
export async function eventsOf(api: ApiServer, namespace: string): Promise<readonly ReadEvent[]> {
  const path = `/api/v1/namespaces/${namespace}/events`;
  return (await api.request<{ readonly items: readonly ReadEvent[] }>({ path })).items;
}
