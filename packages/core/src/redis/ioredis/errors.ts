import { NotSent, ReplyError } from '../driver.ts'

/** What ioredis says of a command that failed, as penknife knows it. */
export function toFailure(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  // By its name: it comes from the ioredis of the application, and its redis-errors.
  if (error.name === 'ReplyError') return new ReplyError(error.message, error)
  return neverSent(error) ? new NotSent(error.message, error) : error
}

/** Whether ioredis refused a command because no connection was open. */
export function neverSent(error: Error): boolean {
  return error.message.includes('enableOfflineQueue options is false')
}

export function isReply(error: Error | undefined): error is Error {
  return error?.name === 'ReplyError'
}
