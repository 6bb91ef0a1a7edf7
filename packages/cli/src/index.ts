export { runCli } from './cli.ts'
export type { Streams as CliStreams } from './output.ts'
