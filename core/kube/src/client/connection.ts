/** How an API server is reached, and as whom. */
export interface ApiConnection {
  /** Always https, and without a slash at its end. */
  readonly server: URL;
  /** Where this is said, for messages: a file, or the pod's service account. */
  readonly source: string;
  /** Read again for each request: a service account's token is replaced every hour, an authority now and then. */
  credentials(): ApiCredentials;
}

/** PEM texts, or a token. */
export interface ApiCredentials {
  /** The authorities of the server's certificate; absent: those of the machine. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  /** The name in the server's certificate where it is not that of its URL. */
  readonly servername?: string;
}

/** A server's URL, checked. @throws Error with what is wrong, in a sentence that `what` begins */
export function serverUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw new Error(`${what} ${JSON.stringify(text)} is not a URL`);
  if (url.protocol !== "https:")
    throw new Error(`${what} ${JSON.stringify(text)} is not https: a server without a certificate is not asked`);
  while (url.pathname.length > 1 && url.pathname.endsWith("/")) url.pathname = url.pathname.slice(0, -1);
  return url;
}
