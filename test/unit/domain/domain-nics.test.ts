import { withoutNic } from "@netbind/domain";
import { expect, test } from "vitest";

test("a domain without one of its NICs: nothing else of it changes", () => {
  const nic = (name: string): string =>
    `    <interface type='ethernet'>\n      <mac address='02:00:00:00:00:01'/>\n      <alias name='ua-${name}'/>\n    </interface>\n`;
  const domain = (...names: readonly string[]): string =>
    `<domain>\n  <devices>\n${names.map(nic).join("")}  </devices>\n</domain>\n`;
  expect(withoutNic(domain("red", "blue", "green"), "blue")).toBe(domain("red", "green"));
  expect(withoutNic(domain("red"), "blue")).toBe(domain("red"));
});
