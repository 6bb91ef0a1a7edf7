/**
 * A request that cannot be served, with the status to answer.
 *
 * Express and Koa read `status` and `expose` from errors, so that their own error handling answers right.
 */
export class HttpError extends Error {
  override readonly name: string = 'HttpError'
  /** The status to answer, 4xx or 5xx. */
  readonly status: number
  readonly statusCode: number
  /** The message may be shown to the client. */
  readonly expose: boolean

  constructor(status: number, message: string) {
    super(message)
    this.status = status
    this.statusCode = status
    this.expose = status < 500
  }
}
