/** Writes api/*.api.md: every export with its signature. With --check it fails when one is out of date instead. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { Extractor, ExtractorConfig, type ExtractorResult, type IConfigFile } from '@microsoft/api-extractor'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const REPORTS = join(ROOT, 'api')

/** The entries of the packages. A feature's entry of the core has a part of what `index` has, but those of metrics and tracing. */
const ENTRIES: Readonly<Record<string, readonly string[]>> = {
  core: ['index', 'internal', 'metrics/index', 'tracing/index'],
  http: ['index', 'adapter', 'plugins', 'websocket'],
  express: ['index'],
  koa: ['index'],
  fastify: ['index'],
  fetch: ['index', 'hono'],
  client: ['index'],
  testing: ['index'],
  dashboard: ['index', 'express', 'koa', 'node', 'fastify', 'fetch'],
  cli: ['index'],
}

function report(name: string, entry: string, check: boolean): ExtractorResult {
  const folder = join(ROOT, 'packages', name)
  const file = join(folder, 'dist', `${entry}.d.ts`)
  const off = { default: { logLevel: 'none' } } as const
  const configObject: IConfigFile = {
    projectFolder: folder,
    mainEntryPointFilePath: file,
    newlineKind: 'lf',
    compiler: {
      overrideTsconfig: {
        compilerOptions: {
          target: 'es2023',
          lib: ['es2023', 'esnext.disposable'],
          module: 'nodenext',
          moduleResolution: 'nodenext',
          types: ['node'],
          strict: true,
          skipLibCheck: true,
        },
        include: [file],
      },
    },
    apiReport: {
      enabled: true,
      reportFolder: REPORTS,
      reportTempFolder: join(folder, 'dist', '.api'),
      reportFileName: entry === 'index' ? name : `${name}-${entry.replace('/index', '')}`,
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: {
      extractorMessageReporting: off,
      tsdocMessageReporting: off,
      compilerMessageReporting: { default: { logLevel: 'error' } },
    },
  } as unknown as IConfigFile
  const config = ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: join(folder, 'api-extractor.json'),
    packageJsonFullPath: join(folder, 'package.json'),
  })
  return Extractor.invoke(config, {
    localBuild: !check,
    messageCallback: (message) => (message.handled = true),
  })
}

const check = process.argv.includes('--check')
const changed: string[] = []
for (const [name, entries] of Object.entries(ENTRIES)) {
  for (const entry of entries) {
    const { apiReportChanged, succeeded } = report(name, entry, check)
    if (!succeeded && !apiReportChanged) throw new Error(`the report of ${name}/${entry} cannot be made`)
    if (apiReportChanged) changed.push(`${name}/${entry}`)
  }
}
if (check && changed.length > 0) {
  console.error(`the public API of ${changed.join(', ')} changed: run pnpm api, and look at the difference`)
  process.exitCode = 1
} else console.log(`${readdirSync(REPORTS).length} reports in api/`)
