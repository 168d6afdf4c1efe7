/** A package of the checkout: its folder, and its manifest. */
export interface LawfulPackage {
  readonly folder: string;
  readonly manifest: { readonly name: string };
}

/** Every package that the import law speaks of and that is there, in the law's order: from the bottom up. */
export function readPackages(root: string): readonly LawfulPackage[];
