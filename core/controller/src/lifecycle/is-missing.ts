import { ApiError } from "@netbind/kube";

/** Whether an API server's answer is that something is not there. */
export const isMissing = (error: unknown): boolean => error instanceof ApiError && error.status === 404;
