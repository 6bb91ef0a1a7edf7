import { NotSent, ReplyError } from '../driver.ts'

/** Turns an error of ioredis into a ReplyError or a NotSent; others stay as they are. */
export function toFailure(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  // Tested by its name, because the class belongs to the application's copy of ioredis.
  if (error.name === 'ReplyError') return new ReplyError(error.message, error)
  // Its own text names an option that applications do not set.
  if (error.name === 'MaxRetriesPerRequestError') {
    return new Error('the connection was closed before Redis replied', { cause: error })
  }
  return neverSent(error) ? new NotSent(error.message, error) : error
}

/** Whether ioredis refused a command because no connection was open. */
export function neverSent(error: Error): boolean {
  return error.message.includes('enableOfflineQueue options is false')
}

export function isReply(error: Error | undefined): error is Error {
  return error?.name === 'ReplyError'
}
