import { parseArgs } from 'node:util'

import { dashboard } from './dashboard.ts'
import type { Fuzzer } from './harness.ts'
import { http } from './http.ts'
import { keys } from './keys.ts'
import { replies } from './replies.ts'
import { sockets } from './sockets.ts'

const FUZZERS: readonly Fuzzer[] = [http, keys, replies, sockets, dashboard]

const USAGE = `Usage: pnpm fuzz <name> [options]

${FUZZERS.map(({ name, about }) => `${name.padEnd(10)} ${about}`).join('\n')}

Options:
  --seed N     of everything random; default: another one each time, which is printed
  --inputs N   inputs to try; default: as many as take some minutes`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, inputs: { type: 'string' } },
})

const fuzzer = FUZZERS.find(({ name }) => name === positionals[0])
if (fuzzer) await fuzz(fuzzer)
else {
  console.error(USAGE)
  process.exitCode = 1
}

async function fuzz({ name, inputs: usual, run }: Fuzzer): Promise<void> {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
  const inputs = Number(values.inputs ?? usual)
  console.log(`fuzz ${name}: --seed ${seed} --inputs ${inputs}`)
  const begun = performance.now()
  const result = await run({ seed, inputs, log: (line) => console.log(line) })
  const seconds = (performance.now() - begun) / 1000
  console.log(`${result.inputs.toLocaleString('en-US')} inputs in ${seconds.toFixed(0)} s`)
  for (const finding of result.findings) console.log(`FOUND  ${finding}`)
  if (result.findings.length > 0) process.exitCode = 1
  else console.log('nothing was found')
}
