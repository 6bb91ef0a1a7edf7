/**
 * An error with the status of the response.
 *
 * Express and Koa read `status` and `expose` from errors, so their own error handling sends the right response.
 */
export class HttpError extends Error {
  override readonly name: string = 'HttpError'
  /** The status of the response, 4xx or 5xx. */
  readonly status: number
  readonly statusCode: number
  /** Whether the client may see the message. */
  readonly expose: boolean

  constructor(status: number, message: string) {
    super(message)
    this.status = status
    this.statusCode = status
    this.expose = status < 500
  }
}
