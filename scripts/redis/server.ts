export * from '../../packages/testing/src/server/server.ts'
