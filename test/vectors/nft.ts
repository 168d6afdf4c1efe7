import type { NftChain, NftMatch, NftRule } from "@netbind/contract";

/** A rule as text: where the kernel asks it, of which family, what a packet must be in any order, and what then. */
const rule = (hook: string, family: string, matches: readonly string[], verdict: string): string =>
  `${hook} ${family} [${[...matches].sort().join("; ")}] ${verdict}`;

const port = (value: number | readonly [number, number]): string =>
  typeof value === "number" ? String(value) : value[0] === value[1] ? String(value[0]) : value.join("-");

function matchText(match: NftMatch): string {
  switch (match.kind) {
    case "inputInterface":
      return `iif ${match.name}`;
    case "outputInterface":
      return `oif ${match.name}`;
    case "sourceAddress":
      return `saddr ${[...match.addresses].sort().join(",")}`;
    case "destinationAddress":
      return `daddr ${[...match.addresses].sort().join(",")}`;
    case "destinationPort":
      return `${match.protocol} dport ${match.ports.map(port).sort().join(",")}`;
    default:
      return match satisfies never;
  }
}

function verdictText({ verdict }: NftRule): string {
  if (verdict.kind === "dnat" || verdict.kind === "snat") return `${verdict.kind} ${verdict.to}`;
  return verdict.kind;
}

/** The rules of planned chains. */
export const planRules = (chains: readonly NftChain[]): readonly string[] =>
  chains.flatMap(({ base, rules }) =>
    rules.map((one) => rule(base?.hook ?? "none", one.family, one.matches.map(matchText), verdictText(one))),
  );

/** The matches and the verdict in the words of a command, after the chain's name. */
function readRule(words: readonly string[]): { readonly matches: readonly string[]; readonly verdict: string } {
  const matches: string[] = [];
  let at = 0;
  const value = (): string => {
    if (words[at] !== "{") return words[at++] ?? "";
    const end = words.indexOf("}", at);
    const list = words.slice(at + 1, end).map((word) => word.replace(/,$/, ""));
    at = end + 1;
    return list.sort().join(",");
  };
  while (words[at] !== "counter") {
    const word = words[at++];
    if (word === "iifname" || word === "oifname") matches.push(`${word.slice(0, 3)} ${value()}`);
    else if (word === "ip" || word === "ip6") matches.push(`${words[at++]} ${value()}`);
    else if (words[at] === "dport") {
      at += 1;
      matches.push(`${word} dport ${value().replace(/^(\d+)-\1$/, "$1")}`);
    } else throw new Error(`an nft word that is not known: ${word}`);
  }
  const [kind = "", to = "", address = ""] = words.slice(at + 1);
  return { matches, verdict: to === "to" ? `${kind} ${address}` : `${kind}${to === "" ? "" : ` ${to}`}` };
}

/** The rules of nft commands. Those of a chain that is jumped to are the jumping rule's, with its matches before theirs. */
export function commandRules(commands: readonly string[]): readonly string[] {
  const rules = commands
    .filter((command) => command.startsWith("add rule "))
    .map((command) => {
      const [, , family = "", , chain = "", ...words] = command.split(" ");
      return { family, chain, ...readRule(words) };
    });
  const jumps = rules.filter(({ verdict }) => verdict.startsWith("jump "));
  const lines = rules
    .filter(({ verdict }) => !verdict.startsWith("jump "))
    .flatMap((one) => {
      const into = jumps.filter(({ family, verdict }) => family === one.family && verdict === `jump ${one.chain}`);
      if (into.length === 0) return [rule(one.chain, one.family, one.matches, one.verdict)];
      return into.map((jump) => rule(jump.chain, one.family, [...jump.matches, ...one.matches], one.verdict));
    });
  return [...new Set(lines)].sort();
}
