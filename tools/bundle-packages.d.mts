export declare const packagesFileOf: (bundle: string) => string;
