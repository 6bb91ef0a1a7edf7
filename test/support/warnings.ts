import { given } from '../../packages/http/src/warn.ts'

const recorders: ((warning: NodeJS.ErrnoException) => void)[] = []
process.on('warning', (warning) => {
  for (const record of recorders) record(warning)
})

/** The texts of process warnings with this code, from now on. Those that are given once in a process are given again. */
export function warningsOf(code: string): readonly string[] {
  const texts: string[] = []
  recorders.push((warning) => {
    if (warning.code === code) texts.push(warning.message)
  })
  given.clear()
  return texts
}
