import { type Dirent, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** What kubectl reads of a directory. */
const DOCUMENT = /\.(?:yaml|yml|json)$/;
/** The most entries of a directory, and of those in it, that are looked at. */
const MOST_ENTRIES = 100_000;

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Reading it says why.
    return false;
  }
}

/** The documents in a directory, in the order of their names; in those below it too where that is asked. Links are not followed down. */
function documentsIn(directory: string, recursive: boolean, budget: { left: number }): readonly string[] {
  let entries: readonly Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    return [directory];
  }
  return entries
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (--budget.left < 0) return [];
      if (entry.isDirectory()) return recursive ? documentsIn(path, recursive, budget) : [];
      return DOCUMENT.test(entry.name) && !isDirectory(path) ? [path] : [];
    });
}

/**
 * Names of files, with the documents of each directory in its place: *.yaml, *.yml and *.json. A directory that cannot be
 * read, or has none, stays, so that reading it says so.
 */
export function expandFiles(names: readonly string[], recursive = false): readonly string[] {
  const budget = { left: MOST_ENTRIES };
  return names.flatMap((name) => {
    if (!isDirectory(name)) return [name];
    const documents = documentsIn(name, recursive, budget);
    return documents.length === 0 ? [name] : documents;
  });
}
