const STATE: unique symbol = Symbol.for('penknife.state') as never

interface Stateful {
  [STATE]?: object
}

/** The object with the state of a request, for frameworks in which middlewares may exchange the Request itself. */
export function stateOf(owner: object): object {
  return ((owner as Stateful)[STATE] ??= {})
}

/** Gives the state of a request to the one that replaces it. */
export function inherit(replaced: object, next: object): void {
  ;(next as Stateful)[STATE] = stateOf(replaced)
}

export function knownState(owner: object): object | undefined {
  return (owner as Stateful)[STATE]
}

/**
 * The objects on which the state of a request may be stored, from the object that an application has: the request of node:http,
 * Express, Fastify or Nest, the context of Koa or Hono, or a Request.
 */
export function holdersOf(request: object): readonly (object | undefined)[] {
  const { req, raw } = request as { req?: object; raw?: object }
  return [knownState(request), request, req, raw]
}
