--- Take several locks, all or none, or wait in the queues of all.
--
-- Invariant and dangerous moments: as lock.lua. A caller with offers of some of the locks keeps them until the others should be free; when
-- it dies, the offers end by themselves.
-- @batch 16
-- @full refused      it may add locks or tickets
-- @include guard/locking
-- @shared channel    as lock.lua
-- @shared lease      as lock.lua
-- @shared label      as lock.lua
-- @shared claim      as lock.lua
-- @item keys all     the last fence of the space, then lock and queue of each
-- @item arg asked    as lock.lua
-- @returns integer|string as lock.lua

local of = locking.open(nil, channel, lease, claim)

local function item(all, asked)
  of.fences.key = all[1]
  return locking.ask(of, { unpack(all, 2) }, asked, label)
end
