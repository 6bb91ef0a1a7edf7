/** A handler throws it when another attempt cannot help: the entry goes to the dead letters at once. */
export class NeverRetryError extends Error {
  override readonly name: string = 'NeverRetryError'
}
