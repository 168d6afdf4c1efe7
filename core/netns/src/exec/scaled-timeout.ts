import { factorOf } from "./factor.ts";

/** The environment variable that sets how many times longer than usual everything is waited for: 1 to 100. */
const factor = factorOf("NETBIND_TIMEOUT_SCALE");

/** A deadline in milliseconds, scaled by what the environment sets: a processor in software is slow. */
export const scaledTimeout = (milliseconds: number): number => milliseconds * factor;
