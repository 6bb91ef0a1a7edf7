import type { RateLimiter, Space } from '@penknife/core'
import * as forExpress from '@penknife/express'
import * as forFastify from '@penknife/fastify'
import * as forFetch from '@penknife/fetch'
import * as forHono from '@penknife/fetch/hono'
import * as forNode from '@penknife/http'
import * as forKoa from '@penknife/koa'
import type { Request, Response } from 'express'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from 'hono'
import type { IncomingMessage } from 'node:http'
import Koa, { type ParameterizedContext } from 'koa'
import { expectTypeOf, test } from 'vitest'

// What callbacks get in `exchange.context`, without a cast.

declare const limiter: RateLimiter
declare const space: Space

interface User {
  readonly id: string
  readonly plan: 'free' | 'paid'
}

declare global {
  namespace Express {
    // As passport and applications declare it.
    interface Request {
      user?: { readonly id: string }
    }
  }
}

declare module 'hono' {
  interface ContextVariableMap {
    tenant: string
  }
}

test('in Express: params, and what the application declared for its requests', () => {
  forExpress.rateLimit(limiter, {
    key({ context: { request } }) {
      expectTypeOf(request.params).toEqualTypeOf<Readonly<Record<string, string>>>()
      expectTypeOf(request.user).toEqualTypeOf<{ readonly id: string } | undefined>()
      return request.user?.id
    },
  })
  interface Own {
    request: Request<{ board: string }> & { user: User }
    response: Response
  }
  forExpress.rateLimit<Own>(limiter, {
    key: ({ context }) => context.request.params.board,
    cost: ({ context }) => (context.request.user.plan === 'paid' ? 1 : 2),
    skip: ({ context }) => Boolean(context.response.locals['internal']),
    refundIf: (_finish, { context }) => context.request.user.plan === 'paid',
    onLimited: ({ context }, decision) => ({ status: 429, body: [context.request.user.id, decision.rule] }),
  })
  forExpress.idempotent<Own>(space, { tenant: ({ context }) => context.request.user.id })
})

test("in Koa: Koa's context with state, params and session, typed for one application by its name", () => {
  forKoa.rateLimit(limiter, {
    key({ context }) {
      expectTypeOf(context.ip).toEqualTypeOf<string>()
      expectTypeOf(context.state.user).toBeAny()
      expectTypeOf(context['session']).toBeAny()
      return `${context.get('x-tenant')} ${String(context['params'].id)}`
    },
  })
  type Own = ParameterizedContext<{ user: User }, { params: { id: string } }>
  const app = new Koa<{ user: User }>()
  app.use(forKoa.rateLimit<Own>(limiter, { key: ({ context }) => context.state.user.id }))
  forKoa.requestLog<Own>({ add: async () => '' }, { fields: ({ context }) => ({ item: context.params.id }) })
})

test("in Fastify: its request and reply, a route's params by name", () => {
  forFastify.rateLimit(limiter, {
    key({ context }) {
      expectTypeOf(context.reply).toEqualTypeOf<FastifyReply>()
      return context.request.routeOptions.url
    },
  })
  interface Own {
    request: FastifyRequest<{ Params: { id: string } }>
    reply: FastifyReply
  }
  forFastify.rateLimit<Own>(limiter, { key: ({ context }) => context.request.params.id })
})

test('in Hono: variables, those that are declared and those of one application', () => {
  forHono.rateLimit(limiter, {
    key({ context }) {
      expectTypeOf(context.var.tenant).toEqualTypeOf<string>()
      return context.req.param('id')
    },
  })
  type Own = Context<{ Variables: { user: User } }>
  forHono.rateLimit<Own>(limiter, { key: ({ context }) => context.get('user').id })
  forHono.idempotent<Own>(space, { tenant: ({ context }) => context.var.user.id })
})

test('in fetch and node:http: what the application gives', () => {
  forFetch.rateLimit<forFetch.FetchExchangeContext<{ ip: string; user: User }>>(limiter, {
    key: ({ context }) => context.user.id,
  })
  forNode.rateLimit(limiter, {
    key({ context }) {
      expectTypeOf(context.request).toExtend<IncomingMessage | object>()
      return context.request.url
    },
  })
})
