import { PenknifeError } from '@penknife/core'
import { HttpError, problem, type Reply } from '@penknife/http'

/** The error that a browser gets, in both frameworks. */
export function problemOf(error: unknown): Reply {
  if (error instanceof HttpError) return problem(error.status, { detail: error.message })
  if (error instanceof PenknifeError && error.fate === 'unknown') {
    return problem(503, { detail: 'Redis went away in the middle: this may have been done, or not.' })
  }
  if (error instanceof PenknifeError && error.code === 'PENKNIFE_INVALID') {
    return problem(400, { detail: error.message })
  }
  if (error instanceof PenknifeError || isConnectionError(error)) {
    return problem(503, { detail: 'Redis is away.' })
  }
  console.error(error)
  return problem(500)
}

/** Whether it is an error of the demo's own ioredis connection while Redis is away. */
function isConnectionError(error: unknown): boolean {
  return (
    error instanceof Error && /Command timed out|Connection is closed|max retries|ECONN/.test(error.message)
  )
}
