--- Release a lock, and offer it to the first that waits.
--
-- Invariant: only the owner's record is deleted, so a holder whose lease has ended does not release another's lock. A process that dies
-- before the call leaves a lease that ends by itself; the same call again finds another's record or none, and does nothing.
-- @batch 100
-- @together
-- @full runs         it frees a lock
-- @include guard/locking
-- @include guard/free_locks
-- @shared channel    as lock.lua
-- @shared claim      as lock.lua
-- @item key lock     as lock.lua
-- @item key queue    as lock.lua
-- @item arg owner    as lock.lua
-- @returns integer   1 if the lease was in force, else 0

local of = locking.open(nil, channel, 0, claim)

local function together(places, owners)
  return free_locks.release(places, owners)
end

local function item(lock, queue, owner)
  return locking.release(of, lock, queue, owner)
end
