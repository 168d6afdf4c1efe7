import { type NftJson, type NftTable, normalizeListing, tableFamilies } from "@netbind/engine";

/**
 * A shell's function that lists nftables tables, each by two words, its family and its name. It ends each listing with a
 * NUL, which no text of JSON has; of a table that is not there it prints nothing before that.
 */
export const LIST_TABLES = `
list_tables() {
  while [ $# -ge 2 ]; do
    said=$(nft -j list table "$1" "$2" 2>&1 >&3) || case "$said" in
      *"No such file or directory"*) ;;
      *) printf %s "$said" >&2; return 1 ;;
    esac
    printf '\\0'
    shift 2
  done
} 3>&1
`;

/** The words for all tables of a NIC, whose names have no space in them. */
export const tableWords = (table: NftTable): string =>
  tableFamilies(table)
    .map((family) => `${family} ${table.name}`)
    .join(" ");

/** The listing of a NIC's tables from what was printed for each, normalized; undefined where there is none of them. */
export function readListings(printed: readonly string[]): readonly NftJson[] | undefined {
  const found = printed.filter((text) => text !== "");
  const objects = found.flatMap((text) => (JSON.parse(text) as { readonly nftables: readonly NftJson[] }).nftables);
  return found.length === 0 ? undefined : normalizeListing(objects);
}
