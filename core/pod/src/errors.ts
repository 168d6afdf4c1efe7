/** The record of a pod cannot be read by this version: nothing of it is acted on. */
export class DamagedRecordError extends Error {
  override readonly name = "DamagedRecordError";
}

export const damagedRecord = (file: string, field: string): DamagedRecordError =>
  new DamagedRecordError(`${file} is damaged: "${field}" does not have the form that netbind writes`);

export const otherVersion = (file: string, version: unknown, known: number): DamagedRecordError =>
  new DamagedRecordError(`${file} is of version ${JSON.stringify(version)}, and this netbind reads version ${known}`);

export const unreadableRecord = (file: string, cause: Error): DamagedRecordError =>
  new DamagedRecordError(`${file} cannot be read: ${cause.message}`, { cause });
