import { factorOf } from "./factor.ts";

/** The environment variable that tells how many times longer than usual everything is waited for: 1 to 100. */
const factor = factorOf("NETBIND_TIMEOUT_SCALE");

/** A deadline in milliseconds, on a machine that is as fast as its environment tells: a processor in software is slow. */
export const scaledTimeout = (milliseconds: number): number => milliseconds * factor;
