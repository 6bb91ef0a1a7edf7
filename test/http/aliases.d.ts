/** The older major versions that the suite runs on are installed under these names. */
declare module 'express4' {
  import express from 'express'
  export default express
}
declare module 'koa2' {
  import Koa from 'koa'
  export default Koa
}
/** Its types are those of another version of Koa. */
declare module 'koa-mount' {
  import type Koa from 'koa'
  export default function mount(path: string, app: Koa | Koa.Middleware): Koa.Middleware
}
