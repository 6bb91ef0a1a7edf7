import { createWriteStream, mkdtempSync, rmSync, type WriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { destination, type Logger, pino } from 'pino'

const folder = mkdtempSync(join(tmpdir(), 'penknife-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('SIGTERM', () => process.exit())

export const LOG_FILE: string = join(folder, 'requests.log')

export function file(): WriteStream {
  return createWriteStream(LOG_FILE, { flags: 'a' })
}

/** @param buffered writes 4 KB at a time, as pino's documentation shows for more speed; lines of a killed process are lost */
export function pinoTo(buffered: boolean): Logger {
  return pino(destination(buffered ? { dest: LOG_FILE, sync: false, minLength: 4096 } : { dest: LOG_FILE }))
}
