#!/usr/bin/env node
import { runCli } from './cli.ts'

// Warnings of libraries would break the output. What matters is in the errors and in `doctor`.
process.removeAllListeners('warning')
process.on('warning', () => {})
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe, such as head, may end first.
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`the output cannot be written: ${error.message}\n`)
  process.exit(1)
})

const { stdin, stdout, stderr, env } = process
const stopping = new AbortController()
process.once('SIGINT', () => {
  stopping.abort()
  // A second Ctrl-C ends it at once: the listener is gone.
})
process.exitCode = await runCli(process.argv.slice(2), { stdin, stdout, stderr, env }, stopping.signal)
