--- Stop waiting for a lock: remove the ticket, and pass on what was offered to it, or granted to a call that got no answer.
-- @batch 64
-- @full runs         it frees a ticket
-- @include guard/locking
-- @shared channel    as lock.lua
-- @shared claim      as lock.lua
-- @item key lock     as lock.lua
-- @item key queue    as lock.lua
-- @item arg owner    as lock.lua
-- @returns integer   1 if it had the lock, else 0

local of = locking.open(nil, channel, 0, claim)

local function item(lock, queue, owner)
  return locking.leave(of, lock, queue, owner)
end
