import { ListenError, readListenAddress } from "@netbind/kube";
import { expect, test } from "vitest";

test.each([
  ["127.0.0.1:9447", { host: "127.0.0.1", port: 9447 }],
  ["[::1]:0", { host: "::1", port: 0 }],
  [":9447", { port: 9447 }],
])("%s is listened at", (text, address) => {
  expect(readListenAddress(text)).toEqual(address);
});

test.each(["", ":", "9447", "::1:9447", "[127.0.0.1]:9447", "[]:9447", "localhost:9447", ":65536", ":+1"])(
  "%j is not an address",
  (text) => {
    expect(() => readListenAddress(text)).toThrow(ListenError);
  },
);
