--- Take several locks, all or none, or wait in the queues of all.
--
-- Invariant and dangerous moments as lock.lua has them. A caller that has some of the locks offered and needs others keeps the offers
-- until the others are to be free; when it dies, they end by themselves.
-- @batch 16
-- @full refused      it may add locks or tickets
-- @include guard/locking
-- @shared channel    as lock.lua
-- @shared lease      as lock.lua
-- @shared label      what holders call themselves
-- @shared claim      as lock.lua
-- @item keys all     the last fence of the space, then lock and queue of each
-- @item arg owner    as lock.lua
-- @item arg order    "-" not to wait, "+" for a new ticket, else the ticket's order; then, if it is another, what the holder calls itself
-- @returns integer|string as lock.lua

local of = locking.open(nil, channel, lease, claim)

local function item(all, owner, order)
  of.fences.key = all[1]
  return locking.ask(of, { unpack(all, 2) }, owner, order, label)
end
