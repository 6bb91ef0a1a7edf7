import type { Handler } from '../plugin.ts'

/** Logs a request that Node's parser refused, so that no middleware got it. */
export type ClientErrorLog = (refused: {
  readonly status: number
  readonly error: Error
  readonly address: string | undefined
}) => void

/** The handler of a request log, and what else writes to it. */
export interface RequestLogHandler extends Handler {
  readonly clientErrors: ClientErrorLog
}
