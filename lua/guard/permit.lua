--- Take permits of a semaphore, or wait for them.
--
-- The invariants are in lua/_lib/guard/permits.lua, the moments at which a process may die in lock.lua: they are the same.
-- @batch 32
-- @full refused      it may add a lease or a ticket
-- @include guard/permits
-- @shared keys keys  string: the last fence of the space
-- @shared channel    the beginning of the pub/sub channels of processes
-- @shared size       permits that there are
-- @shared lease      milliseconds of a lease
-- @shared claim      milliseconds of an offer
-- @item key held     sorted set: tickets that have permits, by the end of their lease
-- @item key extra    string: the permits of those tickets beyond one each
-- @item key queue    sorted set: tickets that wait
-- @item arg ticket   "process:number" or "process:number:permits"
-- @item arg order    "-" not to wait, "+" for a new ticket, else the ticket's order
-- @returns integer|string the fence; or "milliseconds order": ask again after that time, or when notified

local of = permits.open(keys[1], channel, size, lease, claim)

local function item(held, extra, queue, ticket, order)
  return permits.ask(of, held, extra, queue, ticket, order)
end
