/** An element of a scanned document: where it stands, and what stands in it. Text is never copied. */
export interface XmlNode {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlNode[];
  readonly parent: XmlNode | undefined;
  /** Offset of `<`. */
  readonly start: number;
  /** Offset behind the start tag's `>`. */
  readonly openEnd: number;
  /** Offset of the end tag's `<`; equal to `openEnd` where the element is empty and has none. */
  readonly closeStart: number;
  /** Offset behind the element. */
  readonly end: number;
  readonly selfClosing: boolean;
}

/** Each begins where the one before ends: a tag is looked through once. */
const ATTRIBUTE = /[ \t\r\n]*([^ \t\r\n=]+)[ \t\r\n]*=[ \t\r\n]*(?:"([^"]*)"|'([^']*)')/gy;
const CHILDLESS: readonly XmlNode[] = [];

/** A start tag that was read, with offsets into its text. */
export interface StartTag extends Pick<XmlNode, "name" | "start" | "openEnd"> {
  /** Undefined for the root. */
  readonly parent: ScannedElement | undefined;
}

/**
 * An element while it is scanned. A domain may have a hundred thousand, and a sidecar has little memory: what most of them are
 * never asked for is not kept.
 */
export class ScannedElement implements XmlNode {
  readonly name: string;
  readonly parent: ScannedElement | undefined;
  readonly start: number;
  readonly openEnd: number;
  readonly selfClosing: boolean;
  closeStart: number;
  end: number;
  readonly #xml: string;
  #children: XmlNode[] | undefined;
  #attributes: ReadonlyMap<string, string> | undefined;

  /** An element whose start tag, from `<` to `openEnd`, is well-formed. */
  constructor(xml: string, { name, parent, start, openEnd }: StartTag) {
    this.#xml = xml;
    this.name = name;
    this.parent = parent;
    this.start = start;
    this.openEnd = openEnd;
    this.closeStart = openEnd;
    this.end = openEnd;
    this.selfClosing = xml[openEnd - 2] === "/";
  }

  get children(): readonly XmlNode[] {
    return this.#children ?? CHILDLESS;
  }

  append(child: XmlNode): void {
    this.#children ??= [];
    this.#children.push(child);
  }

  /** Read when they are asked for the first time. */
  get attributes(): ReadonlyMap<string, string> {
    if (this.#attributes === undefined) {
      const tag = this.#xml.slice(this.start + 1 + this.name.length, this.openEnd);
      this.#attributes = new Map(
        Array.from(tag.matchAll(ATTRIBUTE), ([, name = "", double, single]) => [name, double ?? single ?? ""]),
      );
    }
    return this.#attributes;
  }
}

/** The first child of a name. */
export const childOf = (node: XmlNode | undefined, name: string): XmlNode | undefined =>
  node?.children.find((child) => child.name === name);

const PREDEFINED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** What an attribute says, its references resolved. Two printers write the same value in different ways. */
export const attributeOf = (node: XmlNode | undefined, name: string): string | undefined =>
  node?.attributes
    .get(name)
    ?.replace(/[\t\r\n]/g, " ")
    .replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex?: string, decimal?: string, entity?: string) =>
      entity === undefined
        ? String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16))
        : (PREDEFINED[entity] ?? whole),
    );

/** The namespace that an element is of: what its prefix, or its having none, is declared to mean. */
function namespaceOf(node: XmlNode): string | undefined {
  const colon = node.name.indexOf(":");
  const declaration = colon === -1 ? "xmlns" : `xmlns:${node.name.slice(0, colon)}`;
  for (let at: XmlNode | undefined = node; at !== undefined; at = at.parent) {
    const namespace = attributeOf(at, declaration);
    if (namespace !== undefined) return namespace;
  }
  return undefined;
}

/** The first child of a name in a namespace, whatever prefix the document has for it. */
export const childInNamespace = (node: XmlNode, namespace: string, name: string): XmlNode | undefined =>
  node.children.find(
    (child) => child.name.slice(child.name.indexOf(":") + 1) === name && namespaceOf(child) === namespace,
  );
