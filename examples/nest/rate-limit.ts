import {
  type CanActivate,
  createParamDecorator,
  type DynamicModule,
  type ExecutionContext,
  HttpException,
  Inject,
  Injectable,
  Module,
  SetMetadata,
} from '@nestjs/common'
import { APP_GUARD, HttpAdapterHost, Reflector } from '@nestjs/core'
import type { LimiterDecision, RateLimiter } from '@penknife/core'
import { headersFor, ipKey } from '@penknife/http'

/** What the guard needs of a request; Express and Fastify both have it. */
interface Limited {
  readonly ip: string
  readonly user?: { readonly id: string }
  rateLimit?: LimiterDecision
}

interface Limit {
  readonly cost: number
}

const LIMITER = Symbol('limiter')
const LIMIT = 'penknife.limit'

/** How many tokens a route costs, instead of 1. 0: none, and the route is never denied. */
export const Cost = (cost: number): ClassDecorator & MethodDecorator => SetMetadata(LIMIT, { cost })

/** The decision about this request, as a parameter of a handler. */
export const Decision: () => ParameterDecorator = createParamDecorator(
  (_data: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<Limited>().rateLimit,
)

/** Counts each request for its user, or else for its address. On Express and on Fastify. */
@Injectable()
export class RateLimitGuard implements CanActivate {
  private readonly limiter: RateLimiter
  private readonly reflector: Reflector
  private readonly host: HttpAdapterHost

  constructor(
    @Inject(LIMITER) limiter: RateLimiter,
    @Inject(Reflector) reflector: Reflector,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
  ) {
    this.limiter = limiter
    this.reflector = reflector
    this.host = host
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp()
    const request = http.getRequest<Limited>()
    const places = [context.getHandler(), context.getClass()]
    const { cost } = this.reflector.getAllAndOverride<Limit | undefined>(LIMIT, places) ?? { cost: 1 }
    const subject = request.user ? `user ${request.user.id}` : ipKey(request.ip)
    const decision = await this.limiter.take(subject, { cost })
    request.rateLimit = decision
    for (const [name, value] of Object.entries(headersFor(decision))) {
      this.host.httpAdapter.setHeader(http.getResponse(), name, value)
    }
    if (decision.allowed) return true
    throw new HttpException('Too many requests', decision.decidedBy === 'policy' ? 503 : 429)
  }
}

@Module({})
// oxlint-disable-next-line typescript/no-extraneous-class -- Nest wants a class
export class RateLimitModule {
  /** Guards every route of the application. */
  static forRoot(limiter: RateLimiter): DynamicModule {
    return {
      module: RateLimitModule,
      providers: [
        { provide: LIMITER, useValue: limiter },
        { provide: APP_GUARD, useClass: RateLimitGuard },
      ],
    }
  }
}
