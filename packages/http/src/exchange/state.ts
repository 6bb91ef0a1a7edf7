const STATE: unique symbol = Symbol.for('penknife.state') as never

interface Stateful {
  [STATE]?: object
}

/**
 * The object with all that penknife stores about a request. It is the only property that penknife adds to a request: adding one to
 * an object of Node costs more than most of what is done for a request. It also survives the exchange of a Request by middlewares.
 *
 * @param owner a request; on fetch servers a Request or a context
 */
export function stateOf(owner: object): object {
  return ((owner as Stateful)[STATE] ??= {})
}

/** The state of a response of Node is that of its request. In-process servers may have a response without one. */
export function stateOfResponse(response: object): object {
  return stateOf((response as { readonly req?: object }).req ?? response)
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
  return [request, req, raw].map((owner) => owner && knownState(owner))
}
