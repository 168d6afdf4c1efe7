import { ScannedElement, type XmlNode } from "./xml-node.ts";
import { malformedDomain } from "./errors.ts";

const NAME =
  /[A-Za-z_\u00C0-\uFFFD][A-Za-z0-9_.\-\u00B7-\uFFFD]*(?::[A-Za-z_\u00C0-\uFFFD][A-Za-z0-9_.\-\u00B7-\uFFFD]*)?/y;
const REFERENCE = /&(?:amp|lt|gt|quot|apos|#(\d{1,7})|#x([0-9a-fA-F]{1,6}));/y;
/** What XML 1.0 does not allow at all: control characters, half surrogate pairs, two non-characters. */
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/;

/** As deep as libvirt's own reader goes (libxml2's xmlParserMaxDepth): time and memory are in proportion to the text up to there. */
const MOST_DEPTH = 256;

const isSpace = (code: number): boolean => code === 0x20 || code === 0xa || code === 0x9 || code === 0xd;
const isCharacter = (code: number): boolean =>
  code === 0x9 ||
  code === 0xa ||
  code === 0xd ||
  (code >= 0x20 && code <= 0xd7ff) ||
  (code >= 0xe000 && code <= 0xfffd) ||
  (code >= 0x1_0000 && code <= 0x10_ffff);

/** Reads a document once, from its first character to its last, and notes where its elements are. */
class Scanner {
  readonly #xml: string;
  #at = 0;
  #root: ScannedElement | undefined;
  #open: ScannedElement | undefined;
  #depth = 0;

  constructor(xml: string) {
    this.#xml = xml;
  }

  scan(): XmlNode {
    const forbidden = FORBIDDEN.exec(this.#xml);
    if (forbidden !== null) this.#fail("a character that XML does not allow", forbidden.index);
    if (!this.#xml.isWellFormed()) this.#fail("half a surrogate pair", 0);
    if (this.#xml.charCodeAt(0) === 0xfeff) this.#at = 1;
    if (/^<\?xml[ \t\r\n]/.test(this.#xml.slice(this.#at, this.#at + 6))) this.#declaration();
    while (this.#at < this.#xml.length) this.#step();
    if (this.#open !== undefined) this.#fail(`<${this.#open.name}> is not closed`, this.#open.start);
    if (this.#root === undefined) return this.#fail("there is no element", this.#xml.length);
    return this.#root;
  }

  #fail(problem: string, at: number): never {
    const before = this.#xml.slice(0, at);
    const line = before.split("\n").length;
    const column = at - before.lastIndexOf("\n");
    throw malformedDomain(problem, line, column);
  }

  /** Goes behind a name and gives it; undefined where there is none. */
  #name(): string | undefined {
    const start = this.#at;
    NAME.lastIndex = start;
    if (!NAME.test(this.#xml)) return undefined;
    this.#at = NAME.lastIndex;
    return this.#xml.slice(start, this.#at);
  }

  /** Goes behind white space. */
  #space(): void {
    while (isSpace(this.#xml.charCodeAt(this.#at))) this.#at += 1;
  }

  /** Goes behind the next occurrence of a mark. */
  #skipTo(mark: string, what: string): string {
    const start = this.#at;
    const found = this.#xml.indexOf(mark, start);
    if (found === -1) this.#fail(`${what} does not end`, start);
    this.#at = found + mark.length;
    return this.#xml.slice(start, found);
  }

  #step(): void {
    if (this.#xml[this.#at] !== "<") return this.#text();
    switch (this.#xml[this.#at + 1]) {
      case "!":
        return this.#markup();
      case "?":
        return this.#instruction();
      case "/":
        return this.#endTag();
      default:
        return this.#startTag();
    }
  }

  #declaration(): void {
    const start = this.#at;
    this.#at += 5;
    const text = this.#skipTo("?>", "the XML declaration");
    const form =
      /^\s+version\s*=\s*(["'])1\.[0-9]+\1(\s+encoding\s*=\s*(["'])[A-Za-z][A-Za-z0-9._-]*\3)?(\s+standalone\s*=\s*(["'])(yes|no)\5)?\s*$/;
    if (!form.test(text)) this.#fail("the XML declaration is malformed", start);
  }

  #text(): void {
    const start = this.#at;
    const next = this.#xml.indexOf("<", start);
    const end = next === -1 ? this.#xml.length : next;
    const text = this.#xml.slice(start, end);
    if (this.#open === undefined && /[^ \t\r\n]/.test(text)) this.#fail("text outside the root element", start);
    const stray = text.indexOf("]]>");
    if (stray !== -1) this.#fail("]]> in text", start + stray);
    this.#references(text, start);
    this.#at = end;
  }

  #references(text: string, start: number): void {
    for (let at = text.indexOf("&"); at !== -1; at = text.indexOf("&", at + 1)) {
      REFERENCE.lastIndex = at;
      const found = REFERENCE.exec(text);
      const code =
        found?.[1] === undefined ? (found?.[2] === undefined ? 0x20 : Number.parseInt(found[2], 16)) : Number(found[1]);
      if (found === null || !isCharacter(code)) this.#fail("an & that does not begin a reference", start + at);
    }
  }

  #markup(): void {
    const start = this.#at;
    if (this.#xml.startsWith("<!--", start)) {
      this.#at += 4;
      const text = this.#skipTo("--", "a comment");
      if (this.#xml[this.#at] !== ">") this.#fail("-- within a comment", start + text.length + 4);
      this.#at += 1;
      return;
    }
    if (this.#xml.startsWith("<![CDATA[", start)) {
      if (this.#open === undefined) this.#fail("CDATA outside the root element", start);
      this.#at += 9;
      this.#skipTo("]]>", "CDATA");
      return;
    }
    // A document type can define entities: what they stand for is not for us to find out.
    this.#fail(
      this.#xml.startsWith("<!DOCTYPE", start) ? "a document type, which a domain cannot have" : "malformed markup",
      start,
    );
  }

  #instruction(): void {
    const start = this.#at;
    this.#at += 2;
    const name = this.#name();
    if (name === undefined || name.toLowerCase() === "xml")
      this.#fail("a processing instruction without a name of its own", start);
    const rest = this.#skipTo("?>", "a processing instruction");
    if (rest !== "" && !/^[ \t\r\n]/.test(rest)) this.#fail("a processing instruction whose name does not end", start);
  }

  #endTag(): void {
    const start = this.#at;
    this.#at += 2;
    const name = this.#name();
    this.#space();
    if (name === undefined || this.#xml[this.#at] !== ">") this.#fail("a malformed end tag", start);
    this.#at += 1;
    const open = this.#open;
    if (open === undefined || open.name !== name)
      return this.#fail(`</${name}> closes ${open === undefined ? "nothing" : `<${open.name}>`}`, start);
    open.closeStart = start;
    open.end = this.#at;
    this.#open = open.parent;
    this.#depth -= 1;
  }

  #startTag(): void {
    const start = this.#at;
    this.#at += 1;
    const name = this.#name();
    if (name === undefined) return this.#fail("a < that does not begin a tag", start);
    if (this.#open === undefined && this.#root !== undefined) this.#fail("a second root element", start);
    this.#attributes();
    const selfClosing = this.#xml[this.#at] === "/";
    if (selfClosing) this.#at += 1;
    if (this.#xml[this.#at] !== ">") this.#fail(`the tag <${name}> is malformed`, this.#at);
    this.#at += 1;
    const node = new ScannedElement(this.#xml, { name, parent: this.#open, start, openEnd: this.#at });
    this.#open?.append(node);
    this.#root ??= node;
    if (selfClosing) return;
    this.#open = node;
    this.#depth += 1;
    if (this.#depth > MOST_DEPTH)
      this.#fail(`elements are nested deeper than ${MOST_DEPTH}, which libvirt does not read`, start);
  }

  /** Goes behind a start tag's attributes. */
  #attributes(): void {
    // Most tags have one attribute, or none.
    let first: string | undefined;
    let others: Set<string> | undefined;
    for (;;) {
      const before = this.#at;
      this.#space();
      const start = this.#at;
      const name = this.#name();
      if (name === undefined) return;
      if (start === before) this.#fail("attributes without space between them", start);
      if (name === first || others?.has(name) === true) this.#fail(`the attribute ${name} occurs twice`, start);
      this.#space();
      if (this.#xml[this.#at] !== "=") this.#fail(`the attribute ${name} has no value`, start);
      this.#at += 1;
      this.#space();
      this.#value();
      if (first === undefined) first = name;
      else others = (others ?? new Set()).add(name);
    }
  }

  #value(): void {
    const quote = this.#xml[this.#at];
    const start = this.#at + 1;
    if (quote !== '"' && quote !== "'") this.#fail("an attribute value without quotes", this.#at);
    this.#at = start;
    const text = this.#skipTo(quote as string, "an attribute value");
    const stray = text.indexOf("<");
    if (stray !== -1) this.#fail("a < in an attribute value", start + stray);
    this.#references(text, start);
  }
}

/**
 * Scans a document and gives its root element. Strict: what is not well-formed is refused, a document type too.
 * Attribute values are as written, with their references.
 *
 * @throws BindingError DOMAIN_INVALID with line and column
 */
export const scanXml = (xml: string): XmlNode => new Scanner(xml).scan();
