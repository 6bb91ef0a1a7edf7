export * from '../../packages/testing/src/server/resp.ts'
