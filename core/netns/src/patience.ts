/** The environment variable that tells how many times longer than usual everything is waited for: 1 to 100. */
const VARIABLE = "NETBIND_PATIENCE";

const [least, most] = [1, 100] as const;
const told = Number(process.env[VARIABLE] ?? least);
const factor = Number.isFinite(told) ? Math.min(Math.max(told, least), most) : least;

/** A deadline in milliseconds, on a machine that is as fast as its environment tells: a processor in software is slow. */
export const patient = (milliseconds: number): number => milliseconds * factor;
