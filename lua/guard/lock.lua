--- Take a lock, or wait in its queue.
--
-- The invariants are in lua/_lib/guard/locking.lua. The moments at which a process may die:
-- - Before the call: nothing happened. After it, before the answer: the lease ends by itself; a living caller asks again with the same
--   ticket and gets the lock.
-- - With the lock: the lease ends; the first waiting caller has a timer for that moment and asks.
-- - While it waits: nobody follows its channel, so its ticket is removed when it would be next.
-- - With an offer: the offer ends, and the second waiting caller, which was notified, asks. A process that was paused meanwhile asks when it
--   goes on, and learns that another has the lock: an offer is no lease.
-- - The first and the second: every other waiting caller asks when the lease that it knows of would have ended.
-- @batch 100
-- @together
-- @full refused      it may add a lock or a ticket
-- @include guard/locking
-- @include guard/free_locks
-- @shared keys keys  string: the last fence of the space
-- @shared channel    the beginning of the pub/sub channels of processes
-- @shared lease      milliseconds of a lease
-- @shared label      the name of holders
-- @shared claim      milliseconds of an offer
-- @item key lock     string: the lease or the offer
-- @item key queue    sorted set: tickets
-- @item arg asked    "ticket" not to wait; "ticket order": "-" not to wait, "+" for a new ticket, else the ticket's order; then another label, if any
-- @returns integer|string the fence; or "milliseconds order": ask again after that time, or when notified

local of = locking.open(keys[1], channel, lease, claim)

local function together(places, tickets)
  return free_locks.ask(of, places, tickets, label)
end

local function item(lock, queue, asked)
  return locking.ask(of, { lock, queue }, asked, label)
end
