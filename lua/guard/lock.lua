--- Take a lock, or wait in its queue.
--
-- The invariants are in lua/_lib/guard/locking.lua. The moments at which a process may die:
-- - Before the call: nothing happened. After it, before the answer: the lease ends by itself; a caller that lives asks again with the same
--   owner and gets the lock.
-- - While it holds the lock: the lease ends; the first that waits has a timer for that moment and asks.
-- - While it waits: nobody follows its channel, so its ticket is taken out where it would be next.
-- - It was offered the lock: the offer ends, and the second that waits, which was told, asks. A process that stood still meanwhile asks
--   when it goes on, and is told that the lock is another's: an offer is no lease.
-- - The first and the second: whoever else waits asks when the lease that it knows of would have ended.
-- @batch 64
-- @full refused      it may add a lock or a ticket
-- @include guard/locking
-- @shared keys keys  string: the last fence of the space
-- @shared channel    what the pub/sub channels of processes begin with
-- @shared lease      milliseconds of a lease
-- @shared label      what holders call themselves
-- @shared claim      milliseconds of an offer
-- @item key lock     string: the lease or the offer
-- @item key queue    sorted set: tickets
-- @item arg owner    "process:number": the ticket of this caller
-- @item arg order    "-" not to wait, "+" for a new ticket, else the ticket's order; then, if it is another, what the holder calls itself
-- @returns integer|string the fence; or "milliseconds order": ask again after that time, or when told

local of = locking.open(keys[1], channel, lease, claim)

local function item(lock, queue, owner, order)
  return locking.ask(of, { lock, queue }, owner, order, label)
end
