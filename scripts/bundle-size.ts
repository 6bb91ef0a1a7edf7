/** Fails when an application that imports only the limiter would bundle more than it needs, or the client is too large: `pnpm check`. */
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

import { build } from 'esbuild'

/** Bytes, minified, without a client library. Raise it on purpose, in the commit that needs it. Leases of tokens took 5 KB, tracing channels 0.5 KB; the most denied subjects are counted by every limiter, too. */
const MOST = 169_000

const { outputFiles, metafile } = await build({
  stdin: {
    contents: "export { connect, createRateLimiter } from '@penknife/core'",
    resolveDir: fileURLToPath(new URL('..', import.meta.url)),
  },
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  platform: 'node',
  format: 'esm',
  external: ['ioredis', 'redis'],
  conditions: ['penknife-source'],
})
const [output] = outputFiles
const size = output?.contents.length ?? 0
console.log(`the limiter alone: ${size} bytes minified, ${gzipSync(output?.contents ?? '').length} gzipped`)
if (size > MOST) {
  console.error(`more than ${MOST} bytes: check its imports, or raise the bound in scripts/bundle-size.ts`)
  process.exitCode = 1
}
const strangers = Object.values(metafile.outputs)
  .flatMap(({ inputs }) => Object.entries(inputs))
  .filter(
    ([path, { bytesInOutput }]) =>
      bytesInOutput > 0 && /src\/(stream|leaderboard|notifier|guard)\/|\/croner\//.test(path),
  )
const others = [...new Set(output?.text.match(/"(stream|leaderboard|notifier|guard)\/\w+"/g))]
if (others.length > 0) {
  console.error(`scripts of other features are in the bundle of the limiter: ${others.join(', ')}`)
  process.exitCode = 1
}
for (const [path] of strangers) {
  console.error(`${path} is in the bundle of the limiter`)
  process.exitCode = 1
}

/** Bytes of the client for browsers, minified and gzipped: docs/client.md says so. */
const MOST_OF_CLIENT = 6000

const client = await build({
  stdin: {
    contents: "export { connect } from '@penknife/client'",
    resolveDir: fileURLToPath(new URL('..', import.meta.url)),
  },
  bundle: true,
  minify: true,
  write: false,
  platform: 'browser',
  format: 'esm',
  conditions: ['penknife-source'],
})
const clientSize = gzipSync(client.outputFiles[0]?.contents ?? '').length
console.log(`@penknife/client: ${clientSize} bytes minified and gzipped`)
if (clientSize > MOST_OF_CLIENT) {
  console.error(`more than ${MOST_OF_CLIENT} bytes: make it smaller`)
  process.exitCode = 1
}
