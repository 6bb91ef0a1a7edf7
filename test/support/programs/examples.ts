// Runs examples that end by themselves, one after another in one process, because a process for each needs twice as long. Prints the
// name of each before it, and its exit code after it.
import { basename } from 'node:path'
import { pathToFileURL } from 'node:url'

const exit = process.exit.bind(process)
for (const path of process.argv.slice(2)) {
  console.log(`begin ${basename(path, '.mjs')}`)
  const ended = new Promise<number>((resolve) => {
    process.exit = ((code: number = 0) => resolve(code)) as typeof process.exit
  })
  await import(pathToFileURL(path).href)
  console.log(`end ${await ended}`)
}
exit()
