--- Renew the lease of a lock.
--
-- Invariant: a lease that ended is not renewed, even when nobody took the lock since: its holder may know already that it ended.
-- @batch 64
-- @full runs         work that goes on depends on it; it adds nothing
-- @include guard/locking
-- @shared lease      milliseconds
-- @item key lock     as lock.lua
-- @item arg owner    as lock.lua
-- @returns integer   1 if it was renewed, 0 if it ended

lease = tonumber(lease)

local function item(lock, owner)
  return locking.renew(lock, owner, lease)
end
