import { characterNotInXml } from "./errors.ts";

/** An element of the domain XML. Its names are the core's own; its values are untrusted. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Stands before its children. */
  readonly text?: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

function encodeValue(value: string): string {
  if (!value.isWellFormed() || /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/.test(value)) {
    throw characterNotInXml(value);
  }
  return value.replace(/[&<>"'\t\n\r]/g, (character) => ENTITIES[character] ?? `&#${character.charCodeAt(0)};`);
}

/**
 * Prints an element: the one place where data becomes domain XML.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS where a value cannot stand in XML
 */
export function printElement(
  { name, attributes, children, text = "" }: XmlElement,
  indent = "",
  newline = "\n",
): string {
  const values = Object.entries(attributes).map(([key, value]) => ` ${key}='${encodeValue(value)}'`);
  const start = `${indent}<${name}${values.join("")}`;
  if (children.length === 0) return text === "" ? `${start}/>` : `${start}>${encodeValue(text)}</${name}>`;
  return [
    `${start}>${encodeValue(text)}`,
    ...children.map((child) => printElement(child, `${indent}  `, newline)),
    `${indent}</${name}>`,
  ].join(newline);
}
