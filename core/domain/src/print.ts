import { BindingError, type XmlElement } from "@netbind/contract";

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
/** libvirt's elements for what QEMU is told directly: the core writes these, and no binding may plan one. */
export const QEMU_ELEMENTS: readonly string[] = ["qemu:commandline", "qemu:arg"];

function encodeValue(value: string): string {
  if (!value.isWellFormed() || /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/.test(value)) {
    throw new BindingError(
      "PLAN_OUT_OF_BOUNDS",
      `${JSON.stringify(value)} holds a character that XML does not have`,
      "plan printable text",
    );
  }
  return value.replace(/[&<>"'\t\n\r]/g, (character) => ENTITIES[character] ?? `&#${character.charCodeAt(0)};`);
}

function checkName(name: string): string {
  if (NAME.test(name) || QEMU_ELEMENTS.includes(name)) return name;
  throw new BindingError(
    "PLAN_OUT_OF_BOUNDS",
    `${JSON.stringify(name)} is no name of an XML element or attribute`,
    "use letters, digits, dots, - and _",
  );
}

/**
 * Prints an element: the one place where data becomes domain XML.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS where a name or a value cannot stand in XML
 */
export function printElement(element: XmlElement, indent = "", newline = "\n"): string {
  const name = checkName(element.name);
  const attributes = Object.entries(element.attributes ?? {}).map(([key, value]) => ` ${checkName(key)}='${encodeValue(value)}'`);
  const children = element.children ?? [];
  const start = `${indent}<${name}${attributes.join("")}`;
  if (children.length === 0) return `${start}/>`;
  return [`${start}>`, ...children.map((child) => printElement(child, `${indent}  `, newline)), `${indent}</${name}>`].join(newline);
}
