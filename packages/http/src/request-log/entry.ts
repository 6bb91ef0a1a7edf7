/**
 * One finished request. A client's text is cut to the stated length. Characters that could fake a line of a log or control
 * a terminal are replaced by U+FFFD, and secrets by `[redacted]`.
 */
export interface RequestEntry {
  /** When the request arrived, milliseconds since 1970. */
  readonly at: number
  /** At most 32 characters. Empty for a request that Node's parser refused. */
  readonly method: string
  /** Without query, scheme, user and host; at most 1,024 characters. Empty for a request that Node's parser refused. */
  readonly path: string
  /** The matched route's pattern, if the framework knows it; at most 256 characters. */
  readonly route?: string
  /**
   * 499 when the client left before there was an answer. 0: a dropped request of which nothing is known; only `close` writes such an entry, when
   * drops are counted and no other entry follows.
   */
  readonly status: number
  /** Milliseconds to two decimals, from the first penknife middleware to the last byte. */
  readonly durationMs: number
  /** Bytes of the bodies. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** Whether the client left before it got the whole response. */
  readonly aborted: boolean
  /** The client's address as the framework resolved it, or what the option `ip` makes of it; at most 64 characters. */
  readonly ip?: string
  /** At most 256 characters. */
  readonly userAgent?: string
  /** The request id, which the response has too; at most 64 characters. */
  readonly id?: string
  /** The user, as the option `user` returns it; at most 128 characters. */
  readonly user?: string
  /** The query values that the option `query` names; each at most 256 characters. */
  readonly query?: Readonly<Record<string, string>>
  /** The W3C trace context that the client sent. */
  readonly trace?: RequestTrace
  /** The error that made the request fail. */
  readonly error?: RequestError
  /** What a rate limit decided: the denial if there was one, otherwise the latest decision. */
  readonly limit?: RequestLimit
  /** The share of such requests that is logged: above 0 and below 1. Missing: all of them. The entry stands for 1 / `rate` requests. */
  readonly rate?: number
  /** How many requests this process could not log since its entry before. */
  readonly dropped?: number
  /** True: `anonymise` wrote this entry instead of the original one. */
  readonly anonymised?: boolean
}

/** The ids of a `traceparent` header. */
export interface RequestTrace {
  /** 32 hexadecimal digits. */
  readonly id: string
  /** The caller's span: 16 hexadecimal digits. */
  readonly parent: string
  /** Whether the caller records the trace. */
  readonly sampled: boolean
}

export interface RequestError {
  /** The name of the error's class; at most 64 characters. */
  readonly name: string
  /** At most 256 characters. */
  readonly message: string
}

export interface RequestLimit {
  readonly limiter: string
  /** The binding rule. */
  readonly rule: string
  /** Whole tokens left under this rule. */
  readonly remaining: number
  readonly allowed: boolean
}
