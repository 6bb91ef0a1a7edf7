import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** A record with its time: milliseconds of the machine's monotonic clock, which is the same for all processes. */
export type Timed<R> = R & { readonly t: number }

export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** The records of one life of a process. */
export interface Journal<R> {
  write(record: R): void
  close(): void
}

/**
 * Appends a line for each record. It is written to the file before `write` returns, so that a killed process loses no
 * record.
 */
export function openJournal<R extends object>(folder: string, life: string): Journal<R> {
  const file = openSync(join(folder, `${life}.jsonl`), 'a')
  return {
    write: (record) => void writeSync(file, `${JSON.stringify({ t: now(), ...record })}\n`),
    close: () => closeSync(file),
  }
}

/** Every journal of a folder, by the name of the life. */
export function readJournals<R>(folder: string): ReadonlyMap<string, readonly Timed<R>[]> {
  const journals = new Map<string, readonly Timed<R>[]>()
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.jsonl')) continue
    const lines = readFileSync(join(folder, file), 'utf8').split('\n')
    // The text after the last line break is a line that a kill cut short.
    const records = lines.slice(0, -1).map((line) => JSON.parse(line) as Timed<R>)
    journals.set(file.slice(0, -'.jsonl'.length), records)
  }
  return journals
}

/** Reads journals while they are written. Each call returns the new records, earlier lives first. */
export function followJournals<R>(
  folder: string,
): () => readonly (readonly [life: string, record: Timed<R>])[] {
  const read = new Map<string, number>()
  return () => {
    const found: [string, Timed<R>][] = []
    const files = readdirSync(folder).filter((file) => file.endsWith('.jsonl'))
    for (const file of files.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))) {
      const path = join(folder, file)
      const from = read.get(file) ?? 0
      const bytes = Buffer.alloc(statSync(path).size - from)
      if (bytes.length === 0) continue
      const handle = openSync(path, 'r')
      const length = readSync(handle, bytes, 0, bytes.length, from)
      closeSync(handle)
      const end = bytes.lastIndexOf('\n', length - 1) + 1
      read.set(file, from + end)
      for (const line of bytes.toString('utf8', 0, end).split('\n').slice(0, -1))
        found.push([file.slice(0, -'.jsonl'.length), JSON.parse(line) as Timed<R>])
    }
    return found
  }
}
